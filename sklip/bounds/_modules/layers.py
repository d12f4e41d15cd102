# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The single layers of torch, read into operators; by name, without torch.nn.

A reader takes a module and the shape of its input without the batch (entries that are
not known are None, and so is a shape of which nothing is known), and returns a list of
operators and the shape of the output.
"""

import math
from dataclasses import replace

import numpy as np
import torch

from sklip.bounds._modules.convolution import Convolution
from sklip.bounds._modules.operators import Dense, Reshape, Scale, Slope
from sklip.bounds._modules.pooling import (
    adaptive_windows,
    average_pooling,
    max_pooling,
    windows,
)
from sklip.exceptions import UnsupportedModelError
from sklip.networks import get_activation, list_activations

__all__ = ["DROPOUT", "LEAF_READERS", "compatible", "need_eval"]

DROPOUT = (
    "AlphaDropout",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "FeatureAlphaDropout",
)
# Longer axes of pooling are bounded without their size.
_LONGEST_AXIS = 2048
# Covers the roundings of 1 / sqrt(var + eps) and of its product.
_ROUND_UP = 1.0 + 2.0**-49


def need_eval(module):
    """ValueError in training mode."""
    if any(m.training for m in module.modules()):
        raise ValueError(
            f"{_name(module)} is in training mode, in which its output changes from "
            "call to call: call module.eval() first."
        )


def compatible(left, right):
    """Whether two shapes may be equal."""
    return len(left) == len(right) and all(
        a is None or b is None or a == b for a, b in zip(left, right, strict=True)
    )


def _name(module):
    return type(module).__name__


def _array(tensor, module, name):
    """Float64 array of a parameter: exact for every narrower type."""
    if tensor.is_complex():
        raise UnsupportedModelError(f"{_name(module)} has complex parameters.")
    array = tensor.detach().to("cpu", torch.float64).numpy()
    if not np.all(np.isfinite(array)):
        raise ValueError(
            f"{name} of {_name(module)} contains NaN or infinity: no bound exists."
        )
    return array


def _bias(module):
    return None if module.bias is None else _array(module.bias, module, "bias")


def _check_input(module, shape, expected):
    if not compatible(shape, expected):
        raise ValueError(
            f"{_name(module)} takes samples of shape {_text(expected)}, but gets "
            f"{_text(shape)}: check input_shape."
        )


def _text(shape):
    return str(shape).replace("None", "?")


def _needs_shape(module):
    return ValueError(
        f"{module!r} has a bound for an input of known shape only: pass input_shape."
    )


def _tuple(value, n):
    return tuple(value) if isinstance(value, tuple | list) else (value,) * n


def _read_linear(module, shape):
    weight = _array(module.weight, module, "weight")
    n_out, n_in = weight.shape
    if shape is None:
        # Rows are flat unless something in front says otherwise.
        shape = (n_in,)
    _check_input(module, shape, (*shape[:-1], n_in))
    return [Dense(weight, _bias(module), len(shape) == 1)], (*shape[:-1], n_out)


def _read_convolution(module, shape):
    kernel = _array(module.weight, module, "weight")
    n_axes = kernel.ndim - 2
    expected = (module.in_channels, *[None] * n_axes)
    shape = expected if shape is None else shape
    _check_input(module, shape, expected)
    convolution = Convolution(
        kernel=kernel,
        size=shape[1:],
        stride=_tuple(module.stride, n_axes),
        dilation=_tuple(module.dilation, n_axes),
        padding=_padding(module, n_axes),
        groups=module.groups,
        mode=module.padding_mode,
        bias=_bias(module),
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
    return tuple((p, p) for p in _tuple(module.padding, n_axes))


def _read_batch_norm(n_axes):
    """Reader of batch normalisation over n_axes spatial axes; None: 0 or 1."""

    def read(module, shape):
        need_eval(module)
        if module.running_mean is None or module.running_var is None:
            raise UnsupportedModelError(
                f"{_name(module)} without running statistics normalises by the batch: "
                "what it does to one sample depends on the others."
            )
        expected = None if n_axes is None else (None,) * n_axes
        if expected is None and shape is not None:
            expected = (None,) * (len(shape) - 1) if len(shape) in (1, 2) else ()
        if expected is not None:
            expected = (module.num_features, *expected)
            shape = expected if shape is None else shape
            _check_input(module, shape, expected)
        return [_scale(module)], shape

    return read


def _scale(module):
    mean = _array(module.running_mean, module, "running_mean")
    variance = _array(module.running_var, module, "running_var") + module.eps
    if np.any(variance <= 0.0):
        raise ValueError(
            f"running_var + eps of {_name(module)} must be positive to have a bound."
        )
    factors = 1.0 / np.sqrt(variance)
    if module.weight is not None:
        factors = factors * _array(module.weight, module, "weight")
    factors = factors * _ROUND_UP
    bias, mean = 0.0 if module.bias is None else _bias(module), mean * factors
    return Scale(factors, bias - mean, np.abs(bias) + np.abs(mean))


def _read_activation(name_of):
    def read(module, shape):
        name = name_of(module)
        jump = _jump(module) if name == "softplus" else 0.0
        try:
            slope = Slope(get_activation(name).name, jump)
        except ValueError:
            raise UnsupportedModelError(
                f"No slope sector is proven for {module!r}."
            ) from None
        return [slope], shape

    return read


def _plain_activations():
    """Readers of torch's layers that are a registered activation by their arguments."""
    layers = {}
    for activation in map(get_activation, list_activations()):
        layer, arguments = activation.torch
        layers.setdefault(layer, []).append((activation.name, arguments))
    return {layer: _read_activation(_named(known)) for layer, known in layers.items()}


