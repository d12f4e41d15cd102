# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Columns that are the target in disguise are named, honest ones are not."""

import numpy as np
import pandas as pd
import pytest

from sklip._cli._leaks import find_leaks

N = 600


def columns(y, rng):
    """Disguises of a target, and columns that only help to predict it."""
    codes = np.unique(y, return_inverse=True)[1] if y.dtype.kind != "f" else y
    rare = rng.random(N) < 0.002
    return pd.DataFrame(
        {
            "copy": codes.astype(float),
            "inverted": 5.0 - 3.0 * codes,
            "shuffled": (7 * codes.astype(int)) % 11 if y.dtype.kind != "f" else y**3,
            "words": [f"v{code}" for code in codes] if y.dtype.kind != "f" else y,
            "gaps": np.where(rare, np.nan, codes.astype(float)),
            "helps": codes + rng.normal(size=N) * np.std(codes),
            "noise": rng.normal(size=N),
            "few": rng.choice([*"abc"], N),
        }
    )


@pytest.mark.parametrize("kind", ["two", "three", "rare", "numbers"])
def test_disguises_are_found(kind):
    rng = np.random.default_rng(0)
    y = {
        "two": rng.integers(0, 2, N),
        "three": rng.choice([*"uvw"], N),
        "rare": (rng.random(N) < 0.05).astype(int),
        "numbers": rng.normal(size=N),
    }[kind]
    task = "regression" if kind == "numbers" else "classification"
    found = find_leaks(columns(y, rng), y, task)
    assert found == ["copy", "inverted", "shuffled", "words", "gaps"]


def test_a_majority_is_no_leak():
    rng = np.random.default_rng(0)
    y = np.where(np.arange(N) < 595, "no", "yes")
    X = pd.DataFrame({"noise": rng.normal(size=N), "constant": 1.0})
    assert find_leaks(X, y, "classification") == []


def test_a_band_of_values_is_found():
    rng = np.random.default_rng(0)
    x = rng.normal(size=N)
    y = np.where(np.abs(x) < 0.7, "in", "out")
    assert find_leaks(pd.DataFrame({"x": x}), y, "classification") == ["x"]
