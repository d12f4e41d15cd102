# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""ONNX operators that move the entries of a sample alone."""

import math

import numpy as np

from sklip.bounds._modules.graphs.module import Permuted
from sklip.networks import attributes_of

__all__ = ["SHAPES"]


def _same(reader, node, values):
    return [values[0]]


def _dropout(reader, node, values):
    if len(values) > 2 and values[2] is not None and np.any(values[2]):
        raise reader.refusal(node, "in training mode is random")
    return [values[0]]


def _cast(reader, node, values):
    import onnx

    types = onnx.TensorProto
    if attributes_of(node)["to"] not in (types.FLOAT, types.DOUBLE):
        raise reader.refusal(node, "to a type other than float or double")
    return [values[0]]


def _shape(reader, node, values):
    given, shape = attributes_of(node), np.array(values[0].shape)
    return [shape[given.get("start", 0) : given.get("end", len(shape))]]


def _reshape(reader, node, values):
    shape = [int(n) for n in np.ravel(values[1])]
    if not attributes_of(node).get("allowzero", 0):
        shape = [values[0].shape[i] if n == 0 else n for i, n in enumerate(shape)]
    if -1 in shape:
        rest = math.prod(n for n in shape if n != -1)
        shape[shape.index(-1)] = math.prod(values[0].shape) // rest
    return [_in_batches(reader, node, values[0], tuple(shape))]


def _in_batches(reader, node, value, shape):
    """Another shape, as long as its first axis is that of the batch still."""
    if len(shape) < 2 or shape[0] != 1 or math.prod(shape) != math.prod(value.shape):
        raise reader.refusal(node, "that does not leave the first axis to the samples")
    return reader.shaped(value, shape)


def _axes(node, values):
    if len(values) > 1 and values[1] is not None:
        return [int(a) for a in np.ravel(values[1])]
    return attributes_of(node).get("axes", [])


def _squeeze(reader, node, values):
    shape = values[0].shape
    axes = [a % len(shape) for a in _axes(node, values)]
    axes = axes or [k for k in range(1, len(shape)) if shape[k] == 1]
    left = tuple(n for k, n in enumerate(shape) if k not in axes)
    if 0 in axes and left[:1] != (1,):
        raise reader.refusal(node, "that does not leave the first axis to the samples")
    return [_in_batches(reader, node, values[0], left)]


def _unsqueeze(reader, node, values):
    shape = list(values[0].shape)
    rank = len(shape) + len(_axes(node, values))
    for axis in sorted(a % rank for a in _axes(node, values)):
        shape.insert(axis, 1)
    return [_in_batches(reader, node, values[0], tuple(shape))]


def _transpose(reader, node, values):
    """Where only axes of one entry pass others the entries keep their order."""
    shape = values[0].shape
    order = attributes_of(node).get("perm", list(range(len(shape)))[::-1])
    moving = [axis for axis in order if shape[axis] > 1]
    if order[0] != 0:
        raise reader.refusal(node, "that does not leave the first axis to the samples")
    if moving != sorted(moving):
        return [reader.add(Permuted(order), values[0])]
    return [reader.shaped(values[0], tuple(shape[axis] for axis in order))]


SHAPES = {
    "Cast": _cast,
    "Dropout": _dropout,
    "Identity": _same,
    "Reshape": _reshape,
    "Shape": _shape,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
