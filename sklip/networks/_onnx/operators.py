# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""ONNX operators, as functions of affine tensors.

Each entry of OPERATORS takes the reader, the node and its inputs, at least one of which
is affine or a gate, and gives the list of its outputs.
"""

from dataclasses import replace

import numpy as np

from sklip.networks._onnx.elementwise import FUNCTIONS, elementwise_operators
from sklip.networks._onnx.nodes import attributes_of, constant_of, depends, float64
from sklip.networks._onnx.shapes import SHAPES
from sklip.networks._onnx.values import Affine, Gate

__all__ = ["FUNCTIONS", "OPERATORS"]

# What exporters round sqrt(2) to in single precision is this far off.
_SINGLE = 1e-6


_GATED = {"Sigmoid": "silu", "HardSigmoid": "hardswish", "TanhSoftplus": "mish"}


def _add(reader, node, values):
    total, *others = values
    for value in others:
        total = _sum(reader, node, total, value)
    return [total]


def _mean(reader, node, values):
    (total,) = _add(reader, node, values)
    return [reader.committed(total).scaled(1.0 / len(values))]


def _sum(reader, node, first, second):
    if not depends(first) and not depends(second):
        return float64(first) + float64(second)
    if not isinstance(first, Affine | Gate):
        first, second = second, first
    inner = _gelu_inner(first, second)
    if inner is not None:
        return inner
    if isinstance(first, Gate) and np.size(second) == 1 and not depends(second):
        return replace(first, offset=first.offset + float(np.ravel(second)[0]))
    first, second = reader.committed(first), reader.committed(second)
    if not depends(second):
        return first.shifted(float64(second))
    if first.stage != second.stage:
        raise reader.refusal(
            node,
            "joins tensors of different layers (a residual connection). Load it as a "
            "torch module",
        )
    return first.plus(second)


def _gelu_inner(first, second):
    """x + 0.044715 x^3, which stands in the tanh form of gelu; None if this is not."""
    if isinstance(first, Affine) and isinstance(second, Gate):
        first, second = second, first
    if not (isinstance(first, Gate) and isinstance(second, Affine)):
        return None
    if first.kind != "Cube" or not second.equals(first.before):
        return None
    if first.offset != 0.0 or abs(first.scale / 0.044715 - 1.0) > _SINGLE:
        return None
    return Gate("GeluInner", second, first.node)


def _sub(reader, node, values):
    first, second = values
    second = _negative(second) if depends(second) else -float64(second)
    return [_sum(reader, node, first, second)]


def _neg(reader, node, values):
    return [_negative(values[0])]


def _negative(value):
    if isinstance(value, Gate):
        return replace(value, scale=-value.scale, offset=-value.offset)
    return value.scaled(-1.0)


def _mul(reader, node, values):
    first, second = values
    if not depends(first):
        first, second = second, first
    if not depends(second):
        return [_times(reader, first, float64(second))]
    return [_product(reader, node, first, second)]


def _div(reader, node, values):
    first, second = values[0], constant_of(reader, node, values[1])
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
    """A tensor times a gate of itself: silu, mish, hardswish or gelu; or its powers."""
    if isinstance(first, Gate):
        first, second = second, first
    if isinstance(first, Affine) and isinstance(second, Affine):
        if first.equals(second):
            return Gate("Square", first, node)
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
    if gate.kind == "TanhInner" and gate.scale == gate.offset:
        for part in (1.0, 0.5):
            if first.scaled(1.0 / part).equals(gate.before):
                units = reader.activate(node, gate.before, "gelu_tanh")
                return units.scaled(2.0 * gate.scale * part)
    if gate.kind == "Square" and gate.is_plain and first.equals(gate.before):
        return replace(gate, kind="Cube")
    name = _GATED.get(gate.kind)
    if name and gate.is_plain and first.equals(gate.before):
        return reader.activate(node, first, name)
    raise reader.refusal(node, "of two tensors that both depend on the input")


def _matmul(reader, node, values):
    first, second = map(reader.committed, values)
    if depends(second):
        left = constant_of(reader, node, first)
        if len(second.shape) == 1:
            return [replace(second, terms=left @ second.terms)]
        # Over the last axis but one of the tensor, which is terms' last but two.
        terms = np.moveaxis(second.terms, -1, 0)
        return [replace(second, terms=np.moveaxis(left @ terms, 0, -1))]
    right = float64(second)
    if right.ndim == 1:
        return [replace(first, terms=np.moveaxis(first.terms, -1, -2) @ right)]
    terms = np.moveaxis(first.terms, -1, 0)
    return [replace(first, terms=np.moveaxis(terms @ right, 0, -1))]


def _gemm(reader, node, values):
    given = attributes_of(node)
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
    constant = constant_of(reader, node, values[2])
    return [product.shifted(constant if beta == 1.0 else beta * constant)]


def _transposed(value, is_transposed):
    if not is_transposed:
        return value
    if isinstance(value, Affine):
        return replace(value, terms=np.swapaxes(value.terms, 0, 1))
    return np.swapaxes(value, 0, 1)


def _batch_normalization(reader, node, values):
    given = attributes_of(node)
    if given.get("training_mode", 0):
        raise reader.refusal(node, "in training mode depends on the whole batch")
    value = reader.committed(values[0])
    scale, shift, mean, variance = (constant_of(reader, node, v) for v in values[1:5])
    factor = scale / np.sqrt(variance + given.get("epsilon", 1e-5))
    axes = (1,) * (len(value.shape) - 2)
    factor, mean, shift = (v.reshape(-1, *axes) for v in (factor, mean, shift))
    return [value.shifted(-mean).scaled(factor).shifted(shift)]


def _scaler(reader, node, values):
    """ai.onnx.ml.Scaler: (x - offset) * scale."""
    given = attributes_of(node)
    value = reader.committed(values[0])
    offset, scale = given.get("offset", [0.0]), given.get("scale", [1.0])
    return [value.shifted(-float64(offset)).scaled(float64(scale))]


def _linear_regressor(reader, node, values):
    """ai.onnx.ml.LinearRegressor."""
    given = attributes_of(node)
    kind = given.get("post_transform", b"NONE")
    if kind != b"NONE":
        raise reader.refusal(node, f"with the post_transform {kind.decode()}")
    value = reader.committed(values[0])
    n_targets = given.get("targets", 1)
    coefficients = float64(given["coefficients"]).reshape(n_targets, -1)
    terms = np.moveaxis(value.terms, -1, 0) @ coefficients.T
    product = replace(value, terms=np.moveaxis(terms, 0, -1))
    return [product.shifted(float64(given.get("intercepts", [0.0] * n_targets)))]


OPERATORS = {
    **elementwise_operators(),
    **SHAPES,
    "Add": _add,
    "BatchNormalization": _batch_normalization,
    "Div": _div,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Mean": _mean,
    "Mul": _mul,
    "Neg": _neg,
    "Sub": _sub,
    "Sum": _add,
    "ai.onnx.ml.LinearRegressor": _linear_regressor,
    "ai.onnx.ml.Scaler": _scaler,
}
