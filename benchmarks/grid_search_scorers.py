# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What certified scorers add to a grid search on digits, 64-64-10.

24 settings, 3 folds, ``certificate="auto"`` in all: accuracy alone, then accuracy,
certified accuracy at .1 and the negated bound. CPU seconds of one process; pixels are
in [0, 1] and, for the second pair of rows, as they come in [0, 16].

OMP_NUM_THREADS=1 python benchmarks/grid_search_scorers.py --repeats 1 \
    --output benchmarks/grid_search_scorers.csv
"""

import statistics
import warnings

from _harness import Table, parse, timed
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
COLUMNS = ["pixels", "accuracy_cpu_s", "all_cpu_s", "ratio", "scoring_wall_s"]


def search_seconds(X, y, scoring, seed):
    """CPU seconds of one search, and the search."""
    model = LipschitzRegularizedMLPClassifier((64,), random_state=seed)
    search = GridSearchCV(model, GRID, scoring=scoring, refit=False, cv=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search, seconds = timed(lambda: search.fit(X, y))
    return seconds, search.cv_results_


def measure(X, y, seed):
    """Seconds alone and with all scorers, and where the difference goes."""
    # Each search has its own seed: none may live off what another one left in a cache.
    alone, _ = search_seconds(X, y, "accuracy", 2 * seed)
    both, results = search_seconds(X, y, SCORERS, 2 * seed + 1)
    scoring = results["mean_score_time"].sum() * 3
    return alone, both, both / alone, scoring


def medians(X, y, repeats):
    """Of the repeats, each with seeds of its own."""
    runs = [measure(X, y, seed) for seed in range(repeats)]
    return [f"{statistics.median(column):.3f}" for column in zip(*runs, strict=True)]


def main():
    """Measure and print."""
    options = parse(__doc__, repeats=3)
    X, y = load_digits(return_X_y=True)
    table = Table(options.output, COLUMNS)
    for scale in (16, 1):
        arguments = X / scale, y, options.repeats
        table.fill((f"[0, {16 // scale}]",), lambda a=arguments: medians(*a))


if __name__ == "__main__":
    main()
