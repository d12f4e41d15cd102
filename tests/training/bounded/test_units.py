# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Units of the training: shift and spread of the data."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklip.training import units_of

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 3)), RNG.normal(size=(40, 2))


def test_mean_and_spread_in_closed_form():
    units = units_of(X, Y, lipschitz_bound=1.0)
    assert_allclose(units.offset, X.mean(axis=0))
    assert_allclose(units.scale, np.sqrt(X.var(axis=0).sum()))
    roomy = units_of(X, Y, lipschitz_bound=1e3)
    assert_allclose(roomy.scale, units.scale / 4.0)
    assert_allclose(units.target_offset, Y.mean(axis=0))
    assert_allclose(units.target_scale, np.sqrt(Y.var(axis=0).sum()))
    classes = units_of(X, Y)
    assert classes.target_scale == 1.0 and not classes.target_offset.any()


def test_a_small_bound_sets_the_unit_of_the_targets():
    units = units_of(X, Y, lipschitz_bound=1e-3)
    assert_allclose(units.target_scale, 1e-3 * units.scale)


def test_weights_are_repetitions():
    weight = RNG.integers(0, 4, 40)
    again = np.repeat(X, weight, axis=0), np.repeat(Y, weight, axis=0)
    weighted = units_of(X, Y, 0.5 * weight, lipschitz_bound=9.0)
    repeated = units_of(*again, lipschitz_bound=9.0)
    for name in ("offset", "scale", "target_offset", "target_scale"):
        assert_allclose(getattr(weighted, name), getattr(repeated, name), rtol=1e-12)


@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1.0, 1e200])
@pytest.mark.parametrize("shift", [0.0, 1e3])
def test_no_scale_over_or_underflows(scale, shift):
    units = units_of(scale * (X + shift), Y)
    assert_allclose(units.scale, scale * np.sqrt(X.var(axis=0).sum()), rtol=1e-9)


def test_one_value_alone_has_its_own_size():
    assert units_of(np.full((5, 2), 0.3), Y[:5]).scale == pytest.approx(0.3)
    assert units_of(np.zeros((5, 2)), Y[:5]).scale == 1.0
    assert units_of(X[:1], Y[:1]).scale == np.abs(X[0]).max()
    alone = units_of(X, Y, np.eye(40)[0], lipschitz_bound=1.0)
    assert alone.scale == np.abs(X[0]).max()
    assert alone.target_scale == min(np.abs(Y[0]).max(), alone.scale)


def test_targets_out_of_all_reach_keep_squares_that_float32_holds():
    units = units_of(X, 1e12 * Y, lipschitz_bound=1e-12)
    farthest = np.abs(1e12 * Y - units.target_offset).max() / units.target_scale
    assert 1e12 <= farthest < 1e13


def test_no_copy_of_the_data_in_double_precision():
    X = np.ones((20_000, 50), dtype=np.float32)
    tracemalloc.start()
    try:
        units_of(X, np.ones((len(X), 1), dtype=np.float32))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < X.nbytes
