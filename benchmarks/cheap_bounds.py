# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Bounds that need no solver, beside ECLipsE-Fast, which proves nothing: CPU time.

python benchmarks/cheap_bounds.py [net.npz ...] --output benchmarks/cheap_bounds.csv

A net is a file of arrays W0, W1, ..., b0, b1, ... of a ReLU network; two random ones
are added. "ECLipsE-Fast" is the recursion written in numpy with symmetric eigenvalues
alone, "eclipse-nn" the authors' package, measured where it is installed. One thread,
median of fast calls that take turns; ratio is that to ECLipsE-Fast in numpy. Ours hold
everything from the arrays to the proven certificate.
"""

import os
import statistics
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from _harness import Table, parse, timed  # noqa: E402

from sklip.bounds import (  # noqa: E402
    lipschitz_lower_bound,
    path_bound,
    product_bound,
    sequential_bound,
)
from sklip.bounds._chain import chain_of  # noqa: E402
from sklip.bounds._lipsdp.rescale import tightened_multipliers  # noqa: E402
from sklip.bounds._lipsdp.sequential import sequential_passes  # noqa: E402
from sklip.networks import FeedForward, random_network  # noqa: E402

try:
    from eclipse_nn.eclipsE_fast import ECLipsE_Fast
except ImportError:
    ECLipsE_Fast = None


torch.set_num_threads(1)


def eclipse_fast(weights):
    """ECLipsE-Fast's recursion, without the inverse of the wide input's identity."""
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


def eclipse_package(network):
    """The package eclipse-nn, its own wrapper left out."""
    weights = [torch.tensor(w) for w in network.weights]
    sectors = [0.0] * (len(weights) - 1), [1.0] * (len(weights) - 1)
    return ECLipsE_Fast(weights, *sectors).item()


METHODS = {
    "ECLipsE-Fast": lambda network: eclipse_fast(network.weights),
    "sequential": lambda network: sequential_bound(fresh(network)).value,
    "product": lambda network: product_bound(network),
    "path, norm inf": lambda network: path_bound(fresh(network), np.inf).value,
    "tightened": tightened,
    "lower": lambda network: lipschitz_lower_bound(network, random_state=0).value,
}
if ECLipsE_Fast is not None:
    METHODS["eclipse-nn"] = eclipse_package
# The methods that take turns; the others are called once.
FAST = {"ECLipsE-Fast", "sequential", "product", "eclipse-nn"}
COLUMNS = ["net", "method", "bound", "cpu_ms", "ratio"]


def milliseconds(function, network):
    """Value and CPU milliseconds of one call."""
    value, seconds = timed(lambda: function(network))
    return value, 1e3 * seconds


def measure(network):
    """By method: the bound, median milliseconds, and their ratio to ECLipsE-Fast's."""
    first = {
        name: milliseconds(function, network) for name, function in METHODS.items()
    }
    times = {name: [] if name in FAST else [first[name][1]] for name in METHODS}
    while sum(times["ECLipsE-Fast"]) < 300.0 and len(times["ECLipsE-Fast"]) < 101:
        for name in [name for name in METHODS if name in FAST]:
            times[name].append(milliseconds(METHODS[name], network)[1])
    unit = statistics.median(times["ECLipsE-Fast"])
    for method, (value, _) in first.items():
        spent = statistics.median(times[method])
        yield method, value, f"{spent:.4g}", f"{spent / unit:.3g}"


def load(path):
    """FeedForward of a file of arrays."""
    arrays = np.load(path)
    n_matrices = sum(name.startswith("W") for name in arrays.files)
    weights = [arrays[f"W{k}"] for k in range(n_matrices)]
    biases = [arrays.get(f"b{k}", np.zeros(len(w))) for k, w in enumerate(weights)]
    return FeedForward(weights, biases)


def main():
    """Measure, print and write."""
    options = parse(__doc__, NETS={"nargs": "*", "type": Path})
    networks = {path.stem: load(path) for path in options.nets}
    networks["784-256x4-10"] = random_network([784, *[256] * 4, 10], random_state=0)
    networks["50 of 80"] = random_network([80] * 51, random_state=0)
    table = Table(options.output, COLUMNS)
    for net, network in networks.items():
        table.fill_group((net,), lambda network=network: measure(network))


if __name__ == "__main__":
    main()
