# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Certified accuracy on digits, 64-128-128-10, for penalties and weights.

    python benchmarks/certified_digits.py --output benchmarks/certified_digits.csv

Pixels over 16, 30 % held out (stratified, seed 0), batch 128, 200 epochs of Adam at
1e-3, mean over the seeds. Certified by the product rule, margin > sqrt(2) * L * eps,
and beside it by the best method. "enforce" is ADMM with the weight as its bound: 60
epochs for its start and 360 rounds of one; there L is LipSDP's in the first rule, and
the second has LipSDP's constant of each pair of classes. "bounded" is bounded by
construction with the weight as its radius, input noise 0.05 and 80 epochs; there the
second rule is "pairwise". Runs that are in the file already are not repeated.
"""

import argparse
import csv
import os

import numpy as np
from _harness import cpu_seconds
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklip import (
    ADMMLipschitzMLPClassifier,
    LipschitzBoundedMLPClassifier,
    LipschitzRegularizedMLPClassifier,
    certified_accuracy_score,
    certified_radius,
    margins,
)

RADII = (0.141, 0.282, 0.424, 0.5, 1.0)
SETTINGS = [
    ("none", 0.0),
    ("spectral", 0.06),
    ("spectral", 0.1),
    ("spectral", 0.15),
    ("product", 0.01),
    ("product", 0.03),
    ("jacobian", 0.1),
    ("enforce", 2.7),
    ("bounded", 0.5),
    ("bounded", 1.0),
]
COLUMNS = ["penalty", "weight", "seed", "accuracy", "bound", "fit_cpu_s"]
COLUMNS += [f"{method}_{radius}" for method in ("product", "best") for radius in RADII]


def make_model(penalty, weight, seed):
    """Unfitted estimator."""
    common = {
        "hidden_layer_sizes": (128, 128),
        "batch_size": 128,
        "tol": 0,
        "n_iter_no_change": 1000,
        "random_state": seed,
    }
    if penalty == "bounded":
        return LipschitzBoundedMLPClassifier(
            radius=weight, input_noise=0.05, random_state=seed
        )
    if penalty == "enforce":
        return ADMMLipschitzMLPClassifier(
            **common,
            lipschitz_bound=weight,
            init_alpha=1e-3,
            alpha=0.0,
            learning_rate_init=1e-2,
            max_iter=60,
            max_admm_iter=360,
            refresh_multipliers=30,
            admm_tol=0.0,
            certificate="lipsdp",
        )
    return LipschitzRegularizedMLPClassifier(
        **common, penalty=penalty, lipschitz_weight=weight, max_iter=200
    )


def certified(model, X, y):
    """Certified accuracies by both rules."""
    if isinstance(model, LipschitzRegularizedMLPClassifier):
        return [
            certified_accuracy_score(model, X, y, radius=radius, method=method)
            for method in ("product", "best")
            for radius in RADII
        ]
    rules = (margins(model, X, y) / (np.sqrt(2) * model.lipschitz_bound_),)
    pairs = "lipsdp" if isinstance(model, ADMMLipschitzMLPClassifier) else "pairwise"
    rules += (certified_radius(model, X, y, method=pairs),)
    return [np.mean(radii >= radius) for radii in rules for radius in RADII]


def run(penalty, weight, seed):
    """One fit and its scores, in percent."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.3, stratify=y, random_state=0
    )
    model = make_model(penalty, weight, seed)
    seconds = cpu_seconds(lambda: model.fit(X, y))
    scores = certified(model, X_test, y_test)
    head = [penalty, weight, seed, f"{100 * model.score(X_test, y_test):.2f}"]
    head += [f"{model.lipschitz_bound_:.4f}", f"{seconds:.2f}"]
    return head + [f"{100 * score:.2f}" for score in scores]


def _read(path):
    if not os.path.exists(path):
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def _print_means(rows):
    for penalty, weight in SETTINGS:
        chosen = [
            row
            for row in rows
            if row["penalty"] == penalty and float(row["weight"]) == weight
        ]
        means = {
            name: np.mean([float(row[name]) for row in chosen]) for name in COLUMNS[3:]
        }
        by_method = [
            "/".join(f"{means[f'{method}_{radius}']:.1f}" for radius in RADII)
            for method in ("product", "best")
        ]
        print(
            f"{penalty:9s} {weight:5} acc {means['accuracy']:.2f}  "
            f"L {means['bound']:.2f}  product {by_method[0]}  best {by_method[1]}  "
            f"{means['fit_cpu_s']:.2f} s"
        )


def main():
    """Run what is missing in the file, then print the means over the seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--output", default="certified_digits.csv")
    options = parser.parse_args()
    done = {
        (row["penalty"], float(row["weight"]), int(row["seed"]))
        for row in _read(options.output)
    }
    for penalty, weight in SETTINGS:
        for seed in range(options.seeds):
            if (penalty, weight, seed) in done:
                continue
            row = run(penalty, weight, seed)
            new = not os.path.exists(options.output)
            with open(options.output, "a", newline="") as file:
                csv.writer(file).writerows(([COLUMNS] if new else []) + [row])
    _print_means(_read(options.output))


if __name__ == "__main__":
    main()
