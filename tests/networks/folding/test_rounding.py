# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Sizes of what was folded: absolute values all the way, and no rounding before one."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklip.networks import FeedForward
from sklip.networks._folding import FoldRounding

FIRST, LAST = np.array([[1.0, -2.0], [-3.0, 0.0]]), np.array([[-4.0, 5.0]])
BIAS, LAST_BIAS = np.array([-1.0, 2.0]), np.array([-7.0])


@pytest.fixture
def rounding():
    return FoldRounding.of(FeedForward([FIRST, LAST], [BIAS, LAST_BIAS]))


def test_a_network_alone_has_the_sizes_of_its_terms(rounding):
    assert_array_equal(rounding.first, np.abs(FIRST))
    assert_array_equal(rounding.first_bias, np.abs(BIAS))
    assert_array_equal(rounding.last_size, np.abs(LAST))
    assert_array_equal(rounding.last_bias, np.abs(LAST_BIAS))
    assert (rounding.n_first, rounding.n_hidden, rounding.n_last) == (0, 0, 0)
    assert not rounding.is_single
    # Arrays have no single answer to ==.
    assert replace(rounding) != rounding


def test_terms_of_a_mixture_do_not_cancel(rounding):
    matrix, offset = np.array([[-1.0], [2.0]]), np.array([-3.0, 1.0])
    mixed = rounding.mixed(matrix, offset)
    assert_array_equal(mixed.last_size, [[4.0, 5.0], [8.0, 10.0]])
    assert_array_equal(mixed.last_bias, [10.0, 15.0])
    assert mixed.n_last == 9 and mixed.n_first == 0
    single = FoldRounding.of(FeedForward([LAST], [LAST_BIAS])).mixed(matrix, offset)
    assert_array_equal(single.first, mixed.last_size)
    assert_array_equal(single.first_bias, mixed.last_bias)
    assert single.n_first == single.n_last == 9
