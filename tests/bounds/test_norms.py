# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Operator norms: closed forms, brute force, 60 digits, and numbers at the edge."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklip.bounds import layer_norms, operator_norm_bound, spectral_norm_bound
from sklip.bounds._norms import product_up, vector_norms
from sklip.networks import random_network

mpmath = pytest.importorskip("mpmath")


def exact_norm(matrix):
    with mpmath.workdps(60):
        a = mpmath.matrix(np.asarray(matrix).tolist())
        gram = a * a.T if a.rows < a.cols else a.T * a
        return mpmath.sqrt(max(mpmath.eigsy(gram, eigvals_only=True)))


def adversarial_matrices():
    rng = np.random.default_rng(0)
    yield "vandermonde", np.vander(np.linspace(1, 2, 8))
    yield "hilbert", 1.0 / (np.arange(8)[:, None] + np.arange(8) + 1.0)
    yield "rank one", np.outer(rng.normal(size=7), rng.normal(size=5))
    yield "all singular values equal", np.linalg.qr(rng.normal(size=(9, 9)))[0]
    yield (
        "graded",
        np.diag(10.0 ** -np.arange(0.0, 60.0, 6.0)) @ rng.normal(size=(10, 10)),
    )
    yield "ones", np.ones((6, 11))
    yield "row", rng.normal(size=(1, 12))
    yield "column", rng.normal(size=(12, 1))
    yield "scalar", np.array([[-1.0 / 3.0]])
    yield "integers whose norm is 5", np.array([[3.0, 0.0], [4.0, 0.0]])
    yield "nearly cancelling", np.array([[1.0, -1.0], [1.0, -1.0 - 2.0**-50]])
    for k in range(20):
        scale = 10.0 ** rng.uniform(-40, 40)
        yield f"random {k}", scale * rng.normal(size=rng.integers(1, 9, 2))


@pytest.mark.parametrize("name, matrix", list(adversarial_matrices()))
def test_spectral_norm_is_proven_and_tight_at_60_digits(name, matrix):
    bound, exact = spectral_norm_bound(matrix), exact_norm(matrix)
    assert exact <= mpmath.mpf(bound) <= exact * (1 + mpmath.mpf("1e-12"))


@pytest.mark.parametrize("exponent", [-1070, -1000, -600, 600, 1000])
def test_spectral_norm_scales_with_powers_of_two(exponent):
    matrix = np.random.default_rng(1).integers(-8, 9, size=(4, 6)).astype(float)
    bound = spectral_norm_bound(matrix)
    scaled = spectral_norm_bound(np.ldexp(matrix, exponent))
    assert np.ldexp(bound, exponent) <= scaled
    assert_allclose(scaled, np.ldexp(bound, exponent), rtol=1e-14, atol=1e-323)


def test_spectral_norm_of_degenerate_matrices():
    assert spectral_norm_bound(np.zeros((3, 5))) == 0.0
    assert spectral_norm_bound(np.zeros((0, 5))) == 0.0
    smallest = 5e-324
    assert spectral_norm_bound([[smallest, smallest]]) >= 2 * smallest
    with pytest.raises(OverflowError, match="float64"):
        spectral_norm_bound(np.full((2, 2), 1e308))
    with pytest.raises(ValueError, match="NaN"):
        spectral_norm_bound([[np.nan]])
    with pytest.raises(ValueError, match="two axes"):
        spectral_norm_bound([1.0])


def test_spectral_norm_of_a_large_matrix_stays_tight():
    matrix = np.random.default_rng(2).normal(size=(300, 120))
    bound, norm = spectral_norm_bound(matrix), np.linalg.norm(matrix, 2)
    assert norm * (1 - 1e-13) <= bound <= norm * (1 + 1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_one_and_infinity_norms_by_brute_force(seed):
    matrix = np.random.default_rng(seed).normal(size=(5, 4))
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=4)))
    by_corner = np.abs(signs @ matrix.T).sum(axis=1).max()
    by_corner_inf = np.abs(signs @ matrix.T).max()
    by_column = np.abs(matrix).sum(axis=0).max()
    assert_allclose(operator_norm_bound(matrix, np.inf), by_corner_inf, rtol=1e-14)
    assert_allclose(operator_norm_bound(matrix, 1), by_column, rtol=1e-14)
    assert operator_norm_bound(matrix, 1, np.inf) == np.abs(matrix).max()
    assert operator_norm_bound(matrix, 1) <= by_corner * (1 + 1e-14)


