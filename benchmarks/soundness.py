# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Hunt for violations: random networks of all activations against every bound.

    python benchmarks/soundness.py --networks 2000 --output benchmarks/soundness.csv

Each network has one to three hidden layers of 2 to 12 units, an activation of its own
in each, and random gain and biases. The lower side is the best of a gradient search and
of 5000 random pairs, near and far. A violation is a lower value above a bound, bounds
out of order, or a certificate that does not verify.
"""

import argparse
import csv

import numpy as np

from sklip import FeedForward, lipschitz_bound, lipschitz_lower_bound
from sklip.networks import list_activations

METHODS = ("lipsdp", "lipsdp-layer", "sequential", "product")
NAMES = [*list_activations(), "leaky_relu(0.4)", "leaky_relu(-0.8)", "leaky_relu(2.0)"]
NAMES += ["elu(0.3)", "elu(2.5)"]
COLUMNS = ["network", "sizes", "activations", "lower", *METHODS, "violations"]
# Each solver stops within 1e-6 of its own optimum.
SLACK = 1.0 + 1e-5


def random_net(seed):
    """Network number ``seed``."""
    rng = np.random.default_rng(seed)
    n_hidden = rng.integers(1, 4)
    sizes = [rng.integers(1, 9), *rng.integers(2, 13, n_hidden), rng.integers(1, 5)]
    scale = rng.uniform(0.5, 3.0)
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    weights = [scale * rng.normal(size=s) / np.sqrt(s[1]) for s in shapes]
    biases = [rng.normal(size=s[0]) for s in shapes]
    return FeedForward(weights, biases, rng.choice(NAMES, n_hidden).tolist())


def largest_slope(network, seed):
    """Largest quotient over random pairs, near and far."""
    rng = np.random.default_rng(seed)
    x = 3.0 * rng.normal(size=(5000, network.n_inputs))
    step = rng.normal(size=x.shape) * 10.0 ** rng.uniform(-2, 1, size=(5000, 1))
    first, second = network.forward(x), network.forward(x + step)
    distance = np.linalg.norm(step, axis=1)
    # What rounding may add to a difference: near pairs lose digits by cancellation.
    size = np.linalg.norm(first, axis=1) + np.linalg.norm(second, axis=1) + 1.0
    change = np.linalg.norm(second - first, axis=1) - 1e-13 * size
    return float(np.max(change / distance))


def examine(seed):
    """One row of the table."""
    network = random_net(seed)
    certificates = [lipschitz_bound(network, method=method) for method in METHODS]
    bounds = [certificate.value for certificate in certificates]
    searched = lipschitz_lower_bound(network, n_restarts=2, random_state=seed)
    lower = max(float(searched), largest_slope(network, seed))
    violations = sum(lower > bound for bound in bounds)
    violations += sum(a > SLACK * b for a, b in zip(bounds, bounds[1:], strict=False))
    violations += sum(not c.verify(network) for c in certificates)
    sizes = "-".join(map(str, network.layer_sizes))
    return [seed, sizes, "/".join(network.activation), lower, *bounds, violations]


def main():
    """Examine the networks and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=2000)
    parser.add_argument("--output", default=None, help="CSV to write")
    options = parser.parse_args()
    rows = [examine(seed) for seed in range(options.networks)]
    ratios = [row[3] / row[4] for row in rows]
    print(f"{len(rows)} networks, {sum(row[-1] for row in rows)} violations")
    print(f"lower / lipsdp: median {np.median(ratios):.3f}, largest {max(ratios):.9f}")
    if options.output:
        with open(options.output, "w", newline="") as file:
            csv.writer(file).writerows([COLUMNS, *rows])


if __name__ == "__main__":
    main()
