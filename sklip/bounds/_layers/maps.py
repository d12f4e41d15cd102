# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Linear maps of a module's layers on tensors: forward, transposed, by magnitudes.

A map takes tensors (n, *shape) to (n, *shape'). Each sum of products in float64 is
within gamma of its number of terms times what the magnitudes of its terms add up to:
``terms_in`` forward, ``terms_out`` transposed.
"""

import math

import numpy as np
import torch

from sklip._floats import FLOOR, gamma
from sklip.bounds._modules.convolution import Convolution
from sklip.bounds._modules.operators import Dense, Permute, Reshape, Scale
from sklip.bounds._modules.pooling import Pooling
from sklip.bounds._norms import operator_norm_bound
from sklip.exceptions import UnsupportedModelError

__all__ = ["LinearMap", "diagonal_map", "linear_map", "matrix_map", "reshaping"]

# A scale was rounded by up to 16 units, twice; an averaging matrix by a few.
_ENTRY_ROUNDINGS = 48
_PAD_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


class LinearMap:
    """A linear map plus a constant.

    Attributes
    ----------
    in_shape, out_shape : tuple of int
        Shapes of one sample.
    bias : Tensor or None
        The constant, broadcast against ``out_shape``.
    terms_in, terms_out : int
        Terms of one sum, forward and transposed.
    """

    bias = None
    terms_in = terms_out = 1

    def __init__(self, in_shape, out_shape):
        self.in_shape, self.out_shape = tuple(in_shape), tuple(out_shape)

    def apply(self, x, power=None):
        """The linear part; with ``power`` that of powers of the entries' magnitudes."""
        raise NotImplementedError

    def transposed(self, y, power=None):
        """The same of the transposed map."""
        raise NotImplementedError

    def row_lengths(self, like):
        """l2 norms of all rows, rounded up, of shape ``out_shape``."""
        ones = torch.ones(1, *self.in_shape, dtype=like.dtype, device=like.device)
        up = 1.0 + gamma(self.terms_in)
        return torch.sqrt(self.apply(ones, power=2)[0]) * up + FLOOR

    def norm(self, moving):
        """l2 norm, as a map of the entries that move."""
        return 1.0

    # Whether it only moves entries to other places; whether it adds several up.
    is_exact, mixes = False, True


class _Reshaped(LinearMap):
    def apply(self, x, power=None):
        return x.reshape(len(x), *self.out_shape)

    def transposed(self, y, power=None):
        return y.reshape(len(y), *self.in_shape)

    is_exact, mixes = True, False


class _Permuted(LinearMap):
    def __init__(self, order, in_shape):
        super().__init__(in_shape, [in_shape[axis] for axis in order])
        self.order = (0, *(axis + 1 for axis in order))
        self.back = tuple(int(axis) for axis in np.argsort(self.order))

    def apply(self, x, power=None):
        return x.permute(self.order)

    def transposed(self, y, power=None):
        return y.permute(self.back)

    is_exact, mixes = True, False


class _Matrix(LinearMap):
    """A matrix on the last axis."""

    def __init__(self, weight, bias, in_shape):
        super().__init__(in_shape, (*in_shape[:-1], len(weight)))
        self.weight, self.bias = weight, bias
        self.terms_out, self.terms_in = weight.shape

    def _entries(self, power):
        return self.weight if power is None else self.weight.abs() ** power

    def norm(self, moving):
        columns = self.weight.cpu().numpy()[:, moving]
        return operator_norm_bound(columns, 2.0) if columns.shape[1] else 0.0

    def apply(self, x, power=None):
        return x @ self._entries(power).T

    def transposed(self, y, power=None):
        return y @ self._entries(power)


class _Diagonal(LinearMap):
    """A factor for each entry, or each channel."""

    mixes = False

    def __init__(self, factors, bias, in_shape):
        super().__init__(in_shape, in_shape)
        self.factors, self.bias = factors, bias
        self.terms_in = self.terms_out = _ENTRY_ROUNDINGS

    def apply(self, x, power=None):
        return x * (self.factors if power is None else self.factors.abs() ** power)

    transposed = apply

    def norm(self, moving):
        return float(self.factors.abs().cpu().numpy()[moving].max(initial=0.0))


class _Averaged(LinearMap):
    """One matrix for each spatial axis."""

    def __init__(self, matrices, in_shape):
        super().__init__(in_shape, (in_shape[0], *(len(m) for m in matrices)))
        self.matrices = matrices
        self.terms_in = _ENTRY_ROUNDINGS + sum(m.shape[1] for m in matrices)
        self.terms_out = _ENTRY_ROUNDINGS + sum(m.shape[0] for m in matrices)

    def apply(self, x, power=None):
        return self._along(x, [m.T for m in self.matrices], power)

    def transposed(self, y, power=None):
        return self._along(y, self.matrices, power)

    def _along(self, x, matrices, power):
        for axis, matrix in enumerate(matrices, start=2):
            matrix = matrix if power is None else matrix.abs() ** power
            x = (x.movedim(axis, -1) @ matrix).movedim(-1, axis)
        return x


class _Convolved(LinearMap):
    """A convolution: padded, then without padding."""

    def __init__(self, convolution, in_shape, tensor):
        size = convolution.out_size
        super().__init__(in_shape, (convolution.n_out, *size))
        self.kernel = tensor(convolution.kernel)
        n_axes = len(size)
        self._forward = (torch.conv1d, torch.conv2d, torch.conv3d)[n_axes - 1]
        self._backward = (
            torch.conv_transpose1d,
            torch.conv_transpose2d,
            torch.conv_transpose3d,
        )[n_axes - 1]
        self.options = {
            "stride": convolution.stride,
            "groups": convolution.groups,
            "dilation": convolution.dilation,
        }
        if convolution.bias is not None:
            self.bias = tensor(convolution.bias).reshape(-1, *[1] * n_axes)
        self.padding, self.mode = convolution.padding, convolution.mode
        n_taps = math.prod(self.kernel.shape[2:])
        self.terms_in = self.kernel.shape[1] * n_taps
        self.terms_out = len(self.kernel) // convolution.groups * n_taps
        self._indices = None
        # Padding that repeats entries is a selection, whose transpose adds up.
        if self.mode != "zeros":
            sizes = zip(in_shape[1:], self.padding, strict=True)
            self._indices = [
                tensor(np.pad(np.arange(n), pad, mode=_PAD_MODES[self.mode])).long()
                for n, pad in sizes
            ]
            # An entry may stand inside and in the padding of both sides.
            self.terms_out *= 3**n_axes

    def _entries(self, power):
        return self.kernel if power is None else self.kernel.abs() ** power

    def apply(self, x, power=None):
        return self._forward(self._padded(x), self._entries(power), **self.options)

    def transposed(self, y, power=None):
        x = self._backward(y, self._entries(power), **self.options)
        for axis, (n, pad) in enumerate(
            zip(self.in_shape[1:], self.padding, strict=True), start=2
        ):
            x = self._unpadded(x, axis, n, pad)
        return x

    def _padded(self, x):
        if self._indices is None:
            sides = [side for pad in reversed(self.padding) for side in pad]
            return torch.constant_pad_nd(x, sides) if any(sides) else x
        for axis, index in enumerate(self._indices, start=2):
            x = x.index_select(axis, index)
        return x

    def _unpadded(self, x, axis, n, pad):
        """The transposed padding of one axis; what no window reaches is zero."""
        missing = n + sum(pad) - x.shape[axis]
        if missing:
            shape = list(x.shape)
            shape[axis] = missing
            x = torch.cat([x, x.new_zeros(shape)], dim=axis)
        if self._indices is None:
            return x.narrow(axis, pad[0], n)
        shape = list(x.shape)
        shape[axis] = n
        return x.new_zeros(shape).index_add(axis, self._indices[axis - 2], x)


def linear_map(operator, in_shape, tensor):
    """The map of an operator for samples of a shape.

    Parameters
    ----------
    operator : Dense, Convolution, Scale, Reshape, Permute or Pooling
        A linear one.
    in_shape : tuple of int
        Shape of one sample.
    tensor : callable
        Puts an array on the device.
    """
    if isinstance(operator, Reshape):
        return _Reshaped(in_shape, operator.shape)
    if isinstance(operator, Permute):
        return _Permuted(operator.order, in_shape)
    if isinstance(operator, Dense):
        bias = None if operator.bias is None else tensor(operator.bias)
        return _Matrix(tensor(operator.weight), bias, in_shape)
    if isinstance(operator, Convolution):
        return _Convolved(operator, in_shape, tensor)
    if isinstance(operator, Scale):
        spread = (-1, *[1] * (len(in_shape) - 1))
        if np.ndim(operator.factors) > 1:
            spread = np.shape(operator.factors)
        factors, offsets = (
            tensor(a).reshape(spread) for a in (operator.factors, operator.offsets)
        )
        return _Diagonal(factors, offsets, in_shape)
    if isinstance(operator, Pooling) and operator.averages is not None:
        return _Averaged([tensor(m) for m in operator.averages], in_shape)
    raise UnsupportedModelError(
        f"Bounds inside balls are not known for {type(operator).__name__}: use "
        "method='product'."
    )


def matrix_map(weight, bias, tensor):
    """A matrix on flat rows."""
    weight, bias = tensor(weight), None if bias is None else tensor(bias)
    return _Matrix(weight, bias, (weight.shape[1],))


def diagonal_map(factors, tensor):
    """A factor for each entry of flat rows."""
    return _Diagonal(tensor(factors), None, (len(factors),))


def reshaping(in_shape, out_shape):
    """The same entries in another shape."""
    return _Reshaped(in_shape, out_shape)
