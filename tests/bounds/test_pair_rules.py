# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""One proof for all pairs: what is left beside it, term by term."""

import numpy as np
import pytest

from sklip._floats import SAFETY, gamma
from sklip.bounds._pair_rules import _Shared

PAIRS = np.array([[0, 1], [1, 0]])


@pytest.mark.parametrize("rest", [2.0**-20, 3.0, 2.0**40])
def test_roundings_of_the_solve_go_by_the_constant_without_a_proof(rest):
    """R is the identity and proves nothing here: only |v| + |w| is left, w = v."""
    last = np.array([[-3.0, 1.0], [0.0, -3.0]])  # rows that differ by (-3, 4)
    shared = _Shared(np.eye(2), 0.0, rest, last, None)
    expected = SAFETY * gamma(2) * 2.0 * 5.0 * rest
    np.testing.assert_allclose(shared(PAIRS), expected, rtol=1e-12)


def test_what_is_unknown_of_the_last_matrix_goes_by_it_too():
    last = np.array([[-3.0, 1.0], [0.0, -3.0]])
    radius = np.array([[0.5, 0.0], [2.5, 4.0]])
    shared = _Shared(np.eye(2), 2.0, 7.0, last, radius)
    np.testing.assert_allclose(shared(PAIRS), 10.0 + SAFETY * 5.0 * 7.0, rtol=1e-12)
    assert np.all(shared(PAIRS) > 10.0 + SAFETY * 5.0 * 7.0)
