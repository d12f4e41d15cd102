# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""ONNX operators as steps of a torch module.

Each entry of OPERATORS takes the reader, the node and its inputs, at least one of which
is a Tensor, and gives the list of its outputs.
"""

import math
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from sklip.bounds._modules.graphs.module import Joined, Plus, Scaled, Shifted
from sklip.bounds._modules.graphs.shapes import SHAPES
from sklip.bounds._modules.graphs.spatial import SPATIAL
from sklip.networks import (
    ONNX_FUNCTIONS,
    attributes_of,
    get_activation,
    list_activations,
)

__all__ = ["FUNCTIONS", "OPERATORS"]

# What exporters round 1/6 and sqrt(2) to in single precision is this far off.
_SINGLE = 1e-6


def _layer(kind, **arguments):
    """An activation by its layer in torch."""

    def operator(reader, node, values):
        return [reader.add(getattr(nn, kind)(**arguments), values[0])]

    return operator


def _parametric(kind, attribute, default, name=None):
    def operator(reader, node, values):
        number = float(np.float32(attributes_of(node).get(attribute, default)))
        step = getattr(nn, kind)(**{name or attribute: number})
        return [reader.add(step, values[0])]

    return operator


def _gelu(reader, node, values):
    kind = attributes_of(node).get("approximate", b"none").decode()
    return [reader.add(nn.GELU(kind), values[0])]


def _prelu(reader, node, values):
    slopes = np.unique(np.asarray(values[1], dtype=np.float64))
    if len(slopes) > 1:
        raise reader.refusal(node, "with slopes of several channels")
    return [reader.add(nn.LeakyReLU(float(slopes[0])), values[0])]


def _clip(reader, node, values):
    given = attributes_of(node)
    ends = [*values[1:], None, None][:2]
    low, high = (
        given.get(name) if end is None else float(np.ravel(end)[0])
        for name, end in zip(("min", "max"), ends, strict=True)
    )
    low, high = -math.inf if low is None else low, math.inf if high is None else high
    if low == 0.0 and high >= torch.finfo(torch.float32).max:
        return [reader.add(nn.ReLU(), values[0])]
    if not -math.inf < low < high < math.inf:
        raise reader.refusal(node, "without two ends, in their order,")
    return [reader.add(nn.Hardtanh(low, high), values[0])]


def _sigmoid(reader, node, values):
    origin = ("Sigmoid", values[0].place)
    return [reader.add(nn.Sigmoid(), values[0], origin=origin)]


def _hard_sigmoid(reader, node, values):
    given = attributes_of(node)
    slope, middle = given.get("alpha", 0.2), given.get("beta", 0.5)
    if abs(slope * 6.0 - 1.0) > _SINGLE or middle != 0.5:
        raise reader.refusal(node, "with another slope than 1/6")
    origin = ("HardSigmoid", values[0].place)
    return [reader.add(nn.Hardsigmoid(), values[0], origin=origin)]


def _erf(reader, node, values):
    kind, place, factor = (*values[0].origin, None, None, None)[:3]
    if kind != "Scaled" or abs(factor * math.sqrt(2.0) - 1.0) > _SINGLE:
        raise reader.refusal(node, "is supported only where it is part of gelu")
    return [replace(values[0], place=-1, origin=("Erf", place))]


def _add(reader, node, values):
    total, *others = values
    for other in others:
        total = _sum(reader, node, total, other)
    return [total]


def _sum(reader, node, first, second):
    if not reader.depends(first):
        first, second = second, first
    if first.origin[:1] == ("Erf",) and not reader.depends(second):
        if np.size(second) == 1 and float(np.ravel(second)[0]) == 1.0:
            return replace(first, origin=("ErfPlusOne", first.origin[1]))
    if reader.depends(second):
        if first.shape != second.shape:
            raise reader.refusal(node, "of tensors of different shapes")
        return reader.add(Plus(), first, second)
    constant = reader.constant(node, second, first.shape)
    return reader.add(Shifted(constant), first)


def _sub(reader, node, values):
    first, second = values
    if reader.depends(second):
        return [_sum(reader, node, first, reader.add(Scaled(-1.0), second))]
    return [_sum(reader, node, first, -np.asarray(second, dtype=np.float64))]


def _neg(reader, node, values):
    return [reader.add(Scaled(-1.0), values[0])]


def _mul(reader, node, values):
    first, second = values
    if not reader.depends(first):
        first, second = second, first
    if reader.depends(second):
        return [_product(reader, node, first, second)]
    return [_scaled(reader, node, first, second)]


def _scaled(reader, node, value, factor):
    factor = reader.constant(node, factor, value.shape)
    alone = factor.size == 1
    origin = ("Scaled", value.place, float(factor.ravel()[0])) if alone else ()
    return reader.add(Scaled(factor), value, origin=origin)


def _product(reader, node, first, second):
    """A tensor times a gate of itself: silu, hardswish or gelu."""
    gates = {"Sigmoid": nn.SiLU, "HardSigmoid": nn.Hardswish, "ErfPlusOne": nn.GELU}
    for value, gate in ((first, second), (second, first)):
        kind, place = (*gate.origin, None, None)[:2]
        if kind in gates and place == value.place:
            made = reader.add(gates[kind](), value)
            return made if kind != "ErfPlusOne" else reader.add(Scaled(2.0), made)
    raise reader.refusal(node, "of two tensors that both depend on the input")


def _div(reader, node, values):
    first, second = values
    if reader.depends(second):
        raise reader.refusal(node, "by a tensor that depends on the input")
    with np.errstate(divide="ignore"):
        return [_scaled(reader, node, first, 1.0 / np.asarray(second, np.float64))]


def _linear(reader, node, value, weight, bias=None):
    weight = np.asarray(weight, dtype=np.float64)
    if weight.ndim != 2 or len(value.shape) < 2:
        raise reader.refusal(node, "other than with a constant matrix behind it")
    step = nn.Linear(*weight.shape, bias=bias is not None, dtype=torch.float64)
    with torch.no_grad():
        step.weight.copy_(torch.from_numpy(weight.T.copy()))
        if bias is not None:
            bias = np.broadcast_to(bias, (1, weight.shape[1]))[0]
            step.bias.copy_(torch.from_numpy(np.array(bias, dtype=np.float64)))
    return reader.add(step, value)


def _matmul(reader, node, values):
    if reader.depends(values[1]):
        raise reader.refusal(node, "other than with a constant matrix behind it")
    return [_linear(reader, node, *values)]


def _gemm(reader, node, values):
    given = attributes_of(node)
    if given.get("transA", 0) or reader.depends(values[1]):
        raise reader.refusal(node, "other than with a constant matrix behind it")
    weight = np.asarray(values[1], dtype=np.float64) * given.get("alpha", 1.0)
    bias = values[2] if len(values) > 2 else None
    if reader.depends(bias):
        raise reader.refusal(node, "with a third input that is no constant")
    if bias is not None:
        bias = np.asarray(bias, dtype=np.float64) * given.get("beta", 1.0)
    weight = weight.T if given.get("transB", 0) else weight
    return [_linear(reader, node, values[0], weight, bias)]


def _concat(reader, node, values):
    axis = attributes_of(node)["axis"] % len(values[0].shape)
    if axis == 0 or not all(map(reader.depends, values)):
        raise reader.refusal(node, "along the samples, or with constants,")
    return [reader.add(Joined(axis), *values)]


def _selu(reader, node, values):
    given = attributes_of(node)
    alpha = float(np.float32(given.get("alpha", 1.6732632)))
    gamma = float(np.float32(given.get("gamma", 1.050701)))
    return [reader.add(Scaled(gamma), reader.add(nn.ELU(alpha), values[0]))]


def _own_function(family):
    """An activation that sklip itself has written as a function."""

    def operator(reader, node, values):
        name = family
        if len(values) > 1:
            name = f"{family}({float(np.ravel(values[1])[0])!r})"
        kind, arguments = get_activation(name).torch
        return [reader.add(getattr(nn, kind)(**arguments), values[0])]

    return operator


def _named_activations():
    named = map(get_activation, list_activations())
    return {a.onnx: _layer(a.torch[0], **a.torch[1]) for a in named if a.onnx}


OPERATORS = {
    **_named_activations(),
    **SHAPES,
    **SPATIAL,
    "Add": _add,
    "Celu": _parametric("CELU", "alpha", 1.0),
    "Clip": _clip,
    "Concat": _concat,
    "Div": _div,
    "Elu": _parametric("ELU", "alpha", 1.0),
    "Erf": _erf,
    "Gelu": _gelu,
    "Gemm": _gemm,
    "HardSigmoid": _hard_sigmoid,
    "LeakyRelu": _parametric("LeakyReLU", "alpha", 0.01, "negative_slope"),
    "MatMul": _matmul,
    "Mul": _mul,
    "Neg": _neg,
    "PRelu": _prelu,
    "Selu": _selu,
    "Sigmoid": _sigmoid,
    "Softplus": _layer("Softplus", threshold=40.0),
    "Sub": _sub,
    "Sum": _add,
    "Tanh": _layer("Tanh"),
}
FUNCTIONS = {family: _own_function(family) for family in ONNX_FUNCTIONS}
