# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""FeatureUnion and ColumnTransformer: several ways from the same columns, side by side.

Branches may get the same memory. One that writes into it changes what the others see,
in an order that nothing promises.
"""

from dataclasses import replace
from numbers import Integral

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion

from sklip.networks._folding.columns import concatenate
from sklip.networks._folding.registry import folds, unsupported
from sklip.networks._folding.storage import as_float, coarseness
from sklip.networks._folding.table import Select

__all__ = ["is_drop"]


def is_drop(step):
    """Whether the step drops its columns."""
    return isinstance(step, str) and step == "drop"


@folds(FeatureUnion)
def _fold_union(folder, transformer, columns):
    steps = [pair for pair in transformer.transformer_list if not is_drop(pair[1])]
    given = columns.shared() if len(steps) > 1 else columns
    branches = [(name, step, given) for name, step in steps]
    return _fold_branches(folder, transformer, columns, branches)


@folds(ColumnTransformer)
def _fold_column_transformer(folder, transformer, columns):
    names = getattr(transformer, "feature_names_in_", None)
    chosen = [
        (name, step, where, tuple(transformer._transformer_to_input_indices[name]))
        for name, step, where in transformer.transformers_
    ]
    chosen = [entry for entry in chosen if not is_drop(entry[1]) and entry[3]]
    branches = []
    for name, step, where, indices in chosen:
        given = None if names is None else tuple(str(names[i]) for i in indices)
        path = (*columns.path, Select(indices, given, _is_scalar(where)))
        taken = columns.take(indices, path)
        if _is_copied(where):
            taken = replace(taken, storage=replace(taken.storage, is_shared=False))
        elif any(set(indices) & set(other[3]) for other in chosen if other[0] != name):
            taken = taken.shared()
        branches.append((name, step, taken))
    return _fold_branches(folder, transformer, columns, branches)


def _is_scalar(where):
    """Whether a single column was named, which is handed on without an axis."""
    return isinstance(where, str | Integral) and not isinstance(where, bool)


def _is_copied(where):
    """Whether columns chosen in this way are a copy: not a slice, nor a single one."""
    return isinstance(where, list | tuple | np.ndarray)


def _fold_branches(folder, transformer, columns, branches):
    weights = transformer.transformer_weights or {}
    parts = []
    for name, step, given in branches:
        part = folder.fold(step, given)
        if weights.get(name) is not None:
            part = _weighted(folder, transformer, part, weights[name])
        parts.append(part)
    return concatenate(
        parts,
        folder.n_coordinates,
        is_sparse=_is_sparse(transformer, parts),
        is_shared=columns.storage.is_shared,
    )


def _is_sparse(transformer, parts):
    stated = getattr(transformer, "sparse_output_", None)
    return any(p.storage.is_sparse for p in parts) if stated is None else stated


def _weighted(folder, transformer, part, weight):
    name = type(transformer).__name__
    folder.need_affine(part, name)
    dtypes = part.storage.dtypes
    if isinstance(weight, Integral) and any(dtype.kind in "iu" for dtype in dtypes):
        raise unsupported(
            transformer,
            f", whose weight {weight} is a whole number: integers times that wrap "
            f"around at the end of their range, (use {float(weight)})",
        )
    dtypes = [np.result_type(dtype, weight) for dtype in dtypes]
    coarse = max((coarseness(as_float((d,)), name) for d in dtypes), default=1)
    part = part.scaled(weight, coarseness=coarse)
    return replace(part, storage=replace(part.storage, dtypes=tuple(dtypes)))
