# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The Lipschitz step of ADMM: native, cold and warm, beside cvxpy's solvers.

    python benchmarks/lipschitz_step.py --peers --output benchmarks/lipschitz_step.csv
    python benchmarks/lipschitz_step.py --output benchmarks/lipschitz_step.csv
    python benchmarks/lipschitz_step.py --peers scs --nets net.npz

Random networks, and trained ones from npz files with arrays W0, W1 ...; the multipliers
are LipSDP's, the bound is 0.4 of LipSDP's, and the targets move by 3 % of their size
from one call to the next. The "fit" rows are the steps that ADMM takes while it learns
the digits (pixels repeated to 28 x 28 for 784 inputs; for 30, the first 30; bound 3).
CPU seconds on one thread; median of the warm calls. cvxpy's times are those of a new
problem, and of a second solve of the compiled one. Rows in the output are not repeated.
"""

import argparse
import csv
import os
import time
from unittest import mock

import _peers  # noqa: F401  one thread for every library
import numpy as np
from sklearn.datasets import load_digits

from sklip import ADMMLipschitzMLPClassifier, FeedForward, lipschitz_bound
from sklip.networks import random_network
from sklip.training import CvxpyStep, LipschitzUpdate, lipschitz_step

SIZES = [
    [30, 64, 2],
    [64, 64, 10],
    [64, 256, 10],
    [64, 128, 128, 128, 10],
    [784, 256, 10],
]
# Above this many units cvxpy is not asked.
PEER_UNITS = 150
COLUMNS = ["net", "sizes", "mode", "tol", "solver", "first_s", "next_s", "objective"]


def networks(paths):
    """Pairs (name, FeedForward)."""
    for sizes in SIZES:
        yield "random", random_network(sizes, gain=2.0, random_state=0)
    for path in paths:
        data = np.load(path)
        weights = [data[f"W{k}"] for k in range(sum(n[0] == "W" for n in data))]
        name = os.path.splitext(os.path.basename(path))[0]
        yield name, FeedForward([w.astype(float) for w in weights])


def moving_targets(network, n_calls):
    """Targets of consecutive calls."""
    rng = np.random.default_rng(0)
    targets = [w.copy() for w in network.weights]
    for _ in range(n_calls):
        yield targets
        targets = [
            v
            + 0.03 * np.linalg.norm(v) / np.sqrt(v.size) * rng.standard_normal(v.shape)
            for v in targets
        ]


def fit_steps(sizes):
    """CPU seconds of the steps of one fit, tol 1e-4."""
    X, y = load_digits(return_X_y=True)
    X = X / 16
    if sizes[0] == 784:
        images = np.kron(X.reshape(-1, 8, 8), np.ones((1, 4, 4)))
        X = images[:, 2:30, 2:30].reshape(len(X), -1) / 4
    seconds = []

    class Timed(LipschitzUpdate):
        """The step with a clock."""

        def __call__(self, *arguments):
            start = time.process_time()
            result = super().__call__(*arguments)
            seconds.append(time.process_time() - start)
            return result

    model = ADMMLipschitzMLPClassifier(
        tuple(sizes[1:-1]),
        lipschitz_bound=3.0,
        max_iter=20,
        max_admm_iter=20,
        admm_tol=0,
        batch_size=128,
        certificate=None,
        random_state=0,
    )
    with mock.patch("sklip.estimators._admm_run.LipschitzUpdate", Timed):
        model.fit(X[:, : sizes[0]], y)
    return seconds[0], np.median(seconds[1:]), float("nan")


def measure(solve, network, n_calls, kind):
    """Seconds of the first call, median of the next, objective of the first."""
    seconds, objective, state = [], None, None
    for targets in moving_targets(network, n_calls):
        start = time.process_time()
        result = solve(targets, state)
        seconds.append(time.process_time() - start)
        state = result.state
        if objective is None:
            objective = kind.get("weight", 0.0) * result.bound**2 + 0.5 * sum(
                np.sum((v - w) ** 2)
                for v, w in zip(targets, result.weights, strict=True)
            )
    return seconds[0], np.median(seconds[1:]), objective


def tasks(name, network, peers):
    """Pairs of the first five columns and what measures the rest."""
    label = "-".join(map(str, network.layer_sizes))
    for mode in ("enforce", "regularise"):
        for tol in (1e-4, 1e-8):
            yield [name, label, mode, f"{tol:g}", "native"], _native
    if sum(network.layer_sizes) <= PEER_UNITS:
        for peer in peers:
            for tol in (1e-4, 1e-8) if peer == "clarabel" else (1e-4,):
                yield [name, label, "enforce", f"{tol:g}", peer], _cvxpy


def _problem(network, mode):
    """Multipliers, and the other arguments."""
    certificate = lipschitz_bound(network, method="lipsdp")
    multipliers = [d**2 / 2 for d in certificate.multipliers]
    kind = {"weight": 0.01}
    if mode == "enforce":
        kind = {"bound": 0.4 * certificate.value}
    return multipliers, ["relu"] * len(multipliers), kind


def _native(network, mode, tol, _):
    multipliers, slopes, kind = _problem(network, mode)

    def solve(v, state):
        return lipschitz_step(
            v, multipliers, slopes=slopes, tol=float(tol), state=state, **kind
        )

    return measure(solve, network, 10, kind)


def _cvxpy(network, mode, tol, peer):
    multipliers, slopes, kind = _problem(network, mode)
    step = CvxpyStep(network.layer_sizes, peer)

    def solve(v, state):
        return step.solve(v, multipliers, slopes=slopes, tol=float(tol), **kind)

    return measure(solve, network, 2, kind)


class Rows:
    """The file, and what is in it already."""

    def __init__(self, path):
        self.path = path
        self.done = []
        if path and os.path.exists(path):
            with open(path, newline="") as file:
                self.done = [row[:5] for row in csv.reader(file)]
        print(*COLUMNS, sep="\t")

    def add(self, key, run):
        """Measure unless it is there, print, and append."""
        if key in self.done:
            return
        row = [*key, *(f"{value:.6g}" for value in run())]
        print(*row, sep="\t", flush=True)
        if self.path:
            new = not os.path.exists(self.path)
            with open(self.path, "a", newline="") as file:
                csv.writer(file).writerows(([COLUMNS] if new else []) + [row])


def main():
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nets", nargs="*", default=[], help="npz files")
    parser.add_argument("--peers", nargs="*", default=["scs", "clarabel"])
    parser.add_argument("--output", default=None, help="CSV to write")
    options = parser.parse_args()
    lipschitz_step([np.eye(2)], [], slopes=[], bound=0.5)  # libraries load
    table = Rows(options.output)
    for sizes in SIZES:
        if sizes[-1] == 10:
            key = ["fit", "-".join(map(str, sizes)), "enforce", "0.0001", "native"]
            table.add(key, lambda sizes=sizes: fit_steps(sizes))
    for name, network in networks(options.nets):
        for key, run in tasks(name, network, options.peers):
            table.add(key, lambda n=network, k=key, run=run: run(n, k[2], k[3], k[4]))


if __name__ == "__main__":
    main()
