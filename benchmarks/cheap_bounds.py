# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Bounds that need no solver, beside ECLipsE-Fast, which proves nothing: CPU time.

python benchmarks/cheap_bounds.py [net.npz ...]

A net is a file of arrays W0, W1, ..., b0, b1, ... of a ReLU network.
"""

import argparse
import os
import statistics
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402

from sklip.bounds import (  # noqa: E402
    lipschitz_lower_bound,
    path_bound,
    product_bound,
    sequential_bound,
)
from sklip.bounds._chain import chain_of  # noqa: E402
from sklip.bounds._rescale import tightened_multipliers  # noqa: E402
from sklip.bounds._sequential import sequential_passes  # noqa: E402
from sklip.networks import FeedForward, random_network  # noqa: E402


def eclipse_fast(weights):
    """ECLipsE-Fast as published, without the inverse of the wide input's identity."""
    inverse = None
    for w in weights[:-1]:
        product = w @ w.T if inverse is None else w @ inverse @ w.T
        t = 1.0 / np.linalg.eigvalsh(product)[-1]
        inverse = np.linalg.inv(2.0 * t * np.eye(len(w)) - t**2 * product)
    last = weights[-1] if inverse is None else weights[-1] @ inverse
    return np.sqrt(np.linalg.eigvalsh(last @ weights[-1].T)[-1])


def tightened(network):
    """The sequential bound's multipliers, improved."""
    chain = chain_of(network)
    return tightened_multipliers(chain, *sequential_passes(chain)[0]).value


def fresh(network):
    """The network with nothing cached."""
    return FeedForward(network.weights, network.biases, network.activation)


METHODS = {
    "ECLipsE-Fast": lambda network: eclipse_fast(network.weights),
    "sequential": lambda network: sequential_bound(fresh(network)).value,
    "product": lambda network: product_bound(network),
    "path, norm inf": lambda network: path_bound(fresh(network), np.inf).value,
    "tightened": tightened,
    "lower": lambda network: lipschitz_lower_bound(network, random_state=0).value,
}


def measure(function, network):
    """Value and median CPU milliseconds."""
    value, times = function(network), []
    while len(times) < 3 or (sum(times) < 300.0 and len(times) < 50):
        start = time.process_time()
        function(network)
        times.append(1e3 * (time.process_time() - start))
        if times[0] > 1000.0:
            break
    return value, statistics.median(times)


def load(path):
    """FeedForward of a file of arrays."""
    arrays = np.load(path)
    n_matrices = sum(name.startswith("W") for name in arrays.files)
    weights = [arrays[f"W{k}"] for k in range(n_matrices)]
    biases = [arrays.get(f"b{k}", np.zeros(len(w))) for k, w in enumerate(weights)]
    return FeedForward(weights, biases)


def main():
    """Print one line for each net and method."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nets", nargs="*", type=Path)
    networks = {path.stem: load(path) for path in parser.parse_args().nets}
    networks["784-256x4-10"] = random_network([784, *[256] * 4, 10], random_state=0)
    networks["50 of 80"] = random_network([80] * 51, random_state=0)
    for name, network in networks.items():
        for method, function in METHODS.items():
            value, milliseconds = measure(function, network)
            print(f"{name:14} {method:16} {value:12.7g} {milliseconds:9.2f} ms")


if __name__ == "__main__":
    main()