@pytest.mark.parametrize("p, q", [(1, 1), (1, 2), (1, np.inf), (2, 2), (2, np.inf)])
def test_operator_norms_are_never_exceeded(p, q):
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(6, 5))
    x = np.concatenate([rng.normal(size=(5, 2000)), np.eye(5), matrix.T], axis=1)
    ratio = np.linalg.norm(matrix @ x, q, axis=0) / np.linalg.norm(x, p, axis=0)
    bound = operator_norm_bound(matrix, p, q)
    assert ratio.max() <= bound * (1 + 1e-14)
    if p == 1 or q == np.inf:  # reached by a unit vector or by a row
        assert_allclose(ratio.max(), bound, rtol=1e-12)


def test_sums_are_rounded_up():
    # Exactly 1 + 40 * 2**-54, but every partial sum rounds to 1.
    row = np.array([[1.0] + [2.0**-54] * 40])
    for norm, matrix in ((np.inf, row), (1, row.T)):
        assert operator_norm_bound(matrix, norm) >= 1.0 + 2.0**-48
    assert vector_norms(np.array([[3e-170, 4e-170]]), 2.0)[0] >= 5e-170
    assert_allclose(vector_norms(np.array([[3e200, 4e200]]), 2.0), 5e200, rtol=1e-14)


def test_hard_operator_norms_are_refused():
    for p, q in ((2, 1), (np.inf, 1), (np.inf, 2)):
        with pytest.raises(ValueError, match="closed form"):
            operator_norm_bound(np.eye(2), p, q)


@pytest.mark.parametrize("norm", [0, 3, "2", None, -np.inf])
def test_unknown_norms_are_refused(norm):
    with pytest.raises(ValueError, match="norm must be 1, 2 or numpy.inf"):
        layer_norms(random_network([2, 2]), norm)


def test_product_up_neither_overflows_nor_vanishes_between():
    assert product_up([1e200, 1e200, 1e-300]) >= 1e100
    assert_allclose(product_up([1e200, 1e200, 1e-300]), 1e100, rtol=1e-14)
    assert product_up([1e-200, 1e-200]) == 5e-324
    assert product_up([1e300, 0.0, 1e300]) == 0.0
    with pytest.raises(OverflowError):
        product_up([1e200, 1e200])


def test_orthonormal_matrices_have_norm_one():
    """Equal singular values: LAPACK's bisection gives up on some of these."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        matrix = np.linalg.qr(rng.normal(size=(64, 10)))[0]
        assert 1.0 - 1e-14 <= spectral_norm_bound(matrix) <= 1.0 + 1e-10


@pytest.mark.parametrize("norm", [1, 2, np.inf])
def test_norms_below_the_normal_range_are_rounded_up(norm):
    """Their own rounding is relative to the smallest float, 4.9e-324."""
    rng = np.random.default_rng(0)
    rows = rng.integers(-40, 41, (200, 3)) * 5e-324
    for row, bound in zip(rows, vector_norms(rows, norm), strict=True):
        exact = [abs(Fraction(x)) for x in row]
        assert bound > 0.0 or not any(exact)
        if norm == 2:
            assert Fraction(bound) ** 2 >= sum(x * x for x in exact)
        else:
            assert Fraction(bound) >= (max(exact) if norm == np.inf else sum(exact))
        assert bound <= float(sum(exact)) + 1e-323


def test_a_product_below_the_normal_range_is_rounded_up():
    rng = np.random.default_rng(1)
    for a, b in rng.uniform(1.0, 2.0, (100, 2)):
        exact = Fraction(a * 1e-160) * Fraction(b * 1e-161)
        assert Fraction(product_up([a * 1e-160, b * 1e-161])) >= exact
        exact = Fraction(a) * Fraction(b) * Fraction(b)
        assert exact <= Fraction(product_up([a, b, b])) <= exact * (1 + Fraction(1e-15))
