# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Shapes of tensors that depend on the input: joined, flattened, asked for."""

import math

import numpy as np
from torch import nn

from sklip.bounds._modules.functions.call import (
    BATCH,
    Unsupported,
    is_traced,
    need_traced,
    read,
)
from sklip.bounds._modules.layers import as_tuple, compatible
from sklip.bounds._modules.operators import Concat, Dense, Permute, Reshape

__all__ = [
    "attribute",
    "chunk",
    "concatenate",
    "flatten",
    "item",
    "length",
    "mean",
    "permute",
    "dimensions",
    "reshape",
    "same",
    "size",
    "split",
    "squeeze",
    "transpose",
    "unsqueeze",
]

# Entries of the matrix that takes a part of a sample.
_LARGEST_PART = 2**22


def concatenate(tensors, dim=0, axis=None):
    dim = dim if axis is None else axis
    values = list(tensors)
    if not all(map(is_traced, values)):
        raise Unsupported("constants beside functions of the input")
    shapes = [value.shape for value in values]
    if any(shape is None for shape in shapes):
        if dim != 1:
            raise Unsupported(
                "the shape of a sample is not known: pass input_shape "
                "to sklip.bounds.module_bound"
            )
        return _stacked(values, 0, None)
    n_axes = len(shapes[0])
    axis = dim - 1 if dim >= 0 else dim + n_axes
    if not 0 <= axis < n_axes or any(len(s) != n_axes for s in shapes):
        raise Unsupported("along the samples")
    rest = [(*s[:axis], *s[axis + 1 :]) for s in shapes]
    if not all(compatible(rest[0], r) for r in rest):
        raise Unsupported(f"samples of the shapes {shapes}")
    sizes = [s[axis] for s in shapes]
    total = None if None in sizes else sum(sizes)
    return _stacked(values, axis, (*shapes[0][:axis], total, *shapes[0][axis + 1 :]))


def _stacked(values, axis, shape):
    if len(values) == 1:
        return values[0]
    kind = type(values[0])
    return kind(tuple(values), [], lambda branches: Concat(branches, axis), shape)


def flatten(x, start_dim=0, end_dim=-1):
    n = None if x.shape is None else len(x.shape) + 1
    if n is not None:
        start_dim = start_dim + n if start_dim < 0 else start_dim
        end_dim = -1 if end_dim in (-1, n - 1) else end_dim
    return read(x, "Flatten", nn.Flatten(start_dim, end_dim))


