# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Certified bound against accuracy: the LipSDP penalty beside the spectral one.

    python benchmarks/lipsdp_penalty.py --output benchmarks/lipsdp_penalty.csv
    python benchmarks/lipsdp_penalty.py --csv concrete.csv --output ...

Digits (64-64-10, pixels over 16, 30 % held out, 100 epochs), or a regression table
whose last column is the target (standardised, 64 hidden, 300 epochs). The bound is
LipSDP's for both penalties, means over the seeds. Runs in the output are not repeated.
"""

from pathlib import Path

import _peers  # noqa: F401, one thread
import numpy as np
from _harness import Table, cpu_seconds, parse
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklip import LipschitzRegularizedMLPClassifier, LipschitzRegularizedMLPRegressor

DIGITS = {
    "lipsdp": (0.001, 0.003, 0.01, 0.03),
    "spectral": (0.03, 0.06, 0.1, 0.15, 0.2),
}
TABLE = {
    "lipsdp": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
    "spectral": (1e-3, 3e-3, 1e-2, 3e-2, 1e-1),
}
COLUMNS = ["data", "penalty", "weight", "seed", "bound", "score", "fit_cpu_s"]


def load(path):
    """Name, training and test parts, float32."""
    if path is None:
        X, y = load_digits(return_X_y=True)
        name, X, stratify = "digits", X / 16, y
    else:
        table = np.loadtxt(path, delimiter=",", skiprows=1)
        name = Path(path).stem
        table = (table - table.mean(axis=0)) / table.std(axis=0)
        X, y, stratify = table[:, :-1], table[:, -1], None
    X = X.astype(np.float32)
    return name, train_test_split(
        X, y, test_size=0.3, stratify=stratify, random_state=0
    )


def run(parts, penalty, weight, seed, classify):
    """Bound, score and CPU seconds of one fit."""
    X, X_test, y, y_test = parts
    kind = (
        LipschitzRegularizedMLPClassifier
        if classify
        else LipschitzRegularizedMLPRegressor
    )
    model = kind(
        (64,),
        penalty=penalty,
        lipschitz_weight=weight,
        batch_size=128,
        max_iter=100 if classify else 300,
        tol=0,
        n_iter_no_change=10**6,
        certificate="lipsdp",
        random_state=seed,
    )
    seconds = cpu_seconds(lambda: model.fit(X, y))
    return [
        f"{model.lipschitz_bound_:.4f}",
        f"{model.score(X_test, y_test):.4f}",
        f"{seconds:.2f}",
    ]


def _print_means(rows, name, weights):
    for penalty, values in weights.items():
        for weight in values:
            chosen = [
                r
                for r in rows
                if (r["data"], r["penalty"], float(r["weight"]))
                == (name, penalty, weight)
            ]
            means = [np.mean([float(r[c]) for r in chosen]) for c in COLUMNS[4:]]
            print(
                f"{name} {penalty:9s} {weight:7g}  L {means[0]:.3f}  "
                f"score {means[1]:.4f}  {means[2]:.2f} s"
            )


def main():
    """Run what is missing in the file, then print the means over the seeds."""
    options = parse(
        __doc__,
        output="lipsdp_penalty.csv",
        csv={"help": "a regression table"},
        seeds=3,
    )
    name, parts = load(options.csv)
    weights = DIGITS if options.csv is None else TABLE
    table = Table(options.output, COLUMNS)
    for penalty, values in weights.items():
        for weight in values:
            for seed in range(options.seeds):
                arguments = parts, penalty, weight, seed, options.csv is None
                key = (name, penalty, weight, seed)
                table.fill(key, lambda a=arguments: run(*a))
    _print_means(table.rows, name, weights)


if __name__ == "__main__":
    main()
