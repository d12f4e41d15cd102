# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The three formulas of the Jacobian's norm against random ReLU networks.

    python benchmarks/expected_lipschitz.py --output benchmarks/expected_lipschitz.csv

784 inputs, 10 outputs, two to eight layers, widths 4 to 1024, gains .5, 1 and 2, each
setting with networks of its own; what is in the CSV already is not measured again.
``edge`` is the limit of large widths, without the terms that ``free`` adds to it. The
printed errors are in per cent of the mean over networks and gains, and the standard
error of that mean stands beside them.
"""

import zlib

import numpy as np
import torch
from _harness import Table, parse

from sklip import expected_lipschitz
from sklip.bounds import jacobian_variance
from sklip.bounds._architecture.mean_field import Architecture
from sklip.bounds._architecture.random_matrix import asymptotic_log_edge
from sklip.networks import random_network

torch.set_num_threads(1)

N, M_OUT = 784, 10
LAYERS = range(2, 9)
GAINS = (0.5, 1.0, 2.0)
# Narrow networks differ most from each other.
NETWORKS = {4: 600, 8: 600, 16: 600, 32: 1500, 64: 800, 128: 300}
NETWORKS |= {256: 150, 512: 50, 1024: 25}
FORMULAS = ("paper", "corrected", "edge", "free")
COLUMNS = (
    "layers",
    "width",
    "gain",
    "networks",
    "norm",
    "norm_error",
    *FORMULAS,
    "variance",
    "variance_error",
    "variance_paper",
    "variance_corrected",
)


def measure(layers, width, gain, n_networks):
    """One row of the table."""
    sizes = [N] + [width] * (layers - 1) + [M_OUT]
    rng = np.random.RandomState(zlib.crc32(f"{layers} {width} {gain}".encode()))
    norms, squares = np.empty(n_networks), np.empty(n_networks)
    for k in range(n_networks):
        network = random_network(sizes, gain=gain, random_state=rng)
        jacobian = network.jacobian(rng.standard_normal((1, N)))[0]
        norms[k], squares[k] = np.linalg.norm(jacobian, 2), np.mean(jacobian**2)
    row = {"networks": n_networks}
    for name, values in (("norm", norms), ("variance", squares)):
        row[name] = values.mean()
        row[f"{name}_error"] = values.std() / np.sqrt(n_networks)
    edge = asymptotic_log_edge(Architecture(sizes, gain, "relu", 1.0))
    row["edge"] = np.exp(edge)
    for method in ("paper", "corrected", "free"):
        row[method] = float(expected_lipschitz(sizes, gain=gain, method=method))
    for method in ("paper", "corrected"):
        value = jacobian_variance(sizes, gain=gain, method=method)
        row[f"variance_{method}"] = value
    return [row[name] for name in COLUMNS[3:]]


def errors(rows, measured, formula):
    """Mean over the gains of formula / measured - 1, its spread, largest of all."""
    ratios = np.array([row[formula] / row[measured] - 1.0 for row in rows])
    noise = np.array([row[f"{measured}_error"] / row[measured] for row in rows])
    return (
        100 * ratios.mean(),
        100 * np.sqrt(np.mean(noise**2) / len(rows)),
        100 * np.abs(ratios).max(),
    )


def print_table(rows, measured, formulas):
    """Errors of each formula by width and depth."""
    print(f"\nError of the {measured}, %: {', '.join(formulas)} (± standard error)")
    for width in NETWORKS:
        for layers in LAYERS:
            of = [r for r in rows if (r["layers"], r["width"]) == (layers, width)]
            found = [errors(of, measured, formula) for formula in formulas]
            cells = "  ".join(f"{mean:+7.1f}" for mean, _, _ in found)
            print(f"{width:5d} x {layers}: {cells}  (±{found[0][1]:.1f})")
    for widths in ((4, 8, 16), (32, 64), (128, 256, 512, 1024)):
        of = [r for r in rows if r["width"] in widths]
        worst = [f"{f} {errors(of, measured, f)[2]:.1f}" for f in formulas]
        print(f"largest error of a setting, widths {widths}: {', '.join(worst)}")


def main():
    """Measure what is missing, then print the errors."""
    options = parse(__doc__, output="expected_lipschitz.csv")
    table = Table(options.output, COLUMNS, form="{:.6g}".format)
    for width, n_networks in NETWORKS.items():
        for layers in LAYERS:
            for gain in GAINS:
                arguments = layers, width, gain, n_networks
                table.fill(arguments[:3], lambda a=arguments: measure(*a))
    rows = [{name: float(value) for name, value in r.items()} for r in table.rows]
    print_table(rows, "norm", FORMULAS)
    print_table(rows, "variance", ("variance_paper", "variance_corrected"))


if __name__ == "__main__":
    main()
