# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Peak memory of certified radii of many rows, above X and what is returned.

Every row of the CSV is a process of its own: 30-64-64-2 with random weights, rows drawn
at random. The memory of the constants' solve, and of imports, is told apart by a call
of two rows first. Without branch and bound, which many rows leave out.

    python benchmarks/many_rows_memory.py --output benchmarks/many_rows_memory.csv
"""

import resource
import subprocess
import sys
import time

import numpy as np
from _harness import Table, parse

from sklip import certified_radius
from sklip.networks import random_network

COLUMNS = ["method", "rows", "x_gib", "above_gib", "cpu_s"]
CASES = [
    ("pairwise", 1_000_000),
    ("lipsdp", 1_000_000),
    ("ibp", 10_000),
    ("ibp", 100_000),
    ("crown", 2_000),
    ("crown", 8_000),
    ("crown", 100_000),
    ("best", 2_000),
    ("best", 8_000),
    ("best", 100_000),
]
GIB = 2.0**30


def peak():
    """Bytes that the process has held at most."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def in_use():
    """Bytes that it holds now."""
    with open("/proc/self/statm", encoding="utf-8") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def one(method, n_rows):
    """Print size of X, peak above it and the radii, CPU seconds; in GiB."""
    network = random_network([30, 64, 64, 2], gain=1.2, random_state=0)
    X = np.random.default_rng(0).normal(size=(n_rows, 30))
    how = {"method": method, "effort": 0}
    certified_radius(network, X[:2], **how)
    # The peak so far may lie above what is in use: fill the difference.
    filled = np.ones(max(0, peak() - in_use()), dtype=np.uint8)
    before, start = peak(), time.process_time()
    radii = certified_radius(network, X, **how)
    seconds = time.process_time() - start
    above = peak() - before - radii.nbytes + 0 * int(filled[:1].sum())
    print(X.nbytes / GIB, max(0, above) / GIB, seconds)


def measure(method, n_rows):
    """The same from a process of its own."""
    words = [sys.executable, __file__, "--one", f"{method} {n_rows}"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return tuple(map(float, done.stdout.split()))


def main():
    options = parse(__doc__, one={"help": "a method and rows; for the script itself"})
    if options.one:
        method, n_rows = options.one.split()
        return one(method, int(n_rows))
    table = Table(options.output, COLUMNS, "{:.4g}".format)
    for method, n_rows in CASES:
        table.fill((method, n_rows), lambda m=method, n=n_rows: measure(m, n))
    return None


if __name__ == "__main__":
    main()
