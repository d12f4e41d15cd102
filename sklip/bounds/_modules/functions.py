# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Functions and methods of tensors, as operators: what a traced forward may call.

Each is written as the layer that computes the same, whose reader is used.
"""

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from sklip.bounds._modules.layers import LEAF_READERS, compatible
from sklip.bounds._modules.operators import Concat, Reshape, Scale, Sum

__all__ = ["BATCH", "FUNCTIONS", "METHODS", "Call", "Unsupported"]


class Unsupported(Exception):
    """Why a call has no bound."""


class _Batch:
    """The number of samples, which is not known."""

    def __repr__(self):
        return "the number of samples"


BATCH = _Batch()


@dataclass
class Call:
    """A call with some arguments that depend on the input.

    Attributes
    ----------
    function : callable
        ``function(*args, **kwargs)`` of traced values and constants gives a traced one.
    """

    function: Callable
    args: tuple
    kwargs: dict

    @property
    def in_place(self):
        """Whether it overwrites its first argument."""
        return bool(self.kwargs.get("inplace", False))

    def evaluate(self):
        """The traced value."""
        return self.function(*self.args, **self.kwargs)


def _is_traced(value):
    return hasattr(value, "behind")


def _need_traced(value):
    if not _is_traced(value):
        raise Unsupported("its first argument does not depend on the input")
    return value


def _read(value, name, layer):
    """A traced value behind a layer, given by its reader's name."""
    return _need_traced(value).behind(*LEAF_READERS[name](layer, value.shape))


def _layer(kind, names, **fixed):
    """A function that computes what a layer of torch.nn does."""

    def call(x, *args, **kwargs):
        given = dict(zip(names, args, strict=False)) | kwargs
        given.pop("inplace", None)
        if given.pop("_stacklevel", None) or given.pop("dtype", None) is not None:
            raise Unsupported("of these arguments")
        return _read(x, kind, getattr(nn, kind)(**fixed, **given))

    return call


def _prelu(x, weight):
    return _read(x, "PReLU", SimpleNamespace(weight=weight))


def _linear(x, weight, bias=None):
    return _read(x, "Linear", SimpleNamespace(weight=weight, bias=bias))


