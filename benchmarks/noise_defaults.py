# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""NoiseLipschitzClassifier's defaults beside the plain network: clean and under noise.

    python benchmarks/noise_defaults.py --data FOLDER \\
        --output benchmarks/noise_defaults.csv

The tables of classes of ``tables.py``. Five folds, six times on tables of fewer than
1000 rows, whose test folds are a few samples each; ``noisy`` is the accuracy at inputs
with normal noise of the defaults' ``noise_std``, the same draws for both networks.
Differences are noise less plain, with the standard error over the folds. ``--summary``
prints the mean over the tables. Rows that are there are not measured again.
"""

import warnings

import numpy as np
from _harness import Table, parse
from sklearn.model_selection import RepeatedStratifiedKFold
from tables import prepared, tables
from threadpoolctl import threadpool_limits

from sklip import LipschitzRegularizedMLPClassifier, NoiseLipschitzClassifier

SMALL, REPEATS, DRAWS = 1000, 6, 10
COLUMNS = ["table", "rows", "folds", "plain", "noise", "difference", "error"]
COLUMNS += ["noisy_plain", "noisy_noise", "noisy_difference", "noisy_error"]


def _scores(model, rows, seed):
    """Accuracy, and accuracy under noise."""
    X, X_test, y, y_test = rows
    model.fit(X, y)
    rng = np.random.default_rng(seed)
    std = NoiseLipschitzClassifier().noise_std
    noisy = [
        model.score(X_test + rng.normal(0.0, std, X_test.shape), y_test)
        for _ in range(DRAWS)
    ]
    return model.score(X_test, y_test), np.mean(noisy)


def measure(load):
    """The row of one table."""
    X, y = load()
    y = np.unique(y, return_inverse=True)[1]
    repeats = REPEATS if len(y) < SMALL else 1
    splitter = RepeatedStratifiedKFold(n_splits=5, n_repeats=repeats, random_state=0)
    found = []
    for seed, (train, test) in enumerate(splitter.split(X, y)):
        rows = prepared(X, y, train, test, classify=True)
        plain = LipschitzRegularizedMLPClassifier(penalty="none", random_state=seed)
        noise = NoiseLipschitzClassifier(random_state=seed)
        found.append([_scores(model, rows, seed) for model in (plain, noise)])
    found = np.array(found)  # (folds, models, clean and noisy)
    row = [str(len(y)), str(len(found))]
    for part in (0, 1):
        difference = found[:, 1, part] - found[:, 0, part]
        error = difference.std(ddof=1) / np.sqrt(len(difference))
        row += [*found[:, :, part].mean(0), difference.mean(), error]
    return row


def main():
    """Measure, or sum up."""
    options = parse(__doc__, data="", only="", summary={"action": "store_true"})
    threadpool_limits(1)
    warnings.filterwarnings("ignore")
    table = Table(options.output, COLUMNS, form="{:.4f}".format)
    if options.summary:
        for name in ("difference", "noisy_difference"):
            values = [float(row[name]) for row in table.rows]
            print(f"{name}: mean {np.mean(values):+.4f}, least {np.min(values):+.4f}")
        return
    for name, (load, classify) in tables(options.data).items():
        if classify and options.only in name:
            table.fill((name,), lambda load=load: measure(load))


if __name__ == "__main__":
    main()
