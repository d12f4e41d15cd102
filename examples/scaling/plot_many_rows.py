# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""
Many rows: from disk, in blocks, on several machines
====================================================

A table is certified block by block, so that it need not fit into memory: no call needs
more than some hundred MB above X and its result. ``n_jobs`` spreads the blocks over
processes; within ``joblib.parallel_config(backend="dask")`` they go to the workers of a
Dask cluster. The radii are the same, bit by bit.

Here 5,000 rows are enough. With a million, on a cluster of four processes::

    dask scheduler & dask worker localhost:8786 --nworkers 4 &
    ROWS=1000000 DASK_SCHEDULER=localhost:8786 python examples/scaling/plot_many_rows.py
"""

import os
import tempfile
import time
from contextlib import nullcontext

import joblib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_classification
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklip import (
    LipschitzRegularizedMLPClassifier,
    certified_accuracy_score,
    certified_radius,
)

n_rows = int(os.environ.get("ROWS", 5_000))
scheduler = os.environ.get("DASK_SCHEDULER")

# %%
# A table on disk. numpy maps the file into memory: what is not looked at is not read.

X, y = make_classification(2000, 20, n_informative=8, class_sep=1.5, random_state=0)
folder = tempfile.TemporaryDirectory()
path = os.path.join(folder.name, "rows.npy")
table = np.lib.format.open_memmap(path, "w+", np.float64, (n_rows, 20))
labels = np.empty(n_rows, dtype=int)
rng = np.random.default_rng(0)
for start in range(0, n_rows, 10_000):
    chosen = rng.integers(len(X), size=len(table[start : start + 10_000]))
    table[start : start + 10_000] = X[chosen] + 0.1 * rng.normal(size=(len(chosen), 20))
    labels[start : start + 10_000] = y[chosen]
table.flush()
table = np.load(path, mmap_mode="r")

network = LipschitzRegularizedMLPClassifier(
    (32, 32), penalty="lipsdp", lipschitz_weight=0.01, tol=1e-3, random_state=0
)
model = make_pipeline(StandardScaler(), network).fit(X, y)

# %%
# Constants of the network serve every row: a radius takes microseconds. One radius is
# decided by the cheapest rule that decides it, so that a few rows alone take longer.

if scheduler:
    from distributed import Client

    client = Client(scheduler)
    where = joblib.parallel_config(backend="dask")
else:
    where = nullcontext()
with where:
    start = time.perf_counter()
    radius = certified_radius(model, table, labels, method="lipsdp", verbose=1)
    print(f"{n_rows:,} radii in {time.perf_counter() - start:.1f} s")
    start = time.perf_counter()
    asked = float(np.median(radius))
    share = certified_accuracy_score(model, table, labels, radius=asked, verbose=1)
    print(f"{share:.1%} hold at {asked:.3f}, in {time.perf_counter() - start:.1f} s")

# %%
# Half of the rows have this radius by the constants alone; bounds inside the ball prove
# it for more of them.

fig, ax = plt.subplots(layout="constrained")
ax.ecdf(radius, complementary=True, label="LipSDP")
ax.plot(asked, share, "o", color="tab:red", label="the best of all, at one radius")
ax.set(xlabel="radius", ylabel="share of the rows that hold")
ax.legend()
plt.show()
del table
folder.cleanup()