def reshape(x, *shape):
    if len(shape) == 1 and isinstance(shape[0], tuple | list):
        shape = tuple(shape[0])
    first, *rest = shape
    if isinstance(first, int) and first != -1 or first is None:
        raise Unsupported("its first size is a number, not that of the batch")
    if any(size is BATCH for size in rest) or (first == -1 and -1 in rest):
        raise Unsupported("samples are mixed")
    if x.shape is None or None in x.shape:
        if rest == [-1] and first is BATCH:
            return x.behind([Reshape(True, (None,))], (None,))
        raise Unsupported(
            "the shape of a sample is not known: pass input_shape "
            "to sklip.bounds.module_bound"
        )
    total = math.prod(x.shape)
    known = math.prod(size for size in rest if size != -1)
    after = tuple(total // known if size == -1 else size for size in rest)
    if math.prod(after) != total:
        raise Unsupported(f"samples of shape {x.shape} are mixed")
    return x.behind([Reshape(len(after) == 1, after)], after)


def squeeze(x, dim=None):
    """Axes of one entry left out."""
    if x.shape is None or None in x.shape or dim is None:
        raise Unsupported(
            "of axes that are not known: pass input_shape "
            "to sklip.bounds.module_bound, and dim"
        )
    rank = len(x.shape) + 1
    axes = {d % rank for d in as_tuple(dim, 1)}
    if 0 in axes:
        raise Unsupported("of the axis of the samples")
    kept = [n for k, n in enumerate(x.shape, 1) if k not in axes or n != 1]
    return reshape(x, BATCH, *kept)


def unsqueeze(x, dim):
    """An axis of one entry more."""
    _need_shape(x)
    axis = dim % (len(x.shape) + 2)
    if axis == 0:
        raise Unsupported("in front of the samples")
    return reshape(x, BATCH, *x.shape[: axis - 1], 1, *x.shape[axis - 1 :])


def permute(x, *dims):
    """Axes in another order, that of the samples in front."""
    if len(dims) == 1 and isinstance(dims[0], tuple | list):
        dims = tuple(dims[0])
    _need_shape(x)
    rank = len(x.shape) + 1
    dims = [d % rank for d in dims]
    if sorted(dims) != list(range(rank)) or dims[0] != 0:
        raise Unsupported("of the axis of the samples")
    order = tuple(d - 1 for d in dims[1:])
    if list(order) == sorted(order):
        return x
    return x.behind([Permute(order)], tuple(x.shape[k] for k in order))


def transpose(x, dim0, dim1):
    """Two axes exchanged."""
    _need_shape(x)
    dims = list(range(len(x.shape) + 1))
    dims[dim0], dims[dim1] = dims[dim1], dims[dim0]
    return permute(x, *dims)


def _need_shape(x):
    if x.shape is None or None in x.shape:
        raise Unsupported(
            "the shape of a sample is not known: pass input_shape "
            "to sklip.bounds.module_bound"
        )


def mean(x, dim=None, keepdim=False, axis=None, dtype=None):
    """The mean over all spatial axes: average pooling to one entry."""
    dim = dim if axis is None else axis
    if x.shape is None or dim is None or dtype is not None:
        raise Unsupported("over axes that are not known")
    n_axes = len(x.shape) - 1
    dims = sorted(d % (n_axes + 2) for d in as_tuple(dim, 1))
    if not 1 <= n_axes <= 3 or dims != list(range(2, n_axes + 2)):
        raise Unsupported("over other axes than all spatial ones")
    pool = getattr(nn, f"AdaptiveAvgPool{n_axes}d")(1)
    pooled = read(x, f"AdaptiveAvgPool{n_axes}d", pool)
    if keepdim:
        return pooled
    return pooled.behind([Reshape(True, x.shape[:1])], x.shape[:1])


def size(x, dim=None):
    if x.shape is None:
        raise Unsupported(
            "the shape of a sample is not known: pass input_shape "
            "to sklip.bounds.module_bound"
        )
    sizes = (BATCH, *x.shape)
    return sizes if dim is None else sizes[dim]


def attribute(x, name):
    if name == "shape":
        if x.shape is None:
            return (BATCH,)
        return (BATCH, *x.shape)
    if name == "ndim" and x.shape is not None:
        return 1 + len(x.shape)
    raise Unsupported(f"its attribute {name}")


def item(x, index):
    """A part of a sample, or axes of one entry more; or of a tuple."""
    if not is_traced(x):
        return x[index]
    _need_shape(x)
    index = index if isinstance(index, tuple) else (index,)
    ends = [(i.start, i.stop, i.step) if isinstance(i, slice) else (i,) for i in index]
    if not all(i is None or i is ... or type(i) is int for i in sum(ends, ())):
        raise Unsupported("a part of a tensor that is not given by numbers")
    samples, *rest = index
    if samples is ...:
        return _part(x, index)
    if samples != slice(None):
        raise Unsupported("some samples, or an axis in front of them")
    return _part(x, tuple(rest))


def _part(x, index):
    """Entries of each sample, by a matrix of zeros and ones."""
    n = math.prod(x.shape)
    try:
        kept = np.arange(n).reshape(x.shape)[index]
    except IndexError:
        raise Unsupported(f"some samples, or no part of shape {x.shape}") from None
    after = kept.shape
    if kept.size == n and after:
        return x if after == x.shape else reshape(x, BATCH, *after)
    if not after or not kept.size or n * kept.size > _LARGEST_PART:
        raise Unsupported("a part of a tensor that is empty, a single entry, or large")
    flat = reshape(x, BATCH, n)
    some = Dense(np.eye(n)[kept.ravel()], None, flat=True)
    some = flat.behind([some], (kept.size,))
    return some if len(after) == 1 else reshape(some, BATCH, *after)


def split(x, split_size_or_sections, dim=0):
    """Parts along an axis, of equal sizes but for the last, or of given ones."""
    _need_shape(x)
    axis = dim % (len(x.shape) + 1) - 1
    if axis < 0:
        raise Unsupported("along the samples")
    n, sizes = x.shape[axis], split_size_or_sections
    if isinstance(sizes, int):
        ends = [*range(sizes, n, sizes), n]
    else:
        ends = [sum(sizes[: k + 1]) for k in range(len(sizes))]
    return tuple(
        _part(x, (slice(None),) * axis + (slice(start, end),))
        for start, end in zip([0, *ends], ends, strict=False)
    )


def chunk(x, chunks, dim=0):
    """So many parts along an axis, or fewer."""
    _need_shape(x)
    n = (0, *x.shape)[dim % (len(x.shape) + 1)]
    return split(x, -(-n // chunks), dim)


def length(x):
    return BATCH


def dimensions(x):
    return attribute(x, "ndim")


def same(x, *args, **kwargs):
    return need_traced(x)
