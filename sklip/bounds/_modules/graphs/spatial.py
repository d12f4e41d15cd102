# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""ONNX convolutions and pooling as torch's layers.

torch pads both sides alike. A kernel that zeros make wider on one side has the same
values for padding that is wider on the other.
"""

import math

import numpy as np
import torch
from torch import nn

from sklip.networks import attributes_of

__all__ = ["SPATIAL"]


def _kernel_of(reader, node, values):
    kernel = np.asarray(values[1], dtype=np.float64)
    bias = None if len(values) < 3 or values[2] is None else np.asarray(values[2])
    if kernel.ndim not in (3, 4, 5) or reader.depends(values[1]):
        raise reader.refusal(node, "of one to three axes and a constant kernel alone")
    return kernel, bias


def _sides(reader, node, size, window, stride, dilation):
    """Padding in front of and behind each axis."""
    given = attributes_of(node)
    kind = given.get("auto_pad", b"NOTSET").decode()
    n_axes = len(size)
    if kind == "NOTSET":
        pads = given.get("pads", [0] * 2 * n_axes)
        sides = list(zip(pads[:n_axes], pads[n_axes:], strict=True))
    elif kind == "VALID":
        sides = [(0, 0)] * n_axes
    elif kind in ("SAME_UPPER", "SAME_LOWER"):
        sides = []
        for n, k, s, d in zip(size, window, stride, dilation, strict=True):
            total = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
            less, more = total // 2, total - total // 2
            sides.append((less, more) if kind == "SAME_UPPER" else (more, less))
    else:
        raise reader.refusal(node, f"with auto_pad {kind!r}")
    if min(min(pair) for pair in sides) < 0:
        raise reader.refusal(node, "with negative padding, which crops,")
    return sides


def _convolution(reader, node, values):
    kernel, bias = _kernel_of(reader, node, values)
    given, n_axes = attributes_of(node), kernel.ndim - 2
    stride = given.get("strides", [1] * n_axes)
    dilation = given.get("dilations", [1] * n_axes)
    size = values[0].shape[2:]
    sides = _sides(reader, node, size, kernel.shape[2:], stride, dilation)
    step = _layer(reader, node, kernel, bias, sides, stride, dilation, given)
    return [reader.add(step, values[0])]


def _layer(reader, node, kernel, bias, sides, stride, dilation, given):
    """A convolution of torch with padding alike on both sides."""
    n_axes, extra = kernel.ndim - 2, [(0, 0), (0, 0)]
    for (low, high), d in zip(sides, dilation, strict=True):
        # A tap more in front for each entry of padding that is missing there.
        before, after = max(high - low, 0), max(low - high, 0)
        if (before or after) and d != 1:
            raise reader.refusal(node, "with dilation and padding of unlike sides")
        extra.append((before, after))
    kernel = np.pad(kernel, extra)
    groups = given.get("group", 1)
    step = getattr(nn, f"Conv{n_axes}d")(
        kernel.shape[1] * groups,
        len(kernel),
        kernel.shape[2:],
        tuple(stride),
        tuple(max(pair) for pair in sides),
        tuple(dilation),
        groups,
        bias is not None,
        dtype=torch.float64,
    )
    with torch.no_grad():
        step.weight.copy_(torch.from_numpy(kernel))
        if bias is not None:
            step.bias.copy_(torch.tensor(bias, dtype=torch.float64))
    return step


def _pool(kind):
    """MaxPool and AveragePool."""

    def operator(reader, node, values):
        given = attributes_of(node)
        window = given["kernel_shape"]
        n_axes = len(window)
        stride = given.get("strides", [1] * n_axes)
        dilation = given.get("dilations", [1] * n_axes)
        size = values[0].shape[2:]
        if len(node.output) > 1 and node.output[1]:
            raise reader.refusal(node, "with the places of its maxima")
        sides = _sides(reader, node, size, window, stride, dilation)
        unlike = any(low != high for low, high in sides)
        if unlike or any(2 * p > k for (p, _), k in zip(sides, window, strict=True)):
            raise reader.refusal(
                node, "with padding of unlike sides, or wider than half its window,"
            )
        told = {"ceil_mode": bool(given.get("ceil_mode", 0))}
        padded = kind == "Avg" or any(low for low, _ in sides)
        if told["ceil_mode"] and padded:
            # Versions of the operator disagree about the last window.
            raise reader.refusal(node, "with ceil_mode and padding, or an average,")
        if kind == "Max":
            told["dilation"] = tuple(dilation)
        else:
            told["count_include_pad"] = bool(given.get("count_include_pad", 0))
            if set(dilation) != {1}:
                raise reader.refusal(node, "with dilation")
        layer = getattr(nn, f"{kind}Pool{n_axes}d")
        padding = tuple(low for low, _ in sides)
        step = layer(tuple(window), tuple(stride), padding, **told)
        return [reader.add(step, values[0])]

    return operator


def _global(kind):
    def operator(reader, node, values):
        n_axes = len(values[0].shape) - 2
        if not 1 <= n_axes <= 3:
            raise reader.refusal(node, "over other than one to three axes")
        step = getattr(nn, f"Adaptive{kind}Pool{n_axes}d")(1)
        return [reader.add(step, values[0])]

    return operator


def _mean(reader, node, values):
    """ReduceMean over all spatial axes: average pooling to one entry."""
    given, rank = attributes_of(node), len(values[0].shape)
    axes = given.get("axes")
    if len(values) > 1 and values[1] is not None:
        axes = np.ravel(values[1]).tolist()
    if axes is None or sorted(a % rank for a in axes) != list(range(2, rank)):
        raise reader.refusal(node, "over other axes than all behind the channels")
    (mean,) = _global("Avg")(reader, node, values)
    if given.get("keepdims", 1):
        return [mean]
    return [reader.shaped(mean, mean.shape[:2])]


def _pad(reader, node, values):
    """Zeros around each channel: a convolution with the identity."""
    given, value = attributes_of(node), values[0]
    rank = len(value.shape)
    pads = given.get("pads") or np.ravel(values[1]).tolist()
    if len(values) > 3 and values[3] is not None:
        raise reader.refusal(node, "of chosen axes")
    fill = given.get("value", 0.0)
    if len(values) > 2 and values[2] is not None:
        fill = float(np.ravel(values[2])[0])
    kind = given.get("mode", b"constant")
    if kind != b"constant" or fill != 0.0 or any(p < 0 for p in pads):
        raise reader.refusal(node, "other than with zeros")
    if not any(pads):
        return [value]
    sides = list(zip(pads[:rank], pads[rank:], strict=True))
    if any(map(any, sides[:2])) or not 3 <= rank <= 5:
        raise reader.refusal(node, "of samples or channels")
    n, ones = value.shape[1], [1] * (rank - 2)
    kernel = np.ones((n, 1, *ones))
    step = _layer(reader, node, kernel, None, sides[2:], ones, ones, {"group": n})
    return [reader.add(step, value)]


def _batch_normalization(reader, node, values):
    given, value = attributes_of(node), values[0]
    if given.get("training_mode", 0):
        raise reader.refusal(node, "in training mode depends on the whole batch")
    n, n_axes = value.shape[1], max(len(value.shape) - 2, 1)
    eps = float(np.float32(given.get("epsilon", 1e-5)))
    step = getattr(nn, f"BatchNorm{n_axes}d")(n, eps=eps, dtype=torch.float64)
    parts = step.weight, step.bias, step.running_mean, step.running_var
    with torch.no_grad():
        for part, array in zip(parts, values[1:5], strict=True):
            part.copy_(torch.as_tensor(np.array(array), dtype=torch.float64))
    return [reader.add(step, value)]


def _flatten(reader, node, values):
    axis = attributes_of(node).get("axis", 1)
    if axis % len(values[0].shape) != 1:
        raise reader.refusal(node, "at another axis than 1 mixes samples and")
    return [reader.shaped(values[0], (1, math.prod(values[0].shape[1:])))]


SPATIAL = {
    "AveragePool": _pool("Avg"),
    "BatchNormalization": _batch_normalization,
    "Conv": _convolution,
    "Flatten": _flatten,
    "GlobalAveragePool": _global("Avg"),
    "GlobalMaxPool": _global("Max"),
    "MaxPool": _pool("Max"),
    "Pad": _pad,
    "ReduceMean": _mean,
}
