# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Operator norms of convolutions, rounded upward with a proof.

Along an axis, a convolution with stride s, dilation d and left padding p is

    y[o] = sum_t K[t] x[o s + t d - p] = sum_{r, q} K_r[q] x_r[o + q],

with x_r[j] = x[s j + r] and t d - p = s q + r: one of stride 1 with s times the
channels. Zero padding makes it a submatrix of a circulant operator on so many points
that nothing wraps around, circular padding one itself.
"""

import hashlib
import math
from dataclasses import dataclass, replace

import numpy as np

from sklip._floats import SAFETY, UNIT, frobenius, lengths
from sklip._lru import LRU
from sklip.bounds._modules.symbol import symbol_norm_bound
from sklip.bounds._norms import product_up, spectral_norm_bound, vector_norms

__all__ = ["Convolution"]

_PAD_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
# Entries of a convolution's matrix up to which its own norm is taken.
_SMALL_MATRIX = 2**19
# Bounds of l2 norms, each of which takes eigenvalues and a proof.
_known = LRU(256)


@dataclass(frozen=True, eq=False)
class Convolution:
    """The linear part of a convolution in 1, 2 or 3 dimensions."""

    kernel: np.ndarray  # of shape (n_out, n_in // groups, *kernel_size): Float64 taps
    # Of (int or None): spatial size of the input; None where it is not known.
    size: tuple
    # One for each axis.
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple  # of (int, int): before and after, for each axis
    groups: int = 1  # number of groups of channels
    # {"zeros", "circular", "reflect", "replicate"}: what the padding holds.
    mode: str = "zeros"
    bias: np.ndarray | None = None  # ndarray of shape (n_out,) or None: constant part
    # The exact taps are within this many units of roundoff of the stored ones.
    roundings: int = 0

    @property
    def n_in(self):
        """Number of input channels."""
        return self.kernel.shape[1] * self.groups

    @property
    def n_out(self):
        """Number of output channels."""
        return len(self.kernel)

    @property
    def out_size(self):
        """Spatial size of the output, None where it is not known."""
        return tuple(
            None if axis.n is None else axis.n_out(axis.stride) for axis in self._axes()
        )

    def scaled(self, *, rows=None, columns=None):
        """The convolution with output or input channels multiplied by numbers."""
        shape = (-1, *[1] * (self.kernel.ndim - 1))
        kernel = self.kernel
        if rows is not None:
            kernel = kernel * rows.reshape(shape)
        if columns is not None:
            blocks = kernel.reshape(self.groups, -1, *kernel.shape[1:])
            blocks = blocks * columns.reshape(self.groups, 1, -1, *shape[2:])
            kernel = blocks.reshape(kernel.shape)
        return replace(self, kernel=kernel, roundings=self.roundings + 1)

    def norm_bound(self, norm):
        """Proven bound of the norm from l_p to l_p, p in {1, 2, inf}."""
        if norm != 2.0:
            return self._norm_bound(norm)
        # A radius asks for it as a product, for roundings and within a ball.
        return _known.get(self._key(), lambda: self._norm_bound(norm))

    def _key(self):
        """All that the norm depends on."""
        taps = np.ascontiguousarray(self.kernel)
        return (
            hashlib.sha256(taps).digest(),
            taps.shape,
            self.size,
            self.stride,
            self.dilation,
            self.padding,
            self.groups,
            self.mode,
            self.roundings,
        )

    def _norm_bound(self, norm):
        if norm == 2.0 and self.mode == "zeros":
            matrix = self.matrix(_SMALL_MATRIX)
            if matrix is not None:
                error = self.roundings * UNIT * frobenius(matrix)
                return spectral_norm_bound(matrix) + SAFETY * error
        copies, inner = self._without_copies()
        axes = inner._axes()
        if inner.mode == "circular":
            copies *= math.prod(axis.copies for axis in axes)
        kernel = _polyphase(inner.kernel, axes, inner.groups)
        if norm != 2.0:
            slack = 1.0 + 2.0 * self.roundings * UNIT
            value = _summed(kernel, norm) * slack
            return product_up([value, float(copies) if norm == 1.0 else 1.0])
        bound = symbol_norm_bound(kernel, tuple(axis.grid for axis in axes))
        if self.roundings:
            taps = kernel.reshape(*kernel.shape[:3], -1)
            # The norm is at most the sum of the taps' norms.
            rows = taps.reshape(len(taps), -1, taps.shape[-1])
            size = lengths(rows, axis=1).sum(axis=1).max()
            bound = bound + SAFETY * 2.0 * self.roundings * UNIT * size
        return product_up([bound, math.sqrt(copies) * (1.0 + 2.0 * UNIT)])

    def matrix(self, max_entries):
        """Dense matrix, exactly; None if too large, unknown or rounded."""
        if self.mode not in ("zeros", "circular") or None in self.size:
            return None
        axes = self._axes()
        out_size = self.out_size
        shape = (self.n_out, math.prod(out_size), self.n_in, math.prod(self.size))
        wraps = self.mode == "circular" and any(a.reach >= a.n for a in axes)
        if wraps or math.prod(shape) > max_entries:
            return None
        kernel = _ungrouped(self.kernel, self.groups)
        matrix = np.zeros(shape)
        for tap in np.ndindex(kernel.shape[2:]):
            pairs = [
                a.pairs(t, self.mode == "circular")
                for a, t in zip(axes, tap, strict=True)
            ]
            rows = _ravel([p[0] for p in pairs], out_size)
            columns = _ravel([p[1] for p in pairs], self.size)
            matrix[:, rows, :, columns] = kernel[(..., *tap)]
        return matrix.reshape(shape[0] * shape[1], shape[2] * shape[3])

    def _axes(self):
        return [
            _Axis(*arguments, self.mode == "circular")
            for arguments in zip(
                self.kernel.shape[2:],
                self.stride,
                self.dilation,
                self.padding,
                self.size,
                strict=True,
            )
        ]

    def _without_copies(self):
        """(number of copies of an entry that padding makes, the rest)."""
        if self.mode in ("zeros", "circular"):
            return 1, self
        copies, size = 1, []
        for n, (before, after) in zip(self.size, self.padding, strict=True):
            copies *= _padding_copies(n, before, after, self.mode)
            size.append(None if n is None else n + before + after)
        none = ((0, 0),) * len(size)
        inner = replace(self, size=tuple(size), padding=none, mode="zeros")
        return copies, inner


class _Axis:
    """One axis of a convolution: which taps meet which phases, and on what grid."""

    def __init__(self, n_taps, stride, dilation, padding, n, circular):
        self.stride, self.dilation, self.padding, self.n = stride, dilation, padding, n
        self.reach = dilation * (n_taps - 1)
        if n is not None and n + sum(padding) <= self.reach:
            raise ValueError(
                f"input_shape is too small: {n} points along an axis, but the kernel "
                f"covers {self.reach + 1} of {n + sum(padding)} padded ones."
            )
        divisible = n is not None and n % stride == 0
        # A circulant operator keeps its structure on every s-th row only if s divides.
        self.n_phases = stride if not circular or divisible else 1
        positions = dilation * np.arange(n_taps) - padding[0]
        self.phases = positions % self.n_phases
        shifts = positions // self.n_phases
        self.shifts = shifts - shifts[0]
        self.grid, self.copies = None, 1
        if circular:
            self._on_a_circle()
        elif n is not None:
            n_out, n_blocks = self.n_out(stride), -(-n // stride)
            low, high = int(shifts[0]), int(shifts[-1])
            self.grid = max(n_blocks, n_blocks - low, n_out, n_out + high)

    def _on_a_circle(self):
        if self.n is None:
            # Padding is at most the size, so that there are at most three copies.
            self.copies = 1 if sum(self.padding) <= self.reach else 3
        else:
            self.grid = self.n // self.n_phases
            self.copies = -(-self.n_out(self.n_phases) // self.grid)

    def n_out(self, stride):
        """Number of outputs."""
        return (self.n + sum(self.padding) - self.reach - 1) // stride + 1

    def pairs(self, tap, circular):
        """Outputs and the inputs that a tap joins them with."""
        outputs = np.arange(self.n_out(self.stride))
        inputs = outputs * self.stride + tap * self.dilation - self.padding[0]
        if circular:
            return outputs, inputs % self.n
        inside = (inputs >= 0) & (inputs < self.n)
        return outputs[inside], inputs[inside]


def _polyphase(kernel, axes, groups):
    """Taps (groups, n_out, n_in * phases, ...) of the equal convolution of stride 1."""
    n_out, n_in, *taps = kernel.shape
    n_phases = [axis.n_phases for axis in axes]
    lengths = [int(axis.shifts[-1]) + 1 for axis in axes]
    result = np.zeros((n_out, n_in, *n_phases, *lengths))
    for tap in np.ndindex(*taps):
        phases = [int(axis.phases[t]) for axis, t in zip(axes, tap, strict=True)]
        shifts = [int(axis.shifts[t]) for axis, t in zip(axes, tap, strict=True)]
        result[(slice(None), slice(None), *phases, *shifts)] = kernel[(..., *tap)]
    return result.reshape(groups, n_out // groups, -1, *lengths)


def _summed(kernel, norm):
    """l_1 (inf) norm: the largest sum of a column (row), rounded upward."""
    entries = kernel.reshape(*kernel.shape[:3], -1)
    if norm == 1.0:
        entries = entries.swapaxes(1, 2)
    rows = entries.reshape(entries.shape[0] * entries.shape[1], -1)
    return float(vector_norms(rows, 1.0).max())


def _padding_copies(n, before, after, mode):
    """How often the padded axis holds an entry of the input, at most."""
    if n is None:
        if not before and not after:
            return 1
        return 3 if mode == "reflect" else 1 + before + after
    padded = np.pad(np.arange(n), (before, after), mode=_PAD_MODES[mode])
    return int(np.bincount(padded).max())


def _ungrouped(kernel, groups):
    """The kernel with explicit zeros between groups."""
    if groups == 1:
        return kernel
    n_out, n_in, *taps = kernel.shape
    full = np.zeros((groups, n_out // groups, groups, n_in, *taps))
    blocks = kernel.reshape(groups, n_out // groups, n_in, *taps)
    full[np.arange(groups), :, np.arange(groups)] = blocks
    return full.reshape(n_out, groups * n_in, *taps)


def _ravel(indices, size):
    """Flat indices of the outer product of index lists."""
    return np.ravel_multi_index(np.ix_(*indices), size).ravel()