def _convolution(n_axes):
    def call(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        layer = SimpleNamespace(
            weight=weight,
            bias=bias,
            stride=_tuple(stride, n_axes),
            padding=padding,
            dilation=_tuple(dilation, n_axes),
            groups=groups,
            padding_mode="zeros",
            in_channels=weight.shape[1] * groups,
            out_channels=weight.shape[0],
            kernel_size=tuple(weight.shape[2:]),
        )
        return _read(x, f"Conv{n_axes}d", layer)

    return call


def _tuple(value, n):
    return tuple(value) if isinstance(value, tuple | list) else (value,) * n


def _dropout(x, p=0.5, training=True, inplace=False):
    if training:
        raise Unsupported("with training=True its output changes from call to call")
    return _need_traced(x)


def _same(x, *args, **kwargs):
    return _need_traced(x)


def _add(x, y, alpha=1):
    if alpha != 1:
        y = _scaled(y, alpha) if _is_traced(y) else y * alpha
    if _is_traced(x) and _is_traced(y):
        return _summed(x, y)
    return _moved(x, y) if _is_traced(x) else _moved(y, x)


def _subtract(x, y, alpha=1):
    return _add(x, y, alpha=-alpha)


def _summed(x, y):
    if x.shape is not None and y.shape is not None and not compatible(x.shape, y.shape):
        raise Unsupported(
            f"samples of the shapes {x.shape} and {y.shape} are broadcast against each "
            "other"
        )
    shape = y.shape if x.shape is None else x.shape
    return type(x)((x, y), [], Sum, shape)


def _multiply(x, y):
    if _is_traced(x) and _is_traced(y):
        raise Unsupported("it multiplies two functions of the input")
    return _scaled(x, y) if _is_traced(x) else _scaled(y, x)


def _divide(x, y, rounding_mode=None):
    if _is_traced(y) or rounding_mode is not None:
        raise Unsupported("it divides by a function of the input, or rounds")
    return _elementwise(x, lambda given: (1.0 / given, np.zeros_like(given)), y)


def _negate(x):
    return _scaled(x, -1.0)


def _scaled(x, factor):
    return _elementwise(x, lambda given: (given, np.zeros_like(given)), factor)


def _moved(x, offset):
    return _elementwise(x, lambda given: (np.ones_like(given), given), offset)


def _elementwise(x, make, constant):
    """Factors and offsets of each channel, or each entry."""
    if constant is BATCH:
        raise Unsupported("it depends on the number of samples")
    if isinstance(constant, torch.Tensor):
        constant = constant.detach().cpu().double().numpy()
    constant = np.asarray(constant, dtype=np.float64)
    if not np.isfinite(constant).all():
        raise Unsupported("its constant contains NaN or infinity")
    constant = _for_channels(constant, x.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        factors, offsets = make(constant)
    if not (np.isfinite(factors).all() and np.isfinite(offsets).all()):
        raise Unsupported("it divides by zero")
    # Rounded up: a quotient once, and what the layer's own arithmetic may do.
    factors = factors * (1.0 + 2.0**-49)
    return x.behind([Scale(factors, offsets, np.abs(offsets))], x.shape)


def _for_channels(constant, shape):
    """One number for all, for each channel, or for each entry of a sample."""
    if constant.size == 1:
        return constant.reshape(1)
    if shape is None or None in shape:
        raise Unsupported("the shape of a sample is not known: pass input_shape")
    sample = constant[0] if constant.ndim == len(shape) + 1 else constant
    if constant.ndim > len(shape) + 1 or (sample is not constant and len(constant) > 1):
        raise Unsupported("its constant differs between samples")
    padded = sample.reshape((1,) * (len(shape) - sample.ndim) + sample.shape)
    if any(n not in (1, m) for n, m in zip(padded.shape, shape, strict=True)):
        raise Unsupported(f"its constant does not fit samples of shape {shape}")
    if padded.shape[0] == shape[0] and all(n == 1 for n in padded.shape[1:]):
        return padded.reshape(-1)
    return np.broadcast_to(padded, shape).copy()


def _concatenate(tensors, dim=0, axis=None):
    dim = dim if axis is None else axis
    values = list(tensors)
    if not all(map(_is_traced, values)):
        raise Unsupported("constants beside functions of the input")
    shapes = [value.shape for value in values]
    if any(shape is None for shape in shapes):
        if dim != 1:
            raise Unsupported("the shape of a sample is not known: pass input_shape")
        return _stacked(values, 0, None)
    n_axes = len(shapes[0])
    axis = dim - 1 if dim >= 0 else dim + n_axes
    if not 0 <= axis < n_axes or any(len(s) != n_axes for s in shapes):
        raise Unsupported("along the samples")
    rest = [(*s[:axis], *s[axis + 1 :]) for s in shapes]
    if not all(compatible(rest[0], r) for r in rest):
        raise Unsupported(f"samples of the shapes {shapes}")
    sizes = [s[axis] for s in shapes]
    total = None if None in sizes else sum(sizes)
    return _stacked(values, axis, (*shapes[0][:axis], total, *shapes[0][axis + 1 :]))


def _stacked(values, axis, shape):
    if len(values) == 1:
        return values[0]
    kind = type(values[0])
    return kind(tuple(values), [], lambda branches: Concat(branches, axis), shape)


def _flatten(x, start_dim=0, end_dim=-1):
    n = None if x.shape is None else len(x.shape) + 1
    if n is not None:
        start_dim = start_dim + n if start_dim < 0 else start_dim
        end_dim = -1 if end_dim in (-1, n - 1) else end_dim
    return _read(x, "Flatten", nn.Flatten(start_dim, end_dim))


def _reshape(x, *shape):
    if len(shape) == 1 and isinstance(shape[0], tuple | list):
        shape = tuple(shape[0])
    first, *rest = shape
    if isinstance(first, int) and first != -1 or first is None:
        raise Unsupported("its first size is a number, not that of the batch")
    if any(size is BATCH for size in rest) or (first == -1 and -1 in rest):
        raise Unsupported("samples are mixed")
    if x.shape is None or None in x.shape:
        if rest == [-1] and first is BATCH:
            return x.behind([Reshape(True, (None,))], (None,))
        raise Unsupported("the shape of a sample is not known: pass input_shape")
    total = math.prod(x.shape)
    known = math.prod(size for size in rest if size != -1)
    after = tuple(total // known if size == -1 else size for size in rest)
    if math.prod(after) != total:
        raise Unsupported(f"samples of shape {x.shape} are mixed")
    return x.behind([Reshape(len(after) == 1, after)], after)


def _size(x, dim=None):
    if x.shape is None:
        raise Unsupported("the shape of a sample is not known: pass input_shape")
    sizes = (BATCH, *x.shape)
    return sizes if dim is None else sizes[dim]


def _getattr(x, name):
    if name == "shape":
        if x.shape is None:
            return (BATCH,)
        return (BATCH, *x.shape)
    if name == "ndim" and x.shape is not None:
        return 1 + len(x.shape)
    raise Unsupported(f"its attribute {name}")


def _getitem(x, index):
    if _is_traced(x):
        raise Unsupported("a part of a tensor")
    return x[index]


def _length(x):
    return BATCH


def _ndim(x):
    return _getattr(x, "ndim")


def _mean(x, dim=None, keepdim=False, axis=None, dtype=None):
    """The mean over all spatial axes: average pooling to one entry."""
    dim = dim if axis is None else axis
    if x.shape is None or dim is None or dtype is not None:
        raise Unsupported("over axes that are not known")
    n_axes = len(x.shape) - 1
    dims = sorted(d % (n_axes + 2) for d in _tuple(dim, 1))
    if not 1 <= n_axes <= 3 or dims != list(range(2, n_axes + 2)):
        raise Unsupported("over other axes than all spatial ones")
    pool = getattr(nn, f"AdaptiveAvgPool{n_axes}d")(1)
    pooled = _read(x, f"AdaptiveAvgPool{n_axes}d", pool)
    if keepdim:
        return pooled
    return pooled.behind([Reshape(True, x.shape[:1])], x.shape[:1])


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
    return _read(x, "BatchNorm1d" if len(x.shape or ()) < 3 else _spatial(x), layer)


def _spatial(x):
    return f"BatchNorm{len(x.shape) - 1}d"


def _abs(x):
    return _read(x, "LeakyReLU", SimpleNamespace(negative_slope=-1.0))


_POOL = ("kernel_size", "stride", "padding")
_ACTIVATIONS = {
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
    "prelu": _prelu,
}
_LAYERS = {
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
_TENSORS = {
    "add": _add,
    "sub": _subtract,
    "subtract": _subtract,
    "mul": _multiply,
    "multiply": _multiply,
    "div": _divide,
    "divide": _divide,
    "true_divide": _divide,
    "neg": _negate,
    "negative": _negate,
    "abs": _abs,
    "flatten": _flatten,
    "reshape": _reshape,
    "cat": _concatenate,
    "concat": _concatenate,
    "concatenate": _concatenate,
    "mean": _mean,
}


def _found(names, *places):
    """The functions of torch that have one of these names."""
    return {
        getattr(place, name): function
        for name, function in names.items()
        for place in places
        if hasattr(place, name)
    }


FUNCTIONS = {
    **_found(_ACTIVATIONS | _LAYERS, functional, torch),
    **_found(_TENSORS, torch),
    **{
        getattr(place, f"{name}_"): _ACTIVATIONS[name]
        for name in _ACTIVATIONS
        for place in (functional, torch)
        if hasattr(place, f"{name}_")
    },
    operator.add: _add,
    operator.iadd: _add,
    operator.sub: _subtract,
    operator.isub: _subtract,
    operator.mul: _multiply,
    operator.imul: _multiply,
    operator.truediv: _divide,
    operator.itruediv: _divide,
    operator.neg: _negate,
    operator.getitem: _getitem,
    getattr: _getattr,
    len: _length,
    abs: _abs,
}
METHODS = {
    **{name: _ACTIVATIONS[name] for name in ("relu", "tanh", "sigmoid", "prelu")},
    **{f"{name}_": _ACTIVATIONS[name] for name in ("relu", "tanh", "sigmoid")},
    **{name: f for name, f in _TENSORS.items() if "cat" not in name},
    **{
        f"{name}_": _TENSORS[name]
        for name in ("add", "sub", "mul", "div", "neg", "abs")
    },
    "view": _reshape,
    "size": _size,
    "dim": _ndim,
    "contiguous": _same,
    "clone": _same,
    "detach": _same,
}
