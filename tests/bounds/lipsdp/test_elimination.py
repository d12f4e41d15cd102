# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Largest eigenvalues of small matrices are computed, not guessed."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklip.bounds._lipsdp import elimination


@pytest.mark.parametrize("n", [1, 31, 32])
def test_the_largest_eigenvalue_of_a_small_matrix_is_not_guessed(n):
    """Steps of the power method, five percent on top of them, are for larger ones."""
    root = np.random.default_rng(n).normal(size=(n, n))
    matrix = root @ root.T
    largest = np.linalg.eigvalsh(matrix)[-1]
    assert_allclose(elimination._roughly_largest(matrix), largest, rtol=1e-12)
