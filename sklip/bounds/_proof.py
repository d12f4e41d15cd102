# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Proof in floating point that multipliers certify a bound, rounding accounted for.

The scaled condition of _z, M >= 0, follows from any R with ||M' - R R^T|| <= c, where
M = M' + c I. Here R is the computed block Cholesky factor of M'. How it was computed
does not matter, since the residual is bounded afterwards; products may be summed in any
order, with or without fused multiply-add, but not by Strassen's scheme or in less than
double precision.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg.blas import dtrmm, dtrsm
from scipy.linalg.lapack import dpotrf

from sklip._floats import SAFETY, UNIT, gamma
from sklip.bounds._z import Z

__all__ = ["is_feasible", "output_factor", "prove"]

# L and d must lie in 2**[-MAX_EXPONENT, MAX_EXPONENT]. An entry then loses at most
# 2**-1050, times a row scale over a column scale, to underflow: less than 2**-140.
MAX_EXPONENT = 450
_UNDERFLOW = 2.0**-130
# Inflations of a bound that are tried, times the margin that the proof itself uses.
_ATTEMPTS = [1.25 * 8.0**k for k in range(8)]


@dataclass(frozen=True, eq=False)
class _Condition:
    """M as floats without its identity: blocks, and how far the exact M may be."""

    diagonals: list  # alpha beta V^T V, or None for zero
    lowers: list  # sub-diagonal blocks
    sizes: list
    error: float  # bound of ||M - M computed||_2
    margin: float  # shift c that the residual is expected to stay below


def _condition(chain, lipschitz, multipliers):
    z = Z.of(chain, lipschitz, multipliers)
    scaled, spreads = z.scaled(chain.weights), z.spreads(chain.radii)
    diagonals, lowers, diagonal_errors, lower_errors = [], [], [0.0], []
    for v, spread, (a, p) in zip(scaled, spreads, z.couplings, strict=True):
        size = _frobenius(v)
        distance = 2.01 * UNIT * size + spread
        # Rounding of a, of v and of their product.
        lower_errors.append(abs(a) * (distance + 2.01 * UNIT * (size + spread)))
        diagonals.append(p * (v.T @ v) if p else None)
        if p:
            change = 2.0 * distance * size + distance**2 + gamma(len(v)) * size**2
            diagonal_errors.append(abs(p) * change + UNIT * (1.0 + abs(p) * size**2))
        v *= -a
        lowers.append(v)
    diagonals.append(None)
    sizes = [chain.weights[0].shape[1], *(len(w) for w in chain.weights)]
    error = max(diagonal_errors) + math.sqrt(2.0) * math.hypot(*lower_errors)
    # Half as much again as is_feasible needs: check_certificate may round differently.
    margin = 1.5 * SAFETY * (_rounding(diagonals, lowers, sizes) + error) + 2.0**-48
    return _Condition(diagonals, lowers, sizes, SAFETY * error, margin)


def _rounding(diagonals, lowers, sizes):
    """Prediction of what _block_factor loses, but for its residual."""
    flat = _is_flat(diagonals, lowers)
    traces = [0.0 if d is None else np.trace(d) for d in diagonals[flat:]]
    rounding = gamma(max(sizes[flat:])) * (sum(sizes[flat:]) + sum(traces))
    return rounding + flat * gamma(sizes[0]) * _frobenius(lowers[0]) ** 2


def _is_flat(diagonals, lowers):
    """Whether the first block is a multiple of I, and there is another."""
    return diagonals[0] is None and bool(lowers)


def _frobenius(matrix):
    # vdot copies what is not in row order.
    rows = matrix.T if matrix.flags.f_contiguous else matrix
    return math.sqrt(np.vdot(rows, rows))


