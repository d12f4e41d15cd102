# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Layers called as functions of torch: matrices, convolutions, pooling, activations."""

from types import SimpleNamespace

from torch import nn

from sklip.bounds._modules.functions.call import (
    Unsupported,
    is_traced,
    need_traced,
    read,
)
from sklip.bounds._modules.layers import as_tuple

__all__ = ["ACTIVATIONS", "LAYERS", "matmul"]


def _layer(kind, names, **fixed):
    """A function that computes what a layer of torch.nn does."""

    def call(x, *args, **kwargs):
        given = dict(zip(names, args, strict=False)) | kwargs
        given.pop("inplace", None)
        if given.pop("_stacklevel", None) or given.pop("dtype", None) is not None:
            raise Unsupported("of these arguments")
        return read(x, kind, getattr(nn, kind)(**fixed, **given))

    return call


def clamp(x, min=None, max=None):
    """Both ends, or none below zero alone."""
    numbers = [isinstance(end, int | float) for end in (min, max)]
    if numbers == [True, False] and min == 0 and max is None:
        return read(x, "ReLU", SimpleNamespace())
    if not all(numbers):
        raise Unsupported("without a number at both ends")
    return read(x, "Hardtanh", SimpleNamespace(min_val=min, max_val=max))


def _prelu(x, weight):
    return read(x, "PReLU", SimpleNamespace(weight=weight))


def _linear(x, weight, bias=None):
    return read(x, "Linear", SimpleNamespace(weight=weight, bias=bias))


def matmul(x, other):
    """A tensor times a constant matrix behind it."""
    if not is_traced(x) or is_traced(other):
        raise Unsupported("other than with a constant matrix behind a tensor")
    if other.ndim != 2:
        raise Unsupported(f"with a constant of {other.ndim} axes, not a matrix,")
    return _linear(x, other.T)


def _convolution(n_axes):
    def call(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        layer = SimpleNamespace(
            weight=weight,
            bias=bias,
            stride=as_tuple(stride, n_axes),
            padding=padding,
            dilation=as_tuple(dilation, n_axes),
            groups=groups,
            padding_mode="zeros",
            in_channels=weight.shape[1] * groups,
            out_channels=weight.shape[0],
            kernel_size=tuple(weight.shape[2:]),
        )
        return read(x, f"Conv{n_axes}d", layer)

    return call


def _dropout(x, p=0.5, training=True, inplace=False):
    if training:
        raise Unsupported("with training=True its output changes from call to call")
    return need_traced(x)


def _batch_norm(
    x,
    running_mean,
    running_var,
    weight=None,
    bias=None,
    training=False,
    momentum=0.1,
    eps=1e-5,
):
    if training or running_mean is None:
        raise Unsupported("it normalises by the batch")
    layer = SimpleNamespace(
        running_mean=running_mean,
        running_var=running_var,
        weight=weight,
        bias=bias,
        eps=eps,
        num_features=len(running_mean),
        modules=tuple,
    )
    return read(x, "BatchNorm1d" if len(x.shape or ()) < 3 else _spatial(x), layer)


def _spatial(x):
    return f"BatchNorm{len(x.shape) - 1}d"


_POOL = ("kernel_size", "stride", "padding")
ACTIVATIONS = {
    "relu": _layer("ReLU", ("inplace",)),
    "tanh": _layer("Tanh", ()),
    "sigmoid": _layer("Sigmoid", ()),
    "elu": _layer("ELU", ("alpha", "inplace")),
    "leaky_relu": _layer("LeakyReLU", ("negative_slope", "inplace")),
    "softplus": _layer("Softplus", ("beta", "threshold")),
    "silu": _layer("SiLU", ("inplace",)),
    "gelu": _layer("GELU", ("approximate",)),
    "mish": _layer("Mish", ("inplace",)),
    "hardswish": _layer("Hardswish", ("inplace",)),
    "celu": _layer("CELU", ("alpha", "inplace")),
    "hardsigmoid": _layer("Hardsigmoid", ("inplace",)),
    "hardtanh": _layer("Hardtanh", ("min_val", "max_val", "inplace")),
    "relu6": _layer("ReLU6", ("inplace",)),
    "selu": _layer("SELU", ("inplace",)),
    "clamp": clamp,
    "clip": clamp,
    "prelu": _prelu,
}
LAYERS = {
    "linear": _linear,
    "batch_norm": _batch_norm,
    **{f"conv{n}d": _convolution(n) for n in (1, 2, 3)},
    **{
        f"max_pool{n}d": _layer(
            f"MaxPool{n}d", (*_POOL, "dilation", "ceil_mode", "return_indices")
        )
        for n in (1, 2, 3)
    },
    **{
        f"avg_pool{n}d": _layer(
            f"AvgPool{n}d",
            (*_POOL, "ceil_mode", "count_include_pad", "divisor_override"),
        )
        for n in (1, 2, 3)
    },
    **{
        f"adaptive_{kind}_pool{n}d": _layer(
            f"Adaptive{kind.title()}Pool{n}d", ("output_size",)
        )
        for n in (1, 2, 3)
        for kind in ("avg", "max")
    },
    **dict.fromkeys(("dropout", "dropout2d", "dropout3d", "alpha_dropout"), _dropout),
}
