# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A whole ADMM fit beside the plain fit: digits, ReLU networks, one thread.

    python benchmarks/admm_cost.py --output benchmarks/admm_cost.csv

Pixels over 16, 30 % held out, float32. "plain" is the estimator without penalty, 200
epochs of Adam, batch 128; "admm" the default settings of the ADMM estimator with a
bound enforced: start, LipSDP for the multipliers, at most 100 epochs with a projection
after every few of them, last biases. Certificates of both included. CPU seconds;
"ratio" is the median over the repeats of the two times taken one after the other.
"""

import statistics

import _peers  # noqa: F401, one thread
import numpy as np
from _harness import Table, cpu_seconds, parse
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklip import ADMMLipschitzMLPClassifier, LipschitzRegularizedMLPClassifier

COLUMNS = ["hidden", "bound", "plain_s", "admm_s", "ratio"]
COLUMNS += ["plain_epochs", "admm_epochs", "admm_iterations"]
COLUMNS += ["plain_accuracy", "admm_accuracy", "plain_bound", "admm_bound"]
SETTINGS = [((64,), 3.0), ((128, 128), 3.0)]


def load():
    """Training and test digits."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    return train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)


def compare(hidden, bound, repeats):
    """What one row holds: both fits with every seed."""
    X, X_test, y, y_test = load()
    plain_s, admm_s = [], []
    for seed in range(repeats):
        plain = LipschitzRegularizedMLPClassifier(
            hidden, penalty="none", batch_size=128, random_state=seed
        )
        admm = ADMMLipschitzMLPClassifier(
            hidden, lipschitz_bound=bound, batch_size=128, random_state=seed
        )
        plain_s.append(cpu_seconds(lambda model=plain: model.fit(X, y)))
        admm_s.append(cpu_seconds(lambda model=admm: model.fit(X, y)))
    ratio = statistics.median(a / p for a, p in zip(admm_s, plain_s, strict=True))
    return [
        f"{statistics.median(plain_s):.2f}",
        f"{statistics.median(admm_s):.2f}",
        f"{ratio:.2f}",
        plain.n_iter_,
        admm.n_iter_,
        len(admm.primal_residuals_),
        f"{plain.score(X_test, y_test):.4f}",
        f"{admm.score(X_test, y_test):.4f}",
        f"{plain.lipschitz_bound_:.4g}",
        f"{admm.lipschitz_bound_:.4g}",
    ]


def main():
    """Measure, print and write."""
    options = parse(__doc__, repeats=3)
    compare((8,), 1.0, 1)  # libraries load on first use
    table = Table(options.output, COLUMNS)
    for hidden, bound in SETTINGS:
        sizes = "-".join(map(str, (64, *hidden, 10)))
        arguments = hidden, bound, options.repeats
        table.fill((sizes, bound), lambda a=arguments: compare(*a))


if __name__ == "__main__":
    main()
