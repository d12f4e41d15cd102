# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""partial_fit over chunks: the memory of one chunk, and a good result."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler

from sklip import LipschitzRegularizedMLPClassifier, certified_radius

# Streams n_chunks chunks of 8 MB each from a file; prints the growth of its memory.
STREAM = """
import resource, sys
import numpy as np
from sklip import LipschitzRegularizedMLPClassifier

path, n_chunks = sys.argv[1], int(sys.argv[2])
shape = (25_000, 40)
model = LipschitzRegularizedMLPClassifier((16,), certificate=None, random_state=0)

def used():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

with open(path, "rb") as file:
    for k in range(n_chunks):
        X = np.fromfile(file, count=shape[0] * shape[1]).reshape(shape)
        y = (X[:, 0] + X[:, 1] > 0).astype(int)
        model.partial_fit(X, y, classes=[0, 1])
        if k == 1:
            before = used()  # libraries are loaded, buffers made
print(used() - before, model.score(X, y))
"""


def test_memory_is_that_of_one_chunk(tmp_path):
    path, n_chunks = tmp_path / "table.bin", 16
    rng = np.random.default_rng(0)
    with open(path, "wb") as file:
        for _ in range(n_chunks):
            rng.standard_normal((25_000, 40)).tofile(file)
    assert path.stat().st_size > 120 * 2**20
    found = subprocess.run(
        [sys.executable, "-c", STREAM, str(path), str(n_chunks)],
        capture_output=True,
        text=True,
        check=True,
    )
    growth, score = map(float, found.stdout.split())
    assert growth < 24  # MiB; the table has 122
    assert score > 0.95


@pytest.mark.parametrize("mode", ["r", "c"])
def test_a_memory_map_is_as_good_as_an_array(tmp_path, mode):
    X, y = load_digits(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode=mode)
    models = [
        LipschitzRegularizedMLPClassifier(
            (16,), random_state=0, learning_rate_init=5e-3
        )
        for _ in range(2)
    ]
    for model, table in zip(models, (X, mapped), strict=True):
        for _ in range(8):
            for start in range(0, len(X), 600):
                rows = slice(start, start + 600)
                model.partial_fit(table[rows], y[rows], classes=np.arange(10))
    np.testing.assert_array_equal(models[0].coefs_[0], models[1].coefs_[0])
    assert models[1].score(mapped, y) > 0.9
    assert np.all(certified_radius(models[1], mapped[:20], method="sequential") >= 0)
