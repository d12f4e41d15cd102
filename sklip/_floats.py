# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Floating point, once: unit roundoff, room for rounding, norms that do not underflow.

The model of arithmetic is fl(x op y) = (x op y)(1 + d) + e with |d| <= UNIT, and for
products and quotients |e| <= 2**-1022, the smallest normal number, which holds whether
numbers below it are kept or flushed to zero.
"""

import numpy as np

__all__ = [
    "FLOOR",
    "SAFETY",
    "UNIT",
    "frobenius",
    "gamma",
    "lengths",
    "norms",
    "rounded_down",
    "rounded_up",
    "tensor_lengths",
]

UNIT = 2.0**-53
# Added to the size of the terms of a sum: gamma(n) times it is 500 times what underflow
# may take away from n products.
FLOOR = 2.0**-960
# Bounds of rounding errors are themselves computed in floating point: each is a short
# formula of positive terms and sums of at most 2**40 of them, so this covers them.
SAFETY = 1.01
# Norms between these have lost nothing that counts to under- or overflow.
_LOW, _HIGH = 2.0**-400, 2.0**400


def gamma(n_terms):
    """Relative error of a sum of products, summed in any order, fused or not.

    Eight more than the terms: a bias, the rescaling of an input or of a norm, and the
    second order.
    """
    return SAFETY * (n_terms + 8) * UNIT


def rounded_up(values):
    """Products of a few factors >= 0, from above; zero stays zero."""
    with np.errstate(over="ignore"):
        upper = np.nextafter(values * (1.0 + 16.0 * UNIT), np.inf)
    return np.where(values > 0.0, upper, values)


def rounded_down(values):
    """Quotients of a few factors >= 0, from below; infinity stays infinite."""
    lower = np.nextafter(values * (1.0 - 16.0 * UNIT), 0.0)
    return np.where(np.isinf(values), values, lower)


def lengths(array, axis=-1):
    """Euclidean norms along an axis, within gamma of the number of terms.

    Scaled by powers of two, so that no square under- or overflows: a norm is zero only
    where all entries are, and infinite only where it exceeds the largest float64.
    """
    array = np.asarray(array, dtype=float)
    with np.errstate(over="ignore"):
        found = np.sqrt((array * array).sum(axis=axis))
    # Most norms are of this size. The same to the bit: such a scale is exact.
    if found.size == 0 or (found.min() > _LOW and found.max() < _HIGH):
        return found
    magnitudes = np.abs(array)
    largest = np.max(magnitudes, axis=axis, keepdims=True, initial=0.0)
    # Within the range of the reciprocal, too.
    scale = np.ldexp(1.0, np.clip(np.frexp(largest)[1], -1021, 1023))
    magnitudes = magnitudes / scale
    with np.errstate(over="ignore"):
        found = np.sqrt((magnitudes * magnitudes).sum(axis=axis, keepdims=True)) * scale
    return np.squeeze(found, axis=axis)


def norms(rows, p):
    """l_p norms of the rows of a matrix, p in {1, 2, inf}; infinite on overflow."""
    if p == 2:
        return lengths(rows)
    magnitudes = np.abs(rows)
    if p == np.inf:
        return np.max(magnitudes, axis=1, initial=0.0)
    with np.errstate(over="ignore"):
        return magnitudes.sum(axis=1)


def frobenius(matrix):
    """Euclidean norm of all entries, as :func:`lengths` computes it."""
    return float(lengths(np.ravel(matrix, order="K")))


def tensor_lengths(x, dim=-1):
    """:func:`lengths` of a tensor; differentiable."""
    found = x.norm(dim=dim)
    if not x.shape[dim] or not found.numel():
        return found
    least, most = found.detach().aminmax()
    # False of NaN, too.
    if least > _LOW and most < _HIGH:
        return found
    rough = ~((found > _LOW) & (found < _HIGH))
    rows = x.movedim(dim, -1)[rough]
    scale = rows.detach().abs().amax(dim=-1).clamp(2.0**-1022, 2.0**1000)
    return found.masked_scatter(rough, (rows / scale[..., None]).norm(dim=-1) * scale)
