# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""ONNX operators that act on each entry by itself: activations and what clips."""

from dataclasses import replace
from functools import reduce

import numpy as np

from sklip.networks._activations import get_activation, list_activations
from sklip.networks._onnx.functions import ONNX_FUNCTIONS
from sklip.networks._onnx.nodes import attributes_of, constant_of, depends, float64
from sklip.networks._onnx.values import Gate

__all__ = ["FUNCTIONS", "between", "elementwise_operators"]

# What exporters round 1/6 to in single precision is this far off.
_SINGLE = 1e-6
# Ends that no number in single precision is beyond stand for none.
_LARGEST = float(np.finfo(np.float32).max)


def _activation(name):
    def operator(reader, node, values):
        return [reader.activate(node, reader.committed(values[0]), name)]

    return operator


def _parametric(name, default):
    def operator(reader, node, values):
        alpha = float(np.float32(attributes_of(node).get("alpha", default)))
        value = reader.committed(values[0])
        return [reader.activate(node, value, f"{name}({alpha!r})")]

    return operator


def _prelu(reader, node, values):
    """max(z, 0) + a min(z, 0); slopes of their own make two units of each."""
    slopes = constant_of(reader, node, values[1])
    value = reader.committed(values[0])
    if len(np.unique(slopes)) == 1:
        slope = float(slopes.ravel()[0])
        return [reader.activate(node, value, f"leaky_relu({slope!r})")]
    up, down = _hinges(reader, node, [value, value.scaled(-1.0)])
    return [up.plus(down.scaled(-slopes))]


def _gelu(reader, node, values):
    kind = attributes_of(node).get("approximate", b"none")
    name = {b"none": "gelu", b"tanh": "gelu_tanh"}[kind]
    return [reader.activate(node, reader.committed(values[0]), name)]


def _tanh(reader, node, values):
    """tanh, and what may yet become mish or gelu in its tanh form."""
    (value,) = values
    if isinstance(value, Gate):
        if value.kind == "Softplus" and value.is_plain:
            return [Gate("TanhSoftplus", value.before, node)]
        root = np.sqrt(2.0 / np.pi)
        near = abs(value.scale / root - 1.0) <= _SINGLE and value.offset == 0.0
        if value.kind == "GeluInner" and near:
            return [Gate("TanhInner", value.before, node)]
    return [reader.activate(node, reader.committed(value), "tanh")]


def _pow(reader, node, values):
    """Powers that stand in the tanh form of gelu."""
    value, power = reader.committed(values[0]), constant_of(reader, node, values[1])
    kinds = {2.0: "Square", 3.0: "Cube"}
    if power.size != 1 or float(power.ravel()[0]) not in kinds:
        raise reader.refusal(node, "is supported only where it is part of gelu")
    return [Gate(kinds[float(power.ravel()[0])], value, node)]


def _gate(kind):
    def operator(reader, node, values):
        return [Gate(kind, reader.committed(values[0]), node)]

    return operator


def _hard_sigmoid(reader, node, values):
    given = attributes_of(node)
    slope, middle = given.get("alpha", 0.2), given.get("beta", 0.5)
    value = reader.committed(values[0])
    if abs(slope - 1.0 / 6.0) <= _SINGLE and middle == 0.5:
        # Perhaps a part of hardswish.
        return [Gate("HardSigmoid", value, node, slope=float(slope))]
    return [between(reader, node, value.scaled(slope).shifted(middle), 0.0, 1.0)]


def _hinges(reader, node, values):
    """relu of several tensors of one shape, as one layer."""
    stacked = replace(values[0], terms=np.stack([value.terms for value in values]))
    units = reader.activate(node, stacked, "relu")
    return [replace(units, terms=units.terms[k]) for k in range(len(values))]


