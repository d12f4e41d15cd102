# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Norms and rounding in floating point, against exact rational arithmetic."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from sklip._floats import FLOOR, UNIT, frobenius, gamma, lengths, norms, tensor_lengths


def _square(row):
    return sum(Fraction(float(x)) ** 2 for x in row)


EXPONENTS = [-1074, -1060, -800, -565, 0, 450, 600, 1018]


@pytest.mark.parametrize("exponent", EXPONENTS)
@pytest.mark.parametrize("of", [lengths, lambda rows: _of_tensor(rows)])
def test_lengths_neither_underflow_nor_overflow(exponent, of):
    rows = np.random.default_rng(0).integers(-9, 10, (5, 4)) * 2.0**exponent
    rows[0], rows[1, 1:] = 0.0, 0.0
    found = of(rows)
    assert found[0] == 0.0 and found[1] == abs(rows[1, 0])
    # A result below the normal range loses half a smallest float besides.
    lost = Fraction(5e-324) / 2
    for length, row in zip(found, rows, strict=True):
        # sqrt lies between the roots of the two squares, in exact arithmetic.
        room = Fraction(gamma(4))
        assert ((Fraction(length) + lost) * (1 + room)) ** 2 >= _square(row)
        assert max(Fraction(length) - lost, 0) ** 2 <= _square(row) * (1 + room) ** 2


def _of_tensor(rows):
    return tensor_lengths(torch.from_numpy(rows)).numpy()


def test_lengths_of_rows_do_not_depend_on_other_rows():
    rows = np.array([[3.0, 4.0], [3e-200, 4e-200], [0.0, 0.0], [3e200, 4e200]])
    for i, row in enumerate(rows):
        assert lengths(rows)[i] == lengths(row[None])[0]
        assert _of_tensor(rows)[i] == _of_tensor(row[None])[0]


def test_lengths_along_any_axis_and_of_nothing():
    array = np.arange(24.0).reshape(2, 3, 4)
    expected = np.linalg.norm(array, axis=1)
    np.testing.assert_allclose(lengths(array, axis=1), expected, rtol=1e-15)
    found = tensor_lengths(torch.from_numpy(array) * 1e-200, dim=1)
    np.testing.assert_allclose(found.numpy(), 1e-200 * expected, rtol=1e-15)
    assert lengths(np.zeros((3, 0))).tolist() == [0.0] * 3
    assert tensor_lengths(torch.zeros(3, 0)).tolist() == [0.0] * 3
    assert frobenius(np.asfortranarray(array[0])) == frobenius(array[0])


def test_a_norm_beyond_the_largest_float_is_infinite():
    rows = np.full((1, 4), 1.5e308)
    assert lengths(rows)[0] == _of_tensor(rows)[0] == norms(rows, 1)[0] == np.inf
    assert norms(rows, np.inf)[0] == 1.5e308
    assert norms(np.zeros((1, 0)), np.inf)[0] == 0.0


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_lengths_of_tensors_have_gradients(scale):
    x = torch.tensor([[3.0, 4.0], [0.0, 0.0]], dtype=torch.float64) * scale
    x.requires_grad_()
    tensor_lengths(x).sum().backward()
    expected = [[0.6, 0.8], [0.0, 0.0]]
    np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-14)


@pytest.mark.parametrize("n", [1, 2, 5, 40])
def test_gamma_covers_a_sum_of_products_with_a_bias(n):
    """Each product and partial sum is rounded as badly as it can be."""
    # 1 + u rounds to 1, as does every 1 + (products below u) after it.
    x = np.array([1.0 + 2.0**-52] + [1.0] * (n - 1))
    w = np.array([1.0 + 2.0**-52] + [2.0**-53] * (n - 1))
    computed, exact = 0.0, Fraction(0)
    for a, b in zip(x, w, strict=True):
        computed = computed + a * b
        exact += Fraction(a) * Fraction(b)
    bias = 2.0**-53
    error = abs(Fraction(computed + bias) - exact - Fraction(bias))
    size = sum(abs(Fraction(a) * Fraction(b)) for a, b in zip(x, w, strict=True))
    assert error <= Fraction(gamma(n)) * (size + Fraction(bias))
    # No fewer terms than roundings would do.
    assert error > Fraction(UNIT) * (n - 1) * size / 2


def test_the_floor_covers_what_underflow_takes_away():
    for n in (1, 100, 10**6):
        # Flushed to zero, or rounded to a multiple of the smallest float.
        assert Fraction(gamma(n)) * Fraction(FLOOR) >= 2 * n * Fraction(2.0**-1022)


def test_gamma_counts_the_bias_and_the_roundings_of_one_product():
    """One product and one sum, each rounded nearly as badly as it can be."""
    rng = np.random.default_rng(0)
    worst = 0
    for x, w, b in rng.uniform(1.0, 2.0, (20_000, 3)):
        b = b * 1e-3
        exact = Fraction(x) * Fraction(w) + Fraction(b)
        size = Fraction(x) * Fraction(w) + Fraction(b)
        worst = max(worst, abs(Fraction(x * w + b) - exact) / size)
    assert Fraction(1.5 * UNIT) < worst <= Fraction(gamma(1))
    assert gamma(1) < 12 * UNIT
