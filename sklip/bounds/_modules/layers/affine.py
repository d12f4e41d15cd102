# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Affine layers of torch as operators: matrices, convolutions, normalisation."""

import numpy as np

from sklip.bounds._modules.convolution import Convolution
from sklip.bounds._modules.layers.parameters import (
    array_of,
    as_tuple,
    bias_of,
    check_input,
    name_of,
    need_eval,
)
from sklip.bounds._modules.operators import Dense, Scale
from sklip.exceptions import UnsupportedModelError

__all__ = ["need_statistics", "read_batch_norm", "read_convolution", "read_linear"]

# Covers the roundings of 1 / sqrt(var + eps) and of its product.
_ROUND_UP = 1.0 + 2.0**-49


def read_linear(module, shape):
    weight = array_of(module.weight, module, "weight")
    n_out, n_in = weight.shape
    if shape is None:
        # Rows are flat unless something in front says otherwise.
        shape = (n_in,)
    check_input(module, shape, (*shape[:-1], n_in))
    return [Dense(weight, bias_of(module), len(shape) == 1)], (*shape[:-1], n_out)


def read_convolution(module, shape):
    kernel = array_of(module.weight, module, "weight")
    n_axes = kernel.ndim - 2
    expected = (module.in_channels, *[None] * n_axes)
    shape = expected if shape is None else shape
    check_input(module, shape, expected)
    convolution = Convolution(
        kernel=kernel,
        size=shape[1:],
        stride=as_tuple(module.stride, n_axes),
        dilation=as_tuple(module.dilation, n_axes),
        padding=_padding(module, n_axes),
        groups=module.groups,
        mode=module.padding_mode,
        bias=bias_of(module),
    )
    return [convolution], (module.out_channels, *convolution.out_size)


def _padding(module, n_axes):
    if module.padding_mode != "zeros":
        # What forward pads by: made of padding once, last axis first, both sides.
        sides = list(module._reversed_padding_repeated_twice)
        return tuple(zip(sides[-2::-2], sides[::-2], strict=True))
    if module.padding == "valid":
        return ((0, 0),) * n_axes
    if module.padding == "same":
        totals = [
            d * (k - 1)
            for d, k in zip(module.dilation, module.kernel_size, strict=True)
        ]
        return tuple((total // 2, total - total // 2) for total in totals)
    return tuple((p, p) for p in as_tuple(module.padding, n_axes))


def need_statistics(module):
    """UnsupportedModelError for a batch normalisation that keeps no statistics."""
    if module.running_mean is None or module.running_var is None:
        raise UnsupportedModelError(
            f"{name_of(module)} without running statistics normalises by the "
            "batch: what it does to one sample depends on the others."
        )


def read_batch_norm(n_axes):
    """Reader of batch normalisation over n_axes spatial axes; None: 0 or 1."""

    def read(module, shape):
        need_eval(module)
        need_statistics(module)
        expected = None if n_axes is None else (None,) * n_axes
        if expected is None and shape is not None:
            expected = (None,) * (len(shape) - 1) if len(shape) in (1, 2) else ()
        if expected is not None:
            expected = (module.num_features, *expected)
            shape = expected if shape is None else shape
            check_input(module, shape, expected)
        return [_scale(module)], shape

    return read


def _scale(module):
    mean = array_of(module.running_mean, module, "running_mean")
    variance = array_of(module.running_var, module, "running_var") + module.eps
    if np.any(variance <= 0.0):
        raise ValueError(
            f"running_var + eps of {name_of(module)} must be positive to have a bound."
        )
    factors = 1.0 / np.sqrt(variance)
    if module.weight is not None:
        factors = factors * array_of(module.weight, module, "weight")
    factors = factors * _ROUND_UP
    bias, mean = 0.0 if module.bias is None else bias_of(module), mean * factors
    return Scale(factors, bias - mean, np.abs(bias) + np.abs(mean))
