# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Layers of torch that move entries alone: identity, dropout, flatten, unflatten."""

import math

from sklip.bounds._modules.layers.parameters import need_eval, needs_shape
from sklip.bounds._modules.operators import Reshape
from sklip.exceptions import UnsupportedModelError

__all__ = ["read_dropout", "read_flatten", "read_identity", "read_unflatten"]


def read_identity(module, shape):
    return [], shape


def read_dropout(module, shape):
    need_eval(module)
    return [], shape


def read_flatten(module, shape):
    first, last = module.start_dim, module.end_dim
    if first < 1 or (last < first and last != -1):
        raise UnsupportedModelError(
            f"{module!r} may mix samples: start_dim must be at least 1, and end_dim -1 "
            "or at least start_dim."
        )
    if shape is None and first == 1 and last == -1:
        return [Reshape(True, (None,))], (None,)
    if shape is None:
        raise needs_shape(module)
    last = len(shape) if last == -1 else last
    merged = shape[first - 1 : last]
    if not merged or last > len(shape):
        raise ValueError(f"{module!r} does not fit samples of shape {shape}.")
    size = None if None in merged else math.prod(merged)
    after = (*shape[: first - 1], size, *shape[last:])
    return [Reshape(len(after) == 1, after)], after


def read_unflatten(module, shape):
    if not isinstance(module.dim, int) or module.dim < 1:
        raise UnsupportedModelError(f"{module!r} may mix samples: dim must be >= 1.")
    sizes = tuple(module.unflattened_size)
    if shape is None and module.dim > 1:
        raise needs_shape(module)
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
