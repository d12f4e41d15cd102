# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Pooling layers of torch as operators; their windows where sizes are known."""

import math
from dataclasses import replace

from sklip.bounds._modules.layers.parameters import (
    as_tuple,
    check_input,
    name_of,
    needs_shape,
)
from sklip.bounds._modules.pooling import (
    adaptive_windows,
    average_pooling,
    max_pooling,
    windows,
)
from sklip.exceptions import UnsupportedModelError

__all__ = ["read_adaptive", "read_pooling"]

# Longer axes of pooling are bounded without their size.
_LONGEST_AXIS = 2048


def _spatial(module, shape, n_axes):
    """Shape (channels, ...) of a pooling layer's input."""
    expected = (None,) * (n_axes + 1)
    shape = expected if shape is None else shape
    check_input(module, shape, expected)
    return shape


def read_pooling(n_axes, average):
    def read(module, shape):
        shape = _spatial(module, shape, n_axes)
        if getattr(module, "return_indices", False):
            raise UnsupportedModelError(f"{name_of(module)} with return_indices=True.")
        axes, size = [], []
        for n, *window in zip(
            shape[1:],
            as_tuple(module.kernel_size, n_axes),
            as_tuple(module.stride, n_axes),
            as_tuple(module.padding, n_axes),
            as_tuple(getattr(module, "dilation", 1), n_axes),
            strict=True,
        ):
            known = n is not None and n <= _LONGEST_AXIS
            axis = windows(n, *window, module.ceil_mode) if known else None
            size.append(len(axis[0]) if known else None)
            unknown = _unknown_average if average else _unknown_maximum
            axes.append(axis if known else unknown(module, *window))
        if average:
            divisor = getattr(module, "divisor_override", None)
            pooling = average_pooling(axes, module.count_include_pad, divisor)
            n_terms = math.prod(as_tuple(module.kernel_size, n_axes))
        else:
            pooling, n_terms = _maximum(axes), 0
        return [_counted(pooling, n_terms, shape[1:], size)], (shape[0], *size)

    return read


def _counted(pooling, n_terms, before, after):
    """With the size of its windows and, where they are known, of both ends."""
    known = None not in (*before, *after)
    positions = (math.prod(before), math.prod(after)) if known else None
    return replace(pooling, n_terms=n_terms, positions=positions)


def _unknown_average(module, kernel, stride, padding, dilation):
    exact = not module.ceil_mode and (module.count_include_pad or not padding)
    return kernel, stride, exact


def _unknown_maximum(module, kernel, stride, padding, dilation):
    # An entry's windows differ by multiples of stride / gcd(stride, dilation) taps.
    return -(-kernel * math.gcd(stride, dilation) // stride)


def _maximum(axes):
    """Max pooling, with its windows where all are known."""
    pooling = max_pooling([_overlap(axis) for axis in axes])
    if any(isinstance(axis, int) for axis in axes):
        return pooling
    return replace(pooling, windows=tuple(inside for inside, _ in axes))


def _overlap(axis):
    return axis if isinstance(axis, int) else int(axis[0].sum(axis=0).max())


def read_adaptive(n_axes, average):
    def read(module, shape):
        shape = _spatial(module, shape, n_axes)
        if getattr(module, "return_indices", False):
            raise UnsupportedModelError(f"{name_of(module)} with return_indices=True.")
        axes, size, largest = [], [], []
        for n, n_out in zip(
            shape[1:], as_tuple(module.output_size, n_axes), strict=True
        ):
            n_out = n if n_out is None else n_out
            if n is None and n_out != 1:
                raise needs_shape(module)
            # Not knowing the size of a global pool, the worst is a single entry.
            unknown = (1, 1, True) if average else 1
            axes.append(unknown if n is None else adaptive_windows(n, n_out))
            largest.append(0 if n is None else -(-n // n_out) + 1)
            size.append(n_out)
        if average:
            pooling, n_terms = average_pooling(axes), math.prod(largest)
        else:
            pooling, n_terms = _maximum(axes), 0
        return [_counted(pooling, n_terms, shape[1:], size)], (shape[0], *size)

    return read