def _block_factor(diagonals, lowers, sizes, one):
    """Block Cholesky factor R of one * I + the blocks, and ||that - R R^T||_F.

    Returns
    -------
    last : ndarray or None
        Last diagonal block of R; None if the matrix is not positive definite.
    error : float
        Bound of the distance, all roundings included.
    """
    residual = rounding = 0.0
    product = factor = None
    for k, n in enumerate(sizes):
        if k == 0 and _is_flat(diagonals, lowers):
            # A multiple of I: eliminated with its exact root, so without a residual.
            product = lowers[0] @ lowers[0].T
            product /= one
            rounding += gamma(n) * _frobenius(lowers[0]) ** 2 / one
            continue
        block = _diagonal_block(diagonals[k], n, one, product)
        factor, info = dpotrf(block.T, lower=1)
        if info:
            return None, np.inf
        residual += _frobenius(block - factor @ factor.T) ** 2
        rounding += gamma(n) * _frobenius(factor) ** 2
        if k < len(lowers):
            left = dtrsm(1.0, factor, lowers[k], side=1, lower=1, trans_a=1)
            residual += (
                2.0
                * _frobenius(
                    lowers[k] - dtrmm(1.0, factor, left, side=1, lower=1, trans_a=1)
                )
                ** 2
            )
            rounding += gamma(n) * _frobenius(left) ** 2
            product = left @ left.T
    return factor, SAFETY * (np.sqrt(residual) + rounding)


def _diagonal_block(block, n, one, product):
    """one * I + block - product, where None stands for zero; product is overwritten."""
    if block is None and product is not None:
        block = np.negative(product, out=product)
        block.flat[:: n + 1] += one
        return block
    block = np.zeros((n, n)) if block is None else block.copy()
    block.flat[:: n + 1] += one
    return block if product is None else np.subtract(block, product, out=block)


def _in_range(lipschitz, multipliers):
    low, high = 2.0**-MAX_EXPONENT, 2.0**MAX_EXPONENT
    return low <= lipschitz <= high and all(
        low <= d.min() and d.max() <= high for d in multipliers
    )


def is_feasible(chain, lipschitz, multipliers):
    """Whether (lipschitz, multipliers) are proven to certify the chain.

    True proves that ``lipschitz`` bounds the l2 Lipschitz constant, by d_1 ... d_l, all
    positive; False says nothing.

    Notes
    -----
    LipSDP (Theorem 1 of paper 001, P7) for any depth, with the sectors' alpha and beta.
    """
    if not _in_range(lipschitz, multipliers):
        return False
    with np.errstate(all="ignore"):
        condition = _condition(chain, lipschitz, multipliers)
        if not condition.margin < 0.5:
            return False
        one = 1.0 - condition.margin
        shift = 1.0 - one  # exact
        _, residual = _block_factor(
            condition.diagonals, condition.lowers, condition.sizes, one
        )
        needed = SAFETY * (residual + condition.error) + _UNDERFLOW
        return bool(needed <= shift)


def output_factor(chain, lipschitz, multipliers):
    """R for which a last matrix W is feasible if and only if ``||W R^-1||_2 <= 1``.

    Not proven; upper triangular, or None if the hidden layers alone are infeasible.
    """
    condition = _condition(chain, lipschitz, multipliers)
    factor, _ = _block_factor(
        condition.diagonals[:-1], condition.lowers[:-1], condition.sizes[:-1], 1.0
    )
    return None if factor is None else factor.T * multipliers[-1]


def _margin(chain, lipschitz, multipliers):
    """Relative room that the proof needs for its rounding errors."""
    couplings = Z.of(chain, lipschitz, multipliers).couplings
    if any(p for _, p in couplings) or any(
        radius is not None for radius in chain.radii
    ):
        with np.errstate(all="ignore"):
            return float(_condition(chain, lipschitz, multipliers).margin)
    # Where the condition holds no block's norm exceeds one: the sizes say enough.
    squares = [min(w.shape) for w in chain.weights]
    sizes = [chain.weights[0].shape[1], *(len(w) for w in chain.weights)]
    rounding = gamma(max(sizes[1:])) * sum(sizes[1:]) + gamma(sizes[0]) * squares[0]
    error = np.sqrt(2.0 * sum(squares)) * 4.1 * UNIT
    return 1.5 * SAFETY * (rounding + error) + 2.0**-48


def prove(chain, lipschitz, multipliers, *, n_attempts=None):
    """Inflate a bound, as a solver found it with its d_1 ... d_l, until it is proven.

    Returns
    -------
    proven : tuple of (float, tuple of ndarray), or None
        Bound and multipliers for which is_feasible holds, with room for a checker that
        rounds differently; None if there was no success.
    """
    if not _in_range(lipschitz, multipliers):
        return None
    room = _margin(chain, lipschitz, multipliers)
    z = Z.of(chain, float(lipschitz), multipliers)
    for factor in _ATTEMPTS[:n_attempts]:
        step = 1.0 + factor * room
        if not step < 1.01:
            return None
        candidate = z.inflated(step)
        if is_feasible(chain, *candidate):
            return candidate
    return None
