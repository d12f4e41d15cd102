# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Operator norms of pooling, one axis at a time.

Average pooling is a Kronecker product of one matrix an axis, so that its norm is the
product of theirs. Where the size of the input is not known, the interpolation
||A||_2 <= sqrt(||A||_1 ||A||_inf) bounds them.
"""

import math
from dataclasses import dataclass

import numpy as np

from sklip._floats import UNIT
from sklip.bounds._norms import product_up, spectral_norm_bound

__all__ = ["Pooling", "adaptive_windows", "average_pooling", "max_pooling", "windows"]

_LONGEST_AXIS = 1024


@dataclass(frozen=True, eq=False)
class Pooling:
    """A map that acts on each channel alone and shrinks its spatial axes."""

    norms: dict  # proven bound of its Lipschitz constant for the norms 1.0, 2.0 and inf
    # Of ndarray, or None: one for each axis if it is linear, of known size, and exact
    # in floating point.
    matrices: tuple | None = None
    # Of ndarray, or None: one matrix for each axis if it is linear and of known size,
    # but for a few roundings of each entry.
    averages: tuple | None = None
    # Of ndarray of bool, or None: for each axis which entries the windows hold, of a
    # maximum of known size.
    windows: tuple | None = None
    n_terms: int = 0  # entries of the largest window that is averaged; 0 for a maximum
    # Of (int, int), or None: entries of a channel before and after; None if not known.
    positions: tuple | None = None

    def norm_bound(self, norm):
        """Proven bound for one norm."""
        return self.norms[norm]


def windows(n, kernel, stride, padding, dilation=1, ceil_mode=False):
    """Bool array (n_out, n): which entries of an axis each window holds.

    Returns
    -------
    inside : ndarray of shape (n_out, n)
        Membership.
    n_padded : ndarray of shape (n_out,)
        Entries of each window, padding included.
    """
    room = n + 2 * padding - dilation * (kernel - 1) - 1
    n_out = (-(-room // stride) if ceil_mode else room // stride) + 1
    if ceil_mode and (n_out - 1) * stride >= n + padding:
        n_out -= 1
    if n_out < 1:
        raise ValueError(
            f"input_shape is too small: {n} points along an axis for a pooling window "
            f"of {dilation * (kernel - 1) + 1}."
        )
    starts = np.arange(n_out) * stride - padding
    members = starts[:, None] + dilation * np.arange(kernel)
    inside = (members[:, :, None] == np.arange(n)).any(axis=1)
    return inside, (members < n + padding).sum(axis=1)


def adaptive_windows(n, n_out):
    """The same for adaptive pooling to n_out entries."""
    i = np.arange(n_out)
    starts, ends = i * n // n_out, -(-(i + 1) * n // n_out)
    entries = np.arange(n)
    inside = (starts[:, None] <= entries) & (entries < ends[:, None])
    return inside, inside.sum(axis=1)


def average_pooling(axes, include_pad=True, divisor=None):
    """Average pooling.

    Parameters
    ----------
    axes : list of tuple
        For each axis ``(inside, n_padded)`` of a window function, or, where the size is
        not known, ``(kernel, stride, exact)``; exact says that all windows divide by
        the size of the kernel.
    include_pad : bool, default=True
        Whether padding counts in the average.
    divisor : int, default=None
        What sums are divided by instead of the size of the window.

    Returns
    -------
    pooling : Pooling
        Bounds for all norms.
    """
    known = all(len(axis) == 2 for axis in axes)
    if known and all(axis[0].shape[1] <= _LONGEST_AXIS for axis in axes):
        matrices = [_averaging(*axis, include_pad, divisor) for axis in axes]
        norms = [_matrix_norms(m) for m in matrices]
    else:
        matrices = averages = None
        norms = [_interpolated(axis, include_pad, divisor) for axis in axes]
    scale = 1.0 if divisor is None else 1.0 / abs(divisor)
    if matrices is not None:
        matrices[0] = matrices[0] * (1.0 if divisor is None else 1.0 / divisor)
        averages = tuple(matrices)
        exact = all(np.all(np.frexp(m[m != 0.0])[0] == 0.5) for m in matrices)
        matrices = tuple(matrices) if exact else None
    # Each entry, and the scale, was rounded once.
    factors = [scale, 1.0 + 4.0 * (len(axes) + 2) * UNIT]
    bounds = {p: product_up([*(n[p] for n in norms), *factors]) for p in norms[0]}
    return Pooling(bounds, matrices, averages)


def max_pooling(counts):
    """Max pooling, from the number of windows an entry is in at most, for each axis."""
    n_windows = math.prod(counts)
    root = math.sqrt(n_windows) * (1.0 + 2.0 * UNIT)
    return Pooling(
        {1.0: float(n_windows), 2.0: 1.0 if n_windows == 1 else root, math.inf: 1.0}
    )


def _averaging(inside, n_padded, include_pad, divisor):
    if divisor is not None:
        return inside.astype(np.float64)
    counts = n_padded if include_pad else inside.sum(axis=1)
    return inside / np.maximum(counts, 1)[:, None]


def _matrix_norms(matrix):
    slack = 1.0 + 2.0 * (max(matrix.shape) + 8) * UNIT
    return {
        1.0: float(matrix.sum(axis=0).max()) * slack,
        2.0: spectral_norm_bound(matrix),
        math.inf: float(matrix.sum(axis=1).max()) * slack,
    }


def _interpolated(axis, include_pad, divisor):
    """Norms from the sizes of window and stride alone."""
    if len(axis) == 2:
        matrix_norms = _averaging(*axis, include_pad, divisor)
        column, row = matrix_norms.sum(axis=0).max(), matrix_norms.sum(axis=1).max()
    else:
        kernel, stride, exact = axis
        overlap, row = -(-kernel // stride), 1.0
        # At the border a window may hold as little as one entry.
        column = overlap / kernel if exact else float(overlap)
        if divisor is not None:
            column, row = float(overlap), float(kernel)
    slack = 1.0 + 2.0**-40
    column, row = float(column) * slack, float(row) * slack
    return {1.0: column, 2.0: math.sqrt(column * row) * slack, math.inf: row}
