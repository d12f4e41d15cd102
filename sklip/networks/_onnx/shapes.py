# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""ONNX operators that move the entries of tensors, or add some of them up."""

from dataclasses import replace

import numpy as np

from sklip.networks._onnx.nodes import attributes_of, axes_of, depends, float64
from sklip.networks._onnx.values import constant_affine

__all__ = ["SHAPES"]


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
    if attributes_of(node)["to"] not in floats:
        raise reader.refusal(node, "to a type that is no floating point type")
    return [values[0]]


def _flatten(reader, node, values):
    value = reader.committed(values[0])
    axis = attributes_of(node).get("axis", 1)
    axis += len(value.shape) if axis < 0 else 0
    return [value.reshaped((int(np.prod(value.shape[:axis])), -1))]


def _reshape(reader, node, values):
    value = reader.committed(values[0])
    shape = [int(n) for n in values[1]]
    if not attributes_of(node).get("allowzero", 0):
        shape = [value.shape[i] if n == 0 else n for i, n in enumerate(shape)]
    n_units = value.terms.shape[-1]
    if -1 in shape:
        rest = -int(np.prod(shape))
        shape[shape.index(-1)] = value.terms.size // n_units // rest
    return [value.reshaped(shape)]


def _transpose(reader, node, values):
    value = reader.committed(values[0])
    rank = len(value.shape)
    order = attributes_of(node).get("perm", list(range(rank))[::-1])
    return [replace(value, terms=value.terms.transpose(*order, rank))]


def _squeeze(reader, node, values):
    value = reader.committed(values[0])
    rank = len(value.shape)
    axes = [a % rank for a in axes_of(node, values)]
    axes = axes or [i for i, n in enumerate(value.shape) if n == 1]
    return [replace(value, terms=np.squeeze(value.terms, tuple(axes)))]


def _unsqueeze(reader, node, values):
    value = reader.committed(values[0])
    axes = axes_of(node, values)
    rank = len(value.shape) + len(axes)
    terms = np.expand_dims(value.terms, tuple(a % rank for a in axes))
    return [replace(value, terms=terms)]


def _gather(reader, node, values):
    if depends(values[1]):
        raise reader.refusal(node, "at places that depend on the input")
    value = reader.committed(values[0])
    axis = attributes_of(node).get("axis", 0) % len(value.shape)
    return [replace(value, terms=np.take(value.terms, values[1], axis=axis))]


def _extract(reader, node, values):
    """ai.onnx.ml.ArrayFeatureExtractor: some entries of the last axis."""
    value = reader.committed(values[0])
    terms = np.take(value.terms, np.ravel(values[1]), axis=len(value.shape) - 1)
    return [replace(value, terms=terms)]


def _concat(reader, node, values):
    values = [reader.committed(value) for value in values]
    stages = {value.stage for value in values if depends(value)}
    if len(stages) > 1:
        raise reader.refusal(
            node,
            "joins tensors of different layers (a dense or residual connection). Load "
            "it as a torch module",
        )
    like = next(value for value in values if depends(value))
    axis = attributes_of(node)["axis"] % len(like.shape)
    parts = [v if depends(v) else constant_affine(like, float64(v)) for v in values]
    return [replace(like, terms=np.concatenate([p.terms for p in parts], axis=axis))]


def _split(reader, node, values):
    value, given = reader.committed(values[0]), attributes_of(node)
    axis = given.get("axis", 0) % len(value.shape)
    sizes = given.get("split")
    if len(values) > 1 and values[1] is not None:
        sizes = [int(n) for n in np.ravel(values[1])]
    if sizes is None:
        n_parts = given.get("num_outputs", len(node.output))
        size = -(-value.shape[axis] // n_parts)
        sizes = [size] * (n_parts - 1)
    ends = np.cumsum(sizes)[: len(node.output) - 1]
    parts = np.split(value.terms, ends, axis=axis)
    return [replace(value, terms=part) for part in parts]


def _slice(reader, node, values):
    value = reader.committed(values[0])
    starts, ends = (np.ravel(v).tolist() for v in values[1:3])
    axes = axes_of(node, values, at=3) or range(len(starts))
    steps = [1] * len(starts)
    if len(values) > 4 and values[4] is not None:
        steps = np.ravel(values[4]).tolist()
    terms = value.terms
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        axis, n = axis % len(value.shape), terms.shape[axis % len(value.shape)]
        # In ONNX as in numpy, but for an end far below zero with a negative step.
        end = None if step < 0 and end < -n else end
        terms = terms[(slice(None),) * axis + (slice(start, end, step),)]
    return [replace(value, terms=terms)]


def _reduced(divides):
    def operator(reader, node, values):
        value, given = reader.committed(values[0]), attributes_of(node)
        rank = len(value.shape)
        axes = axes_of(node, values)
        if not axes and given.get("noop_with_empty_axes", 0):
            return [value]
        axes = tuple(a % rank for a in axes) or tuple(range(rank))
        terms = value.terms.sum(axis=axes, keepdims=bool(given.get("keepdims", 1)))
        count = np.prod([value.shape[a] for a in axes]) if divides else 1.0
        return [replace(value, terms=terms / count)]

    return operator


def _shape(reader, node, values):
    return [np.array(values[0].shape if depends(values[0]) else np.shape(values[0]))]


def _expand(reader, node, values):
    value = reader.committed(values[0])
    shape = np.broadcast_shapes(value.shape, tuple(int(n) for n in values[1]))
    rank = len(shape) - len(value.shape)
    terms = value.terms.reshape((1,) * rank + value.terms.shape)
    return [replace(value, terms=np.broadcast_to(terms, (*shape, terms.shape[-1])))]


SHAPES = {
    "Cast": _cast,
    "CastLike": _same,
    "Concat": _concat,
    "Dropout": _dropout,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Identity": _same,
    "ReduceMean": _reduced(True),
    "ReduceSum": _reduced(False),
    "Reshape": _reshape,
    "Shape": _shape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "ai.onnx.ml.ArrayFeatureExtractor": _extract,
}
