# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""How the time of LipSDP grows with the number of neurons, and what verify() costs.

    python benchmarks/lipsdp_growth.py --output benchmarks/lipsdp_growth.csv

Random ReLU networks 16-N/2-N/2-4 (Xavier, gain 2), tolerance 1e-6, one thread, CPU
seconds. The exponent is the slope of log time over log N for the largest half.
"""

import argparse
import csv
import math

from _peers import cpu_seconds

from sklip import lipschitz_bound
from sklip.networks import random_network

SIZES = [64, 128, 256, 512, 1024, 1536]
COLUMNS = ["neurons", "bound", "relative_gap", "solve_cpu_s", "verify_cpu_s"]


def measure(n_neurons, device):
    """One row of the table."""
    sizes = [16, n_neurons // 2, n_neurons // 2, 4]
    network = random_network(sizes, gain=2.0, random_state=0)
    found = []
    solve = cpu_seconds(
        lambda: found.append(lipschitz_bound(network, method="lipsdp", device=device))
    )
    (certificate,) = found
    verify = cpu_seconds(lambda: certificate.verify(network))
    gap = 1.0 - certificate.lower / certificate.value
    return [n_neurons, certificate.value, gap, solve, verify]


def exponent(rows):
    """Slope of log time over log N between the largest size and its quarter."""
    last = rows[-1]
    first = min(rows, key=lambda row: abs(row[0] - last[0] / 4))
    return math.log(last[3] / first[3]) / math.log(last[0] / first[0])


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--output", default=None, help="CSV to write")
    options = parser.parse_args()
    measure(32, options.device)  # libraries load on first use
    rows = []
    print("\t".join(COLUMNS))
    for n_neurons in SIZES:
        rows.append(measure(n_neurons, options.device))
        print("\t".join(f"{value:.6g}" for value in rows[-1]), flush=True)
    print(f"time ~ N^{exponent(rows):.2f}")
    if options.output:
        with open(options.output, "w", newline="") as file:
            csv.writer(file).writerows([COLUMNS, *rows])


if __name__ == "__main__":
    main()
