# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Functions and methods of tensors that a traced forward may call, as operators."""

import operator

import torch
from torch.nn import functional

from sklip.bounds._modules.functions import arithmetic, layers, shapes
from sklip.bounds._modules.functions.layers import ACTIVATIONS, LAYERS

__all__ = ["FUNCTIONS", "METHODS"]

_CLIPS = ("clamp", "clip")
_TENSORS = {
    "add": arithmetic.add,
    "sub": arithmetic.subtract,
    "subtract": arithmetic.subtract,
    "mul": arithmetic.multiply,
    "multiply": arithmetic.multiply,
    "div": arithmetic.divide,
    "divide": arithmetic.divide,
    "true_divide": arithmetic.divide,
    "neg": arithmetic.negate,
    "negative": arithmetic.negate,
    "abs": arithmetic.absolute,
    "flatten": shapes.flatten,
    "reshape": shapes.reshape,
    "cat": shapes.concatenate,
    "chunk": shapes.chunk,
    "concat": shapes.concatenate,
    "concatenate": shapes.concatenate,
    "mean": shapes.mean,
    "matmul": layers.matmul,
    "permute": shapes.permute,
    "split": shapes.split,
    "squeeze": shapes.squeeze,
    "swapaxes": shapes.transpose,
    "swapdims": shapes.transpose,
    "transpose": shapes.transpose,
    "unsqueeze": shapes.unsqueeze,
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
    **_found(ACTIVATIONS | LAYERS, functional, torch),
    **_found(_TENSORS, torch),
    **{
        getattr(place, f"{name}_"): ACTIVATIONS[name]
        for name in ACTIVATIONS
        for place in (functional, torch)
        if hasattr(place, f"{name}_")
    },
    operator.add: arithmetic.add,
    operator.iadd: arithmetic.add,
    operator.sub: arithmetic.subtract,
    operator.isub: arithmetic.subtract,
    operator.mul: arithmetic.multiply,
    operator.imul: arithmetic.multiply,
    operator.truediv: arithmetic.divide,
    operator.itruediv: arithmetic.divide,
    operator.matmul: layers.matmul,
    operator.neg: arithmetic.negate,
    operator.getitem: shapes.item,
    getattr: shapes.attribute,
    len: shapes.length,
    abs: arithmetic.absolute,
}
METHODS = {
    **{
        name: ACTIVATIONS[name]
        for name in ("relu", "tanh", "sigmoid", "prelu", *_CLIPS)
    },
    **{f"{name}_": ACTIVATIONS[name] for name in ("relu", "tanh", "sigmoid", *_CLIPS)},
    **{name: f for name, f in _TENSORS.items() if "cat" not in name},
    **{
        f"{name}_": _TENSORS[name]
        for name in ("add", "sub", "mul", "div", "neg", "abs")
    },
    "view": shapes.reshape,
    "size": shapes.size,
    "dim": shapes.dimensions,
    "contiguous": shapes.same,
    "clone": shapes.same,
    "detach": shapes.same,
}
