# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""How the time of LipSDP grows with the number of neurons, and what verify() costs.

    python benchmarks/lipsdp_growth.py --output benchmarks/lipsdp_growth.csv

Random ReLU networks 16-N/2-N/2-4 (Xavier, gain 2), tolerance 1e-6, one thread, CPU
seconds. The exponent is the slope of log time over log N for the largest half.
"""

import math

import _peers  # noqa: F401, one thread
from _harness import Table, cpu_seconds, parse, timed

from sklip import lipschitz_bound
from sklip.networks import random_network

SIZES = [64, 128, 256, 512, 1024, 1536]
COLUMNS = ["neurons", "bound", "relative_gap", "solve_cpu_s", "verify_cpu_s"]


def measure(n_neurons, device):
    """What the row of one size holds."""
    sizes = [16, n_neurons // 2, n_neurons // 2, 4]
    network = random_network(sizes, gain=2.0, random_state=0)
    certificate, solve = timed(
        lambda: lipschitz_bound(network, method="lipsdp", device=device)
    )
    verify = cpu_seconds(lambda: certificate.verify(network))
    gap = 1.0 - certificate.lower / certificate.value
    return [certificate.value, gap, solve, verify]


def exponent(rows):
    """Slope of log time over log N between the largest size and its quarter."""
    times = {float(row["neurons"]): float(row["solve_cpu_s"]) for row in rows}
    last = max(times)
    first = min(times, key=lambda n: abs(n - last / 4))
    return math.log(times[last] / times[first]) / math.log(last / first)


def main():
    """Measure and print."""
    options = parse(__doc__, device="cpu")
    measure(32, options.device)  # libraries load on first use
    table = Table(options.output, COLUMNS)
    for n_neurons in SIZES:
        table.fill((n_neurons,), lambda n=n_neurons: measure(n, options.device))
    print(f"time ~ N^{exponent(table.rows):.2f}")


if __name__ == "__main__":
    main()
