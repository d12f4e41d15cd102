# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What certified scorers add to a grid search on digits, 64-64-10.

24 settings, 3 folds, ``certificate="auto"`` in all: accuracy alone, then accuracy,
certified accuracy at .1 and the negated bound. CPU seconds of one process; pixels are
in [0, 1] and, for the second pair of rows, as they come in [0, 16].

OMP_NUM_THREADS=1 python benchmarks/grid_search_scorers.py --repeats 1 \
    --output benchmarks/grid_search_scorers.csv
"""

import argparse
import csv
import statistics
import time
import warnings

from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from sklip import (
    LipschitzRegularizedMLPClassifier,
    make_certified_accuracy_scorer,
    make_lipschitz_scorer,
)

GRID = {
    "penalty": ["spectral", "product"],
    "lipschitz_weight": [0.0, 0.01, 0.03, 0.1],
    "alpha": [0.0, 1e-4, 1e-2],
}
SCORERS = {
    "accuracy": "accuracy",
    "certified": make_certified_accuracy_scorer(radius=0.1),
    "neg_lipschitz": make_lipschitz_scorer(),
}


def search_seconds(X, y, scoring, seed):
    """CPU seconds of one search, and the search."""
    model = LipschitzRegularizedMLPClassifier((64,), random_state=seed)
    search = GridSearchCV(model, GRID, scoring=scoring, refit=False, cv=3)
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search.fit(X, y)
    return time.process_time() - start, search.cv_results_


def measure(X, y, seed):
    """Seconds alone and with all scorers, and where the difference goes."""
    # Each search has its own seed: none may live off what another one left in a cache.
    alone, _ = search_seconds(X, y, "accuracy", 2 * seed)
    both, results = search_seconds(X, y, SCORERS, 2 * seed + 1)
    scoring = results["mean_score_time"].sum() * 3
    return alone, both, both / alone, scoring


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", default=None, help="CSV to write")
    options = parser.parse_args()
    X, y = load_digits(return_X_y=True)
    rows = []
    for scale in (16, 1):
        runs = [measure(X / scale, y, seed) for seed in range(options.repeats)]
        medians = [statistics.median(column) for column in zip(*runs, strict=True)]
        rows.append([f"[0, {16 // scale}]", *(f"{value:.3f}" for value in medians)])
        print(*rows[-1])
    if options.output:
        header = ["pixels", "accuracy_cpu_s", "all_cpu_s", "ratio", "scoring_wall_s"]
        with open(options.output, "w", newline="") as file:
            csv.writer(file).writerows([header, *rows])


if __name__ == "__main__":
    main()
