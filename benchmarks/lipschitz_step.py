# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The Lipschitz step of ADMM: native, cold and warm, beside cvxpy's solvers.

    python benchmarks/lipschitz_step.py --output benchmarks/lipschitz_step.csv
    python benchmarks/lipschitz_step.py --peers scs --nets net.npz

Random networks, and trained ones from npz files with arrays W0, W1 ...; the multipliers
are LipSDP's, the bound is 0.4 of LipSDP's, and the targets move by 3 % of their size
from one call to the next. CPU seconds on one thread; median of the warm calls. cvxpy's
times are those of a new problem, and of a second solve of the compiled one.
"""

import argparse
import csv
import os
import time

import _peers  # noqa: F401  one thread for every library
import numpy as np

from sklip import FeedForward, lipschitz_bound
from sklip.networks import random_network
from sklip.training import CvxpyStep, lipschitz_step

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


def rows(name, network, peers):
    """Rows of one network."""
    certificate = lipschitz_bound(network, method="lipsdp")
    multipliers = [d**2 / 2 for d in certificate.multipliers]
    slopes, sizes = ["relu"] * len(multipliers), list(network.layer_sizes)
    label = "-".join(map(str, sizes))
    for kind in ({"bound": 0.4 * certificate.value}, {"weight": 0.01}):
        mode = "enforce" if "bound" in kind else "regularise"
        for tol in (1e-4, 1e-8):
            arguments = {"slopes": slopes, "tol": tol, **kind}

            def native(v, s, arguments=arguments):
                return lipschitz_step(v, multipliers, state=s, **arguments)

            found = measure(native, network, 10, kind)
            yield [name, label, mode, tol, "native", *found]
        if sum(sizes) > PEER_UNITS or mode == "regularise":
            continue
        for peer in peers:
            step = CvxpyStep(sizes, peer)

            def other(v, s, step=step, kind=kind):
                return step.solve(v, multipliers, slopes=slopes, tol=1e-4, **kind)

            found = measure(other, network, 2, kind)
            yield [name, label, mode, 1e-4, peer, *found]


def main():
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nets", nargs="*", default=[], help="npz files")
    parser.add_argument("--peers", nargs="*", default=["scs", "clarabel"])
    parser.add_argument("--output", default=None, help="CSV to write")
    options = parser.parse_args()
    lipschitz_step([np.eye(2)], [], slopes=[], bound=0.5)  # libraries load
    found = []
    print("\t".join(COLUMNS))
    for name, network in networks(options.nets):
        for row in rows(name, network, options.peers):
            row[5:] = [f"{value:.6g}" for value in row[5:]]
            found.append(row)
            print(*row, sep="\t", flush=True)
    if options.output:
        with open(options.output, "w", newline="") as file:
            csv.writer(file).writerows([COLUMNS, *found])


if __name__ == "__main__":
    main()
