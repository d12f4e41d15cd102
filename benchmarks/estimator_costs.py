# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Prediction time, peak memory of fit, and a grid search on one and two processes.

python benchmarks/estimator_costs.py --output benchmarks/estimator_costs.csv
"""

import multiprocessing
import resource
import statistics
import time

import numpy as np
from _harness import Table, cpu_seconds, parse
from _peers import HIDDEN, make_data, sklearn_model, sklip_model
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from sklip import LipschitzRegularizedMLPClassifier


def predict_ratio(repeats):
    """Predicting 50,000 rows of 30 float64 features, CPU time over scikit-learn's."""
    X, y = make_data(50_000, 30, np.float64)
    ours = sklip_model(512, 1).fit(X[:2000], y[:2000])
    theirs = sklearn_model(512, 1).fit(X[:2000], y[:2000])
    ratios = [
        cpu_seconds(lambda: ours.predict(X)) / cpu_seconds(lambda: theirs.predict(X))
        for _ in range(repeats)
    ]
    return statistics.median(ratios)


def _peak_of_fit(name, queue):
    X, y = make_data(20_000, 784)
    make = sklip_model if name == "sklip" else sklearn_model
    make(200, 1).fit(X[:400], y[:400])  # libraries load on first use
    before = _resident_mib()
    make(200, 2).fit(X, y)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    queue.put((peak, peak - before))


def _resident_mib():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


def peak_memory(name):
    """MiB of a fresh process that fits 20,000 x 784 float32: (peak, growth in fit)."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_peak_of_fit, args=(name, queue))
    process.start()
    peaks = queue.get()
    process.join()
    return peaks


def grid_search_seconds(n_jobs):
    """Wall seconds of 12 fits on digits."""
    X, y = load_digits(return_X_y=True)
    model = LipschitzRegularizedMLPClassifier(
        HIDDEN, max_iter=60, tol=0, n_iter_no_change=1000, random_state=0
    )
    grid = {"lipschitz_weight": [0.0, 0.01, 0.03, 0.1]}
    search = GridSearchCV(model, grid, cv=3, n_jobs=n_jobs)
    start = time.perf_counter()
    search.fit(X / 16, y)
    return time.perf_counter() - start


def main():
    """Measure and print."""
    options = parse(__doc__, repeats=9)
    table = Table(options.output, ["quantity", "value"], form="{:.3f}".format)
    table.fill(
        ("predict 50000x30 float64, sklip/sklearn",),
        lambda: [predict_ratio(options.repeats)],
    )
    for name in ("sklip", "sklearn"):
        quantity = f"peak MiB of the process, 20000x784 float32, {name}"
        if not table.find(quantity):
            peak, growth = peak_memory(name)
            fit = f"growth MiB during fit, 20000x784 float32, {name}"
            table.add([quantity, peak], [fit, growth])
    for n_jobs in (1, 2):
        quantity = f"grid search of 12 fits on digits, n_jobs={n_jobs}, s"
        table.fill((quantity,), lambda n=n_jobs: [median_search(n)])


def median_search(n_jobs):
    """Of three grid searches, after one that starts the workers."""
    grid_search_seconds(2)
    return statistics.median(grid_search_seconds(n_jobs) for _ in range(3))


if __name__ == "__main__":
    main()