def _named(known):
    def name_of(module):
        for name, arguments in known:
            if all(getattr(module, key) == arguments[key] for key in arguments):
                return name
        return ""

    return name_of


def _softplus(module):
    # At a threshold below 20, torch's switch to the identity is seen in any type.
    return "softplus" if module.beta == 1 and module.threshold >= 20 else ""


def _jump(module):
    """How far softplus is above the identity where torch switches to that."""
    return math.log1p(math.exp(-module.threshold))


def _leaky_relu(module):
    slope = float(module.negative_slope)
    return "abs" if slope == -1.0 else f"leaky_relu({slope!r})"


def _prelu(module):
    weight = _array(module.weight, module, "weight")
    return f"leaky_relu({float(weight[0])!r})" if weight.size == 1 else ""


def _read_identity(module, shape):
    return [], shape


def _read_dropout(module, shape):
    need_eval(module)
    return [], shape


def _read_flatten(module, shape):
    first, last = module.start_dim, module.end_dim
    if first < 1 or (last < first and last != -1):
        raise UnsupportedModelError(
            f"{module!r} may mix samples: start_dim must be at least 1, and end_dim -1 "
            "or at least start_dim."
        )
    if shape is None and first == 1 and last == -1:
        return [Reshape(True, (None,))], (None,)
    if shape is None:
        raise _needs_shape(module)
    last = len(shape) if last == -1 else last
    merged = shape[first - 1 : last]
    if not merged or last > len(shape):
        raise ValueError(f"{module!r} does not fit samples of shape {shape}.")
    size = None if None in merged else math.prod(merged)
    after = (*shape[: first - 1], size, *shape[last:])
    return [Reshape(len(after) == 1, after)], after


def _read_unflatten(module, shape):
    if not isinstance(module.dim, int) or module.dim < 1:
        raise UnsupportedModelError(f"{module!r} may mix samples: dim must be >= 1.")
    sizes = tuple(module.unflattened_size)
    if shape is None and module.dim > 1:
        raise _needs_shape(module)
    if shape is None:
        # As for a matrix: rows are flat unless something in front says otherwise.
        shape = (None if -1 in sizes else math.prod(sizes),)
    if module.dim > len(shape):
        raise ValueError(f"{module!r} does not fit samples of shape {shape}.")
    size = shape[module.dim - 1]
    if -1 in sizes:
        known = math.prod(n for n in sizes if n != -1)
        sizes = tuple(
            n if n != -1 else (None if size is None else size // known) for n in sizes
        )
    after = (*shape[: module.dim - 1], *sizes, *shape[module.dim :])
    return [Reshape(False, after)], after


def _spatial(module, shape, n_axes):
    """Shape (channels, ...) of a pooling layer's input."""
    expected = (None,) * (n_axes + 1)
    shape = expected if shape is None else shape
    _check_input(module, shape, expected)
    return shape


def _read_pooling(n_axes, average):
    def read(module, shape):
        shape = _spatial(module, shape, n_axes)
        if getattr(module, "return_indices", False):
            raise UnsupportedModelError(f"{_name(module)} with return_indices=True.")
        axes, size = [], []
        for n, *window in zip(
            shape[1:],
            _tuple(module.kernel_size, n_axes),
            _tuple(module.stride, n_axes),
            _tuple(module.padding, n_axes),
            _tuple(getattr(module, "dilation", 1), n_axes),
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
            n_terms = math.prod(_tuple(module.kernel_size, n_axes))
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


def _read_adaptive(n_axes, average):
    def read(module, shape):
        shape = _spatial(module, shape, n_axes)
        if getattr(module, "return_indices", False):
            raise UnsupportedModelError(f"{_name(module)} with return_indices=True.")
        axes, size, largest = [], [], []
        for n, n_out in zip(shape[1:], _tuple(module.output_size, n_axes), strict=True):
            n_out = n if n_out is None else n_out
            if n is None and n_out != 1:
                raise _needs_shape(module)
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


LEAF_READERS = {
    "Linear": _read_linear,
    "Conv1d": _read_convolution,
    "Conv2d": _read_convolution,
    "Conv3d": _read_convolution,
    "BatchNorm1d": _read_batch_norm(None),
    "BatchNorm2d": _read_batch_norm(2),
    "BatchNorm3d": _read_batch_norm(3),
    "Flatten": _read_flatten,
    "Unflatten": _read_unflatten,
    **_plain_activations(),
    "Identity": _read_identity,
    "LeakyReLU": _read_activation(_leaky_relu),
    "PReLU": _read_activation(_prelu),
    "ELU": _read_activation(lambda m: f"elu({float(m.alpha)!r})"),
    "Softplus": _read_activation(_softplus),
    **dict.fromkeys(DROPOUT, _read_dropout),
    **{f"AvgPool{n}d": _read_pooling(n, True) for n in (1, 2, 3)},
    **{f"MaxPool{n}d": _read_pooling(n, False) for n in (1, 2, 3)},
    **{f"AdaptiveAvgPool{n}d": _read_adaptive(n, True) for n in (1, 2, 3)},
    **{f"AdaptiveMaxPool{n}d": _read_adaptive(n, False) for n in (1, 2, 3)},
}
