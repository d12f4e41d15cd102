# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Norms of block-circulant operators: exact arithmetic, and no more than rounding."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from sklip._floats import UNIT
from sklip.bounds._modules import symbol
from sklip.bounds._modules.symbol import _largest_square, symbol_norm_bound


def _exact_squares(symbols):
    """Squared lengths of the single rows of a stack, as fractions."""
    return [
        sum(Fraction(z.real) ** 2 + Fraction(z.imag) ** 2 for z in symbol.ravel())
        for symbol in symbols.numpy()
    ]


@pytest.mark.parametrize("n_columns", [1, 3, 40])
def test_squares_of_single_rows_are_rounded_up(n_columns):
    rng = np.random.default_rng(n_columns)
    parts = rng.normal(size=(2, 50, 1, n_columns))
    symbols = torch.from_numpy(parts[0] + 1j * parts[1])
    for one in symbols:
        bound = Fraction(_largest_square(one[None], 0.0))
        [exact] = _exact_squares(one[None])
        assert exact <= bound <= exact * (1 + Fraction(1, 10**13))
    assert _largest_square(symbols, 0.0) == max(
        _largest_square(one[None], 0.0) for one in symbols
    )


@pytest.mark.parametrize("n, n_taps", [(1, 1), (2, 3), (16, 5)])
@pytest.mark.parametrize("sizes", [8, 16])
def test_equal_taps_have_their_sum_as_norm(n, n_taps, sizes):
    """All taps 0.75: the norm is 0.75 n n_taps, and only rounding is added."""
    norm = 0.75 * n * n_taps
    bound = symbol_norm_bound(np.full((1, n, n, n_taps), 0.75), (sizes,))
    assert norm <= bound <= norm * (1.0 + 2.5e-13)


def test_where_no_factor_is_found_the_frobenius_norm_bounds(monkeypatch):
    def failing(stack):
        return stack, torch.ones(len(stack), dtype=torch.int64)

    monkeypatch.setattr(torch.linalg, "cholesky_ex", failing)
    symbols = torch.from_numpy(np.stack([np.eye(4), 3.0 * np.eye(4)]) + 0j)
    bound = _largest_square(symbols, 0.0)
    assert 18.0 <= bound <= 18.0 * (1.0 + 2e-6)  # ||9 I||_F


def test_the_largest_of_a_stack_is_proven_and_tight():
    """Diagonal matrices, whose norm is known exactly, in any order of the stack."""
    rng = np.random.default_rng(0)
    diagonals = rng.uniform(0.1, 1.0, size=(12, 5))
    symbols = torch.from_numpy(np.stack([np.diag(d) for d in diagonals]) + 0j)
    exact = Fraction(diagonals.max()) ** 2
    for stack in (symbols, symbols.flip(0)):
        for floor in (0.0, 0.3 * float(exact), float(exact) * (1.0 - 1e-12)):
            bound = Fraction(_largest_square(stack, floor))
            assert exact <= bound <= exact * (1 + Fraction(1, 10**12))
    assert _largest_square(symbols, 40.0) == 40.0


@pytest.mark.parametrize("taps, size", [((3,), 8), ((3, 2), 5)])
def test_small_grids_are_gone_through_and_large_ones_are_not(taps, size, monkeypatch):
    """A point of a single entry costs 1031 by the model of cost."""
    shape, sizes = (1, 1, 1, *taps), (size,) * len(taps)
    cost = 1031.0 * size ** len(taps)
    monkeypatch.setattr(symbol, "_EXACT_BUDGET", cost)
    assert symbol._choose_grid(shape, sizes) == (sizes, 1.0)
    # The other grid is no smaller where the axis is short, and leaves room.
    monkeypatch.setattr(symbol, "_EXACT_BUDGET", 0.999 * cost)
    monkeypatch.setattr(symbol, "_FINEST_GRID", 0)
    grid, inflation = symbol._choose_grid(
        (1, 1, 1, *(5 for _ in taps)), (99,) * len(taps)
    )
    assert grid == (20,) * len(taps) and inflation > 1.0
    assert symbol._choose_grid(shape, (None,) * len(taps))[1] > 1.0


@pytest.mark.parametrize("n, half", [(7, 4), (8, 5), (1, 1)])
def test_conjugate_frequencies_are_left_out(n, half):
    phases = np.concatenate(list(symbol._phase_chunks((3, n), (2, 2), 1)))
    assert phases.shape == (3 * half, 4)
    assert len(np.unique(phases.round(12), axis=0)) == 3 * half


def test_what_a_cholesky_factor_may_miss_is_added():
    """Of the identity every number is known: the level, and n + 8 = 10 roundings."""
    grams = torch.eye(2, dtype=torch.complex128)[None]
    found = symbol._largest_eigenvalue(grams, 1.0)
    margin = 4.0 * 10 * UNIT
    # Beside the level itself the factor's square is nothing.
    assert found >= (1.0 + margin) + 0.99 * 4.0 * 10 * UNIT
    assert found <= (1.0 + margin) + 1.5 * 4.0 * 10 * UNIT