def between(reader, node, value, low, high):
    """The entries, but none below or above; None or an infinity stands for no end."""
    low, high = (None if end is None else float64(end) for end in (low, high))
    low = None if low is None or np.all(low <= -_LARGEST) else low
    high = None if high is None or np.all(high >= _LARGEST) else high
    if low is None and high is None:
        return value
    if high is None:
        if np.all(low == 0.0):
            return reader.activate(node, value, "relu")
        return reader.activate(node, value.shifted(-low), "relu").shifted(low)
    if low is None:
        below = value.scaled(-1.0).shifted(high)
        return reader.activate(node, below, "relu").scaled(-1.0).shifted(high)
    if np.any(low > high):
        raise reader.refusal(node, "between ends in the wrong order")
    first, second = (value.shifted(-end) for end in (low, high))
    first, second = _hinges(reader, node, [first, second])
    return first.plus(second.scaled(-1.0)).shifted(low)


def _clip(reader, node, values):
    ends = [*values[1:], None, None][:2]
    ends = [None if e is None else constant_of(reader, node, e) for e in ends]
    return [between(reader, node, reader.committed(values[0]), *ends)]


def _extreme(is_max):
    """Max or Min of a tensor and constants."""

    def operator(reader, node, values):
        moving = [value for value in values if depends(value)]
        if len(moving) > 1:
            raise reader.refusal(node, "of two tensors that both depend on the input")
        rest = [float64(value) for value in values if not depends(value)]
        value = reader.committed(moving[0])
        if not rest:
            return [value]
        end = reduce(np.maximum if is_max else np.minimum, rest)
        ends = (end, None) if is_max else (None, end)
        return [between(reader, node, value, *ends)]

    return operator


def _selu(reader, node, values):
    given = attributes_of(node)
    alpha = float(np.float32(given.get("alpha", 1.6732632)))
    gamma = float(np.float32(given.get("gamma", 1.050701)))
    units = reader.activate(node, reader.committed(values[0]), f"elu({alpha!r})")
    return [units.scaled(gamma)]


def _celu(reader, node, values):
    alpha = float(np.float32(attributes_of(node).get("alpha", 1.0)))
    value = reader.committed(values[0]).scaled(1.0 / alpha)
    return [reader.activate(node, value, "elu(1.0)").scaled(alpha)]


def _swish(reader, node, values):
    alpha = float(np.float32(attributes_of(node).get("alpha", 1.0)))
    value = reader.committed(values[0])
    if alpha != 1.0:
        value = value.scaled(alpha)
    units = reader.activate(node, value, "silu")
    return [units if alpha == 1.0 else units.scaled(1.0 / alpha)]


def _thresholded_relu(reader, node, values):
    if attributes_of(node).get("alpha", 1.0) != 0.0:
        raise reader.refusal(node, "jumps at its threshold")
    return [reader.activate(node, reader.committed(values[0]), "relu")]


def elementwise_operators():
    """Operators that act on each entry by itself."""
    named = map(get_activation, list_activations())
    return {
        **{a.onnx: _activation(a.name) for a in named if a.onnx},
        "Celu": _celu,
        "Clip": _clip,
        "Elu": _parametric("elu", 1.0),
        "Erf": _gate("Erf"),
        "Gelu": _gelu,
        "HardSigmoid": _hard_sigmoid,
        "LeakyRelu": _parametric("leaky_relu", 0.01),
        "Max": _extreme(True),
        "Min": _extreme(False),
        "PRelu": _prelu,
        "Pow": _pow,
        "Selu": _selu,
        "Sigmoid": _gate("Sigmoid"),
        "Softplus": _gate("Softplus"),
        "Swish": _swish,
        "Tanh": _tanh,
        "ThresholdedRelu": _thresholded_relu,
    }


def _own_function(family):
    """An activation that sklip itself has written as a function."""

    def operator(reader, node, values):
        name = family
        if len(values) > 1:
            name = f"{family}({float(constant_of(reader, node, values[1]))!r})"
        return [reader.activate(node, reader.committed(values[0]), name)]

    return operator


FUNCTIONS = {family: _own_function(family) for family in ONNX_FUNCTIONS}
