# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""
Learn from a table that does not fit into memory
================================================

``partial_fit`` trains on one chunk at a time. Here the chunks come from a file by
:class:`numpy.memmap`; a database cursor or ``pandas.read_csv(chunksize=...)`` would do
as well. Memory is that of one chunk, whatever the length of the table.

The network is certified after each chunk: with ``certificate="sequential"`` that costs
next to nothing, and with ``certificate=None`` nothing.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sklip import LipschitzRegularizedMLPClassifier, certified_accuracy_score

N_CHUNKS, ROWS, COLUMNS = 40, 5_000, 10
rng = np.random.default_rng(0)


def draw():
    """Samples of two classes, divided by a curve."""
    X = rng.standard_normal((ROWS, COLUMNS))
    return X, (X[:, 0] ** 2 + X[:, 1] > 0.5).astype(np.int8)


# %%
# Write the table, chunk by chunk.
folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "table.dat"
shape = (N_CHUNKS * ROWS, COLUMNS + 1)
table = np.memmap(path, dtype=np.float64, mode="w+", shape=shape)
for k in range(N_CHUNKS):
    X, y = draw()
    table[k * ROWS : (k + 1) * ROWS] = np.column_stack([X, y])
table.flush()
del table
X_test, y_test = draw()

# %%
# Read it again. The first call names all classes that will ever occur; scalers have a
# ``partial_fit`` of their own.


def chunks():
    """The table in order, one chunk at a time."""
    mapped = np.memmap(path, dtype=np.float64, mode="r", shape=shape)
    for start in range(0, len(mapped), ROWS):
        chunk = np.array(mapped[start : start + ROWS])
        yield chunk[:, :-1], chunk[:, -1].astype(int)


model = LipschitzRegularizedMLPClassifier(
    (32,), lipschitz_weight=1e-3, certificate="sequential", random_state=0
)
history = []
for X, y in chunks():
    model.partial_fit(X, y, classes=[0, 1])
    certified = certified_accuracy_score(
        model, X_test[:500], y_test[:500], radius=0.1, method="sequential"
    )
    history.append((model.score(X_test, y_test), certified, model.lipschitz_bound_))
accuracy, certified, bound = np.transpose(history)

# %%
_, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
seen = np.arange(1, N_CHUNKS + 1)
axes[0].plot(seen, accuracy, label="all predictions")
axes[0].plot(seen, certified, label="certified at radius 0.1")
axes[0].set(xlabel="chunks seen", ylabel="accuracy", ylim=(0.0, 1.0))
axes[0].legend(loc="lower right")
axes[1].plot(seen, bound)
axes[1].set(xlabel="chunks seen", ylabel="Lipschitz bound", ylim=(0.0, None))
plt.show()
folder.cleanup()
