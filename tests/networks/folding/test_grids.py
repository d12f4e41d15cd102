# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Numbers on which functions are tried: where they wrap, at zero, of all sizes."""

import numpy as np
import pytest

from sklip.networks._folding.grids import as_container, tables


def column(dtype, k=0):
    return list(tables((np.dtype(dtype),)))[k][0]


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int16", "uint16", "int64", "uint64"]
)
def test_integers_hold_both_ends_and_their_neighbours(dtype):
    """Where negation, abs and squares wrap around."""
    limits, found = np.iinfo(dtype), column(dtype)
    assert found.dtype == dtype and np.all(np.diff(found.astype(object)) > 0)
    ends = [limits.min, limits.min + 1, limits.max - 1, limits.max]
    assert set(ends) | {0, 1, 127} <= set(found.tolist())
    assert min(column(dtype, 1)) == 0 and column(dtype, 2).tolist() == [0, 1]


@pytest.mark.parametrize("dtype", ["float64", "float32", "object"])
def test_floats_hold_zero_and_all_powers_of_ten(dtype):
    found = column(dtype)
    for exponent in range(-6, 7):
        size = 10.0**exponent
        for signed in (size, -size):
            assert np.abs(found / signed - 1.0).min() < 1e-6
    assert 0.0 in found and np.all(np.diff(found) > 0.0)
    # Every number has a near neighbour.
    assert np.median(np.diff(found) / (1.0 + np.abs(found[1:]))) < 3e-3


def test_columns_become_one_array_or_a_frame():
    some = [np.array([1, 2], dtype="int8"), np.array([0.5, 1.5])]
    assert as_container(some).dtype == np.float64
    frame = as_container(some, ["a", "b"])
    assert frame.dtypes.tolist() == [np.int8, np.float64]
