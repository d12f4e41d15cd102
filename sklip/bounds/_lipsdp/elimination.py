# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Layer after layer eliminated from LipSDP's condition, backwards."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.linalg import LinAlgError
from scipy.linalg import qr
from scipy.linalg.blas import dtrsm
from scipy.linalg.lapack import dpotrf, dsygst

from sklip.bounds._norms import largest_eigenvalue

__all__ = ["eliminate", "square_root"]

# Keeps S_k positive definite where a + b = 0 (as for leaky_relu(-1)).
_SMALLEST_ROOM = 1e-6
# Steps of the power method, and what makes up for their error.
_POWER_STEPS, _ROUGHLY = 6, 1.05
# Order up to which LAPACK is as fast as they are.
_EXACT_UP_TO = 32


@dataclass(frozen=True, eq=False)
class Pass:
    """What one elimination found."""

    squared: float  # L^2
    scales: list  # t_1 ... t_l
    start: float  # squared norm of the matrix that it started from
    rest: float  # times the squared norm of the last one: at most the product


def eliminate(weights, sectors, scales=None, *, is_rough=False, grams=(None, None)):
    """Eliminate from the last matrix backwards, with these scales or the best ones.

    grams are W_0 W_0^T and W_l^T W_l, each where it is known and useful, or None.
    """
    last = weights[-1]
    k_matrix = last.T @ last if grams[1] is None else grams[1].copy()
    start = top = _squared_norm(last, k_matrix) if scales is None else 0.0
    chosen, rest = [], 1.0
    for k in range(len(sectors) - 1, -1, -1):
        weight, (a, b) = weights[k], sectors[k]
        if scales is None:
            t = 0.5 * top * (1.0 + max(abs(a + b) / (b - a), _SMALLEST_ROOM))
        else:
            t = scales[k]
        chosen.append(t)
        rest = top * max(abs(a), abs(b)) ** 2
        if k == 0 and is_rough:
            break
        k_matrix *= -1.0
        k_matrix.flat[:: len(k_matrix) + 1] += 2.0 * t
        lower, info = dpotrf(k_matrix.T, lower=1, overwrite_a=1)
        if info:
            raise LinAlgError("A layer's multiplier is too small.")
        if k == 0 and not a * b:
            top = ((a + b) * t) ** 2 * _largest_congruent(lower, weight, grams[0])
            break
        xt = dtrsm((a + b) * t, lower, weight.T, side=1, lower=1, trans_a=1)
        k_matrix = xt @ xt.T
        if a * b:
            k_matrix -= (2.0 * a * b * t) * (weight.T @ weight)
        if k == 0 or (scales is None and not is_rough):
            top = largest_eigenvalue(k_matrix.copy())
        elif scales is None:
            top = _roughly_largest(k_matrix)
    return Pass(top, chosen[::-1], start, rest)


def _largest_congruent(lower, weight, gram):
    """Largest eigenvalue of ``W^T (L L^T)^-1 W``; gram is ``W W^T`` or None."""
    if gram is None:
        xt = dtrsm(1.0, lower, weight.T, side=1, lower=1, trans_a=1)
        return _squared_norm(xt)
    reduced, info = dsygst(gram.T, lower, lower=1)
    if info:
        raise LinAlgError("LAPACK could not reduce the input's block.")
    return largest_eigenvalue(reduced.T, lower=1)


def _roughly_largest(matrix):
    """Largest eigenvalue of a positive matrix, or a few percent more."""
    if len(matrix) <= _EXACT_UP_TO:
        return largest_eigenvalue(matrix.copy())
    vector = matrix[np.argmax(matrix.diagonal())]
    for _ in range(_POWER_STEPS):
        vector = vector * (1.0 / math.sqrt(np.vdot(vector, vector)))
        vector = matrix @ vector
    return _ROUGHLY * math.sqrt(np.vdot(vector, vector))


def _squared_norm(matrix, gram=None):
    if gram is not None and len(gram) <= len(matrix):
        return largest_eigenvalue(gram.copy())
    short = matrix if len(matrix) <= matrix.shape[1] else matrix.T
    return largest_eigenvalue(short @ short.T)


def square_root(wide):
    """Square R with ``R R^T = W W^T``: all that a bound sees of a wide input."""
    return qr(wide.T, mode="r", check_finite=False)[0][: len(wide)].T
