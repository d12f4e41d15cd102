# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""ONNX operators, as functions of affine tensors.

Each entry of OPERATORS takes the reader, the node and its inputs, at least one of which
is affine or a gate, and gives the list of its outputs.
"""

from dataclasses import replace

import numpy as np

from sklip.networks._activations import get_activation, list_activations
from sklip.networks._onnx.functions import FUNCTION_NAMES
from sklip.networks._onnx.values import Affine, Gate

__all__ = ["FUNCTIONS", "OPERATORS"]

# What exporters round sqrt(2) to in single precision is this far off.
_SINGLE = 1e-6


def attributes(node):
    """Attributes of a node by name."""
    import onnx

    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def _axes(node, values, at=1):
    """Axes, an attribute in old operator sets and an input in new ones."""
    if len(values) > at and values[at] is not None:
        return [int(a) for a in np.ravel(values[at])]
    return list(attributes(node).get("axes", []))


def _float64(value):
    return np.asarray(value, dtype=np.float64)


def _constant(reader, node, value):
    """A constant operand in float64; refused if it depends on the input."""
    if isinstance(value, Affine | Gate):
        raise reader.refusal(node, "of two tensors that both depend on the input")
    return _float64(value)


# Arithmetic


def _add(reader, node, values):
    return [_sum(reader, node, *values)]


def _sum(reader, node, first, second):
    if not isinstance(first, Affine | Gate):
        first, second = second, first
    if isinstance(first, Gate) and np.size(second) == 1 and not _depends(second):
        return replace(first, offset=first.offset + float(np.ravel(second)[0]))
    first, second = reader.committed(first), reader.committed(second)
    if not _depends(second):
        return first.shifted(_float64(second))
    if first.stage != second.stage:
        raise reader.refusal(
            node,
            "joins tensors of different layers (a residual connection). Load it as a "
            "torch module",
        )
    return first.plus(second)


def _depends(value):
    return isinstance(value, Affine | Gate)


def _sub(reader, node, values):
    first, second = values
    second = _negative(second) if _depends(second) else -_float64(second)
    return [_sum(reader, node, first, second)]


def _neg(reader, node, values):
    return [_negative(values[0])]


def _negative(value):
    if isinstance(value, Gate):
        return replace(value, scale=-value.scale, offset=-value.offset)
    return value.scaled(-1.0)


def _mul(reader, node, values):
    first, second = values
    if not _depends(first):
        first, second = second, first
    if not _depends(second):
        return [_times(reader, first, _float64(second))]
    return [_product(reader, node, first, second)]


def _div(reader, node, values):
    first, second = values[0], _constant(reader, node, values[1])
    if isinstance(first, Gate) and second.size == 1:
        second = float(second.ravel()[0])
        return [
            replace(first, scale=first.scale / second, offset=first.offset / second)
        ]
    first = reader.committed(first)
    return [replace(first, terms=first.terms / second[..., None])]


def _times(reader, value, factor):
    if isinstance(value, Gate) and factor.size == 1:
        factor = float(factor.ravel()[0])
        return replace(value, scale=value.scale * factor, offset=value.offset * factor)
    return reader.committed(value).scaled(factor)


def _product(reader, node, first, second):
    """A tensor times a gate of itself: silu, hardswish or gelu."""
    if isinstance(first, Gate):
        first, second = second, first
    if isinstance(first, Gate) or not isinstance(second, Gate):
        raise reader.refusal(node, "of two tensors that both depend on the input")
    gate = second
    if gate.kind == "Erf" and gate.scale == gate.offset:
        # c x (1 + erf(x / sqrt 2)) = 2 c gelu(x); c may stand before the product.
        for part in (1.0, 0.5):
            if first.scaled(np.sqrt(0.5) / part).equals(gate.before, _SINGLE):
                units = reader.activate(node, first.scaled(1.0 / part), "gelu")
                factor = 2.0 * gate.scale * part
                return units if factor == 1.0 else units.scaled(factor)
    name = {"Sigmoid": "silu", "HardSigmoid": "hardswish"}.get(gate.kind)
    if name and gate.is_plain and first.equals(gate.before):
        return reader.activate(node, first, name)
    raise reader.refusal(node, "of two tensors that both depend on the input")


def _matmul(reader, node, values):
    first, second = map(reader.committed, values)
    if _depends(second):
        left = _constant(reader, node, first)
        if len(second.shape) == 1:
            return [replace(second, terms=left @ second.terms)]
        # Over the last axis but one of the tensor, which is terms' last but two.
        terms = np.moveaxis(second.terms, -1, 0)
        return [replace(second, terms=np.moveaxis(left @ terms, 0, -1))]
    right = _float64(second)
    if right.ndim == 1:
        return [replace(first, terms=np.moveaxis(first.terms, -1, -2) @ right)]
    terms = np.moveaxis(first.terms, -1, 0)
    return [replace(first, terms=np.moveaxis(terms @ right, 0, -1))]


def _gemm(reader, node, values):
    given = attributes(node)
    a, b = (
        _transposed(value, given.get(name, 0))
        for value, name in zip(values[:2], ("transA", "transB"), strict=True)
    )
    (product,) = _matmul(reader, node, [a, b])
    alpha, beta = given.get("alpha", 1.0), given.get("beta", 1.0)
    if alpha != 1.0:
        product = product.scaled(alpha)
    if len(values) < 3 or values[2] is None:
        return [product]
    constant = _constant(reader, node, values[2])
    return [product.shifted(constant if beta == 1.0 else beta * constant)]


def _transposed(value, is_transposed):
    if not is_transposed:
        return value
    if isinstance(value, Affine):
        return replace(value, terms=np.swapaxes(value.terms, 0, 1))
    return np.swapaxes(value, 0, 1)


def _batch_normalization(reader, node, values):
    given = attributes(node)
    if given.get("training_mode", 0):
        raise reader.refusal(node, "in training mode depends on the whole batch")
    value = reader.committed(values[0])
    scale, shift, mean, variance = (_constant(reader, node, v) for v in values[1:5])
    factor = scale / np.sqrt(variance + given.get("epsilon", 1e-5))
    axes = (1,) * (len(value.shape) - 2)
    factor, mean, shift = (v.reshape(-1, *axes) for v in (factor, mean, shift))
    return [value.shifted(-mean).scaled(factor).shifted(shift)]


def _scaler(reader, node, values):
    """ai.onnx.ml.Scaler: (x - offset) * scale."""
    given = attributes(node)
    value = reader.committed(values[0])
    offset, scale = given.get("offset", [0.0]), given.get("scale", [1.0])
    return [value.shifted(-_float64(offset)).scaled(_float64(scale))]


# Activations


def _activation(name):
    def operator(reader, node, values):
        return [reader.activate(node, reader.committed(values[0]), name)]

    return operator


def _parametric(name, default):
    def operator(reader, node, values):
        alpha = float(np.float32(attributes(node).get("alpha", default)))
        value = reader.committed(values[0])
        return [reader.activate(node, value, f"{name}({alpha!r})")]

    return operator


def _prelu(reader, node, values):
    slopes = np.unique(_constant(reader, node, values[1]))
    if len(slopes) != 1:
        raise reader.refusal(node, "with a slope of its own for each unit")
    value = reader.committed(values[0])
    return [reader.activate(node, value, f"leaky_relu({float(slopes[0])!r})")]


def _gelu(reader, node, values):
    kind = attributes(node).get("approximate", b"none")
    name = {b"none": "gelu", b"tanh": "gelu_tanh"}[kind]
    return [reader.activate(node, reader.committed(values[0]), name)]


def _gate(kind):
    def operator(reader, node, values):
        if kind == "HardSigmoid":
            given = attributes(node)
            slope, middle = given.get("alpha", 0.2), given.get("beta", 0.5)
            if abs(slope - 1.0 / 6.0) > _SINGLE or middle != 0.5:
                raise reader.refusal(node, "that is not hardswish's")
        return [Gate(kind, reader.committed(values[0]))]

    return operator


# Shapes


def _same(reader, node, values):
    return [values[0]]


def _dropout(reader, node, values):
    training = values[2] if len(values) > 2 and values[2] is not None else False
    if np.any(training):
        raise reader.refusal(node, "in training mode is random")
    return [values[0]]


def _cast(reader, node, values):
    import onnx

    types = onnx.TensorProto
    floats = (types.FLOAT, types.DOUBLE, types.FLOAT16, types.BFLOAT16)
    if attributes(node)["to"] not in floats:
        raise reader.refusal(node, "to a type that is no floating point type")
    return [values[0]]


def _flatten(reader, node, values):
    value = reader.committed(values[0])
    axis = attributes(node).get("axis", 1)
    axis += len(value.shape) if axis < 0 else 0
    return [value.reshaped((int(np.prod(value.shape[:axis])), -1))]


def _reshape(reader, node, values):
    value = reader.committed(values[0])
    shape = [int(n) for n in values[1]]
    if not attributes(node).get("allowzero", 0):
        shape = [value.shape[i] if n == 0 else n for i, n in enumerate(shape)]
    n_units = value.terms.shape[-1]
    if -1 in shape:
        rest = -int(np.prod(shape))
        shape[shape.index(-1)] = value.terms.size // n_units // rest
    return [value.reshaped(shape)]


def _transpose(reader, node, values):
    value = reader.committed(values[0])
    rank = len(value.shape)
    order = attributes(node).get("perm", list(range(rank))[::-1])
    return [replace(value, terms=value.terms.transpose(*order, rank))]


def _squeeze(reader, node, values):
    value = reader.committed(values[0])
    rank = len(value.shape)
    axes = [a % rank for a in _axes(node, values)]
    axes = axes or [i for i, n in enumerate(value.shape) if n == 1]
    return [replace(value, terms=np.squeeze(value.terms, tuple(axes)))]


def _unsqueeze(reader, node, values):
    value = reader.committed(values[0])
    axes = _axes(node, values)
    rank = len(value.shape) + len(axes)
    terms = np.expand_dims(value.terms, tuple(a % rank for a in axes))
    return [replace(value, terms=terms)]


OPERATORS = {
    **{
        activation.onnx: _activation(activation.name)
        for activation in map(get_activation, list_activations())
        if activation.onnx
    },
    "Add": _add,
    "BatchNormalization": _batch_normalization,
    "Cast": _cast,
    "Div": _div,
    "Dropout": _dropout,
    "Elu": _parametric("elu", 1.0),
    "Erf": _gate("Erf"),
    "Flatten": _flatten,
    "Gelu": _gelu,
    "Gemm": _gemm,
    "HardSigmoid": _gate("HardSigmoid"),
    "Identity": _same,
    "LeakyRelu": _parametric("leaky_relu", 0.01),
    "MatMul": _matmul,
    "Mul": _mul,
    "Neg": _neg,
    "PRelu": _prelu,
    "Reshape": _reshape,
    "Sigmoid": _gate("Sigmoid"),
    "Squeeze": _squeeze,
    "Sub": _sub,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "ai.onnx.ml.Scaler": _scaler,
}


def _own_function(family):
    """An activation that sklip itself has written as a function."""

    def operator(reader, node, values):
        name = family
        if len(values) > 1:
            name = f"{family}({float(_constant(reader, node, values[1]))!r})"
        return [reader.activate(node, reader.committed(values[0]), name)]

    return operator


FUNCTIONS = {family: _own_function(family) for family in FUNCTION_NAMES}
