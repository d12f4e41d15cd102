# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""CPU seconds and memory of ``python -m sklip``, the start of the process included.

python benchmarks/command_line.py --output benchmarks/command_line.csv

The first row is the start alone (torch, pandas and scikit-learn are loaded): it says
how busy the machine was, and what of the other rows is no work of sklip's. Memory
counts the whole process; that of the table is in the column beside it.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from _harness import Table, parse

IMPORTS = "import torch, pandas, sklearn.base"


def classification(n, d):
    """Numbers, of which four decide a class by a curved border, with noise."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d))
    z = X[:, 0] + np.sin(2.0 * X[:, 1]) + X[:, 2] * X[:, 3]
    z += 0.5 * rng.normal(size=n)
    frame = pd.DataFrame(X.round(5), columns=[f"x{i}" for i in range(d)])
    return frame.assign(target=np.where(z > 0, "yes", "no"))


def housing(n=20_640):
    """A regression with the shape and the skewed columns of a table of houses."""
    rng = np.random.default_rng(0)
    shapes = (2.0, 2.0), (2.0, 14.0), (5.0, 1.0), (5.0, 0.2), (1.5, 900.0), (3.0, 1.0)
    X = [rng.gamma(*shape, n) for shape in shapes]
    X += [rng.uniform(32.0, 42.0, n), rng.uniform(-124.0, -114.0, n)]
    y = 0.4 * X[0] + 0.01 * X[1] - 0.1 * X[2] + 0.5 * np.sin(X[6] + X[7])
    frame = pd.DataFrame(np.column_stack(X).round(4), columns=[*"abcdefgh"])
    return frame.assign(target=(y + 0.3 * rng.normal(size=n)).round(5))


TABLES = {
    "housing 20640 x 8": housing,
    "classes 20000 x 10": lambda: classification(20_000, 10),
    "classes 200000 x 30": lambda: classification(200_000, 30),
    "classes 400 x 3000": lambda: classification(400, 3000),
}


def cost(words, folder):
    """CPU seconds and the largest memory in MiB of a process of its own."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, *words], cwd=folder, **quiet)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{words} ended with {status}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024.0


def measure(make, folder):
    """CPU seconds, memory, and memory of the table in MiB."""
    frame = make()
    frame.to_csv(Path(folder) / "t.csv", index=False)
    words = ["-m", "sklip", "t.csv", "--target", "target"]
    return [*cost(words, folder), frame.memory_usage(deep=True).sum() / 2**20]


def main():
    """Write one row for each table."""
    options = parse(__doc__)
    columns = ["table", "cpu_seconds", "peak_mib", "table_mib"]
    table = Table(options.output, columns, form="{:.3g}".format)
    with tempfile.TemporaryDirectory() as folder:
        table.fill(("start alone",), lambda: [*cost(["-c", IMPORTS], folder), 0.0])
        bundled = ["-m", "sklip"]
        table.fill(("breast cancer",), lambda: [*cost(bundled, folder), 0.0])
        for name, make in TABLES.items():
            table.fill((name,), lambda make=make: measure(make, folder))


if __name__ == "__main__":
    main()
