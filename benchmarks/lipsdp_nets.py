# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Bounds and CPU seconds of LipSDP on given networks and on two large random ones.

    python benchmarks/lipsdp_nets.py net.npz [...] --output benchmarks/lipsdp_nets.csv

A net is an npz file with W0, b0, W1, b1 ... of a ReLU network; 784-256x4-10 and 50
layers of 80 are drawn here (Xavier, seed 0). One thread.
"""

from pathlib import Path

import _peers  # noqa: F401, one thread
import numpy as np
from _harness import Table, cpu_seconds, parse, timed

from sklip import FeedForward, lipschitz_bound
from sklip.networks import random_network

COLUMNS = ["net", "bound", "dual", "gap", "solve_cpu_s", "verify_cpu_s", "sequential"]
TOLERANCES = {"r20L64": 1e-4, "784-256x4-10": 1e-5}


def load(path):
    """The network of an npz file."""
    arrays = np.load(path)
    n = sum(name.startswith("W") for name in arrays.files)
    return FeedForward(
        [arrays[f"W{k}"] for k in range(n)], [arrays[f"b{k}"] for k in range(n)]
    )


def measure(name, network):
    """What the row of one net holds."""
    tol = TOLERANCES.get(name, 1e-7)
    certificate, solve = timed(
        lambda: lipschitz_bound(network, method="lipsdp", tol=tol)
    )
    verify = cpu_seconds(lambda: certificate.verify(network))
    gap = 1.0 - certificate.lower / certificate.value
    sequential = float(lipschitz_bound(network, method="sequential"))
    return [certificate.value, certificate.lower, gap, solve, verify, sequential]


def main():
    """Measure and print."""
    options = parse(__doc__, NETS={"nargs": "*", "type": Path})
    nets = {path.stem: load(path) for path in options.nets}
    nets["784-256x4-10"] = random_network([784, *4 * [256], 10], random_state=0)
    nets["50 layers of 80"] = random_network(51 * [80], random_state=0)
    measure("warm-up", random_network([4, 8, 2], random_state=0))
    table = Table(options.output, COLUMNS)
    for name, network in nets.items():
        table.fill((name,), lambda n=name, net=network: measure(n, net))


if __name__ == "__main__":
    main()
