# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Encoders of categories: lookups that are done before the network."""

from dataclasses import dataclass, replace
from numbers import Real

import numpy as np
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from sklip.networks._folding.registry import folds
from sklip.networks._folding.storage import Storage

__all__ = ["CategoryGroup"]


@dataclass(frozen=True, eq=False)
class CategoryGroup:
    """Coordinates that one categorical column determines, and all they can be."""

    sources: frozenset  # of int: columns of X behind the group
    coordinates: np.ndarray  # of shape (n_group,): coordinates that change together
    # ndarray of shape (n_values, n_group) or None: their values for each category, and
    # for an unknown or missing one where the encoder accepts it, NaN where it hands
    # that on; None where they cannot be listed.
    values: np.ndarray | None


@folds(OneHotEncoder)
def _fold_one_hot(folder, transformer, columns):
    blocks = []
    for i, categories in enumerate(transformer.categories_):
        n_outputs, dropped = _n_one_hot(transformer, i, categories)
        rows = np.eye(n_outputs)
        if dropped or transformer.handle_unknown != "error":
            rows = np.vstack([rows, np.zeros((1, n_outputs))])
        blocks.append(rows)
    storage = Storage.new(
        sum(block.shape[1] for block in blocks),
        transformer.dtype,
        is_sparse=transformer.sparse_output,
    )
    return _encode(folder, transformer, columns, blocks, storage)


@folds(OrdinalEncoder)
def _fold_ordinal(folder, transformer, columns):
    blocks = []
    for i, categories in enumerate(transformer.categories_):
        last = categories[-1]
        missing = isinstance(last, Real) and bool(np.isnan(last))
        codes = np.arange(len(categories) - missing - _n_grouped(transformer, i))
        others = [transformer.encoded_missing_value] * missing
        if transformer.handle_unknown == "use_encoded_value":
            others.append(transformer.unknown_value)
        # What the type makes of a code is what is handed on: int8 wraps at 128.
        listed = [codes.astype(transformer.dtype)]
        listed += [np.array([value], dtype=transformer.dtype) for value in others]
        codes = np.unique(np.concatenate(listed).astype(np.float64))
        blocks.append(codes[:, None])
    storage = Storage.new(len(blocks), transformer.dtype)
    return _encode(folder, transformer, columns, blocks, storage)


@folds(TargetEncoder)
def _fold_target(folder, transformer, columns):
    multiclass = transformer.target_type_ == "multiclass"
    n_classes = len(transformer.classes_) if multiclass else 1
    means = np.atleast_1d(transformer.target_mean_)
    blocks = []
    for i in range(len(columns)):
        rows = [
            np.append(transformer.encodings_[i * n_classes + k], means[k])
            for k in range(n_classes)
        ]
        blocks.append(np.column_stack(rows))
    storage = Storage.new(sum(block.shape[1] for block in blocks))
    return _encode(folder, transformer, columns, blocks, storage)


def _n_one_hot(transformer, i, categories):
    """Columns of a one-hot block, and whether one category has none."""
    drop = transformer.drop_idx_
    dropped = drop is not None and drop[i] is not None
    return len(categories) - _n_grouped(transformer, i) - dropped, dropped


def _n_grouped(transformer, i):
    """How many codes are saved where infrequent categories share one."""
    infrequent = getattr(transformer, "infrequent_categories_", None)
    if infrequent is None or infrequent[i] is None:
        return 0
    return len(infrequent[i]) - 1


def _encode(folder, transformer, columns, blocks, storage):
    """New coordinates, a group of them for each encoded column."""
    start = folder.n_coordinates
    sources = [folder.raw_sources(columns, i) for i in range(len(columns))]
    folder.immutable.update(*sources)
    encoded = folder.encode((*columns.path, transformer), storage)
    for source, block in zip(sources, blocks, strict=True):
        stop = start + block.shape[1]
        folder.groups.append(CategoryGroup(source, np.arange(start, stop), block))
        start = stop
    # An ordinal encoder may hand on what is missing or unknown, as NaN.
    missing = np.concatenate([np.isnan(block).any(axis=0) for block in blocks])
    return replace(encoded, filled=~missing)
