# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Norm of a block-circulant operator from the symbol of its kernel, with a proof.

The operator with matrix taps K_q is, after a Fourier transform, block diagonal with the
blocks K(theta) = sum_q K_q exp(i theta q). On N points an axis its norm is the largest
of ||K(theta)||_2 over the grid 2 pi j / N. Over all theta, on an unbounded domain,

    sup ||K(theta)||_2 <= max over the grid / prod cos(pi (n_taps - 1) / (2 N)),

since |u* K v| is, along each axis, the modulus of a function of exponential type
(n_taps - 1) / 2 which near its maximum m stays above m cos (Duffin and Schaeffer).
"""

import math

import numpy as np
import torch

from sklip._floats import SAFETY, UNIT

__all__ = ["symbol_norm_bound"]

# Cost of one norm, in units of about a nanosecond: up to the first the exact grid is
# gone through, otherwise as fine a grid as the second affords.
_EXACT_BUDGET = 4e9
_COARSE_BUDGET = 5e8
_FINEST_GRID = 128
_CHUNK_ENTRIES = 2**21
# Error of cos and sin of a computed angle below 2 pi, and of the products of them.
_PHASE_ERROR = 40.0 * UNIT
_UNDERFLOW = 2.0**-450
_POWER_STEPS = 8
_N_EXACT = 4
_MAX_ROUNDS = 50


def symbol_norm_bound(kernel, sizes):
    """Bound the norm of a block-circulant operator, or of one on an unbounded domain.

    Parameters
    ----------
    kernel : ndarray of shape (n_groups, n_rows, n_columns, n_taps_1, ...)
        Matrix taps; the operator is block diagonal over the groups.
    sizes : tuple of (int or None)
        Points N of each axis on which the operator is circulant; None: unbounded.

    Returns
    -------
    bound : float
        At least the norm; larger by rounding only (about 1e-12) where all sizes are
        given and the grid is small enough to be gone through.
    """
    if kernel.shape[1] > kernel.shape[2]:
        kernel = kernel.swapaxes(1, 2)
    largest = np.max(np.abs(kernel), initial=0.0)
    if largest == 0.0:
        return 0.0
    exponent = math.frexp(largest)[1]
    kernel = np.ldexp(kernel, -exponent)
    grid, inflation = _choose_grid(kernel.shape, sizes)
    n_groups, n_rows, n_columns, *taps = kernel.shape
    flat = kernel.reshape(-1, math.prod(taps)).T
    magnitude = np.abs(kernel).reshape(n_groups, n_rows, n_columns, -1).sum(axis=-1)
    spread = np.sqrt((magnitude**2).sum(axis=(1, 2)).max())
    error = (len(taps) * _PHASE_ERROR + (len(flat) + 8) * UNIT) * 2.0 * spread
    square = 0.0
    for phases in _phase_chunks(grid, taps, kernel[..., 0].size):
        symbols = (phases.real @ flat) + 1j * (phases.imag @ flat)
        symbols = symbols.reshape(-1, n_rows, n_columns)
        square = _largest_square(torch.from_numpy(symbols), square)
    bound = (math.sqrt(square) + SAFETY * error + _UNDERFLOW) * inflation
    return math.nextafter(math.ldexp(bound * (1.0 + 8.0 * UNIT), exponent), math.inf)


def _choose_grid(shape, sizes):
    """Points an axis, and the factor from the maximum over them to the supremum."""
    n_groups, n_rows, n_columns, *taps = shape
    per_point = 2000.0 + 60.0 * n_rows**2 + n_rows**2 * (n_columns + n_rows)
    per_point *= 0.5 * n_groups  # of theta and -theta one is enough
    if None not in sizes and math.prod(sizes) * per_point <= _EXACT_BUDGET:
        return tuple(sizes), 1.0
    n_wide = max(sum(t > 1 for t in taps), 1)
    finest = int(min(_FINEST_GRID, (_COARSE_BUDGET / per_point) ** (1.0 / n_wide)))
    grid, cosine = [], 1.0
    for n_taps, size in zip(taps, sizes, strict=True):
        n = 1 if n_taps == 1 else max(4 * n_taps, finest)
        if size is not None and size <= n:
            grid.append(size)
            continue
        grid.append(n)
        cosine *= math.cos(math.pi * (n_taps - 1) / (2.0 * n)) - 4.0 * UNIT
    return tuple(grid), (1.0 + 8.0 * UNIT) / cosine


def _phase_chunks(grid, taps, n_entries):
    """Arrays (n_frequencies, n_taps) of exp(i theta q); one of theta and -theta."""
    axes = []
    for axis, (n, n_taps) in enumerate(zip(grid, taps, strict=True)):
        # The kernel is real: half of the last axis gives the other half's norms.
        points = np.arange(n // 2 + 1 if axis == len(grid) - 1 else n)
        turns = np.outer(points, np.arange(n_taps)) % n
        axes.append(np.exp(2j * np.pi * (turns / n)))
    n_frequencies = math.prod(len(a) for a in axes)
    step = max(1, _CHUNK_ENTRIES // max(n_entries, math.prod(taps)))
    for start in range(0, n_frequencies, step):
        chosen = np.arange(start, min(start + step, n_frequencies))
        where = np.unravel_index(chosen, [len(a) for a in axes])
        chunk = np.ones((len(chosen), 1), dtype=np.complex128)
        for a, j in zip(axes, where, strict=True):
            chunk = (chunk[:, :, None] * a[j][:, None, :]).reshape(len(chosen), -1)
        yield chunk


def _largest_square(symbols, floor):
    """Proven bound of the largest ||A||_2^2 of a stack of matrices; at least floor.

    One number c is proven for all of them: c I - A A* = R R* + E with R its computed
    Cholesky factor, hence ||A||^2 <= c + ||E||.
    """
    n_rows, n_columns = symbols.shape[1:]
    traces = (symbols.real**2 + symbols.imag**2).sum(dim=(1, 2))
    traces = traces * (1.0 + 4.0 * (n_rows * n_columns + 8) * UNIT)
    if n_rows == 1:
        return max(floor, float(traces.max()))
    symbols = symbols[traces > floor]
    if len(symbols) == 0:
        return floor
    gram_error = 4.0 * (n_columns + 8) * UNIT * float(traces.max())
    grams = symbols @ symbols.mH
    return max(floor, SAFETY * gram_error + _largest_eigenvalue(grams, floor))


def _largest_eigenvalue(grams, level):
    """Proven bound of the largest eigenvalue of a stack; tries ``level`` first."""
    n = grams.shape[1]
    proven, margin = 0.0, 4.0 * (n + 8) * UNIT
    for _ in range(_MAX_ROUNDS):
        top = torch.topk(_power_estimates(grams), min(_N_EXACT, len(grams))).indices
        guess = float(torch.linalg.eigvalsh(grams[top]).max())
        level = max(level, guess) * (1.0 + margin)
        shifted = -grams
        shifted.diagonal(dim1=1, dim2=2).add_(level)
        factors, failed = torch.linalg.cholesky_ex(shifted)
        residuals = torch.linalg.matrix_norm(shifted - factors @ factors.mH)
        sizes = torch.linalg.matrix_norm(factors) ** 2
        # Rounding of the product, of the difference and of the shifted diagonal.
        errors = residuals + 4.0 * (n + 8) * UNIT * (sizes + level)
        succeeded = (failed == 0) & torch.isfinite(errors)
        if succeeded.any():
            proven = max(proven, level + SAFETY * float(errors[succeeded].max()))
        grams = grams[~succeeded]
        if len(grams) == 0:
            return proven * (1.0 + 4.0 * UNIT)
        margin *= 2.0
    # The Frobenius norm always bounds; reached only if LAPACK failed us.
    frobenius = float(torch.linalg.matrix_norm(grams).max())
    return max(proven, frobenius) * (1.0 + 1e-6)


def _power_estimates(grams):
    """Rough largest eigenvalues: only the order matters."""
    n = grams.shape[1]
    start = np.cos(np.arange(1.0, n + 1.0) ** 2)
    v = torch.from_numpy(start).to(grams.dtype).expand(len(grams), n).unsqueeze(2)
    for _ in range(_POWER_STEPS):
        w = grams @ v
        size = torch.linalg.vector_norm(w, dim=(1, 2), keepdim=True)
        v = w / size.clamp_min(1e-300)
    return size.flatten()
