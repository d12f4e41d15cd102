# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Encoders of categories: lookups that are done before the network."""

from dataclasses import dataclass

import numpy as np
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from sklip.networks._folding.registry import folds

__all__ = ["CategoryGroup"]


@dataclass(frozen=True, eq=False)
class CategoryGroup:
    """Coordinates that one categorical column determines, and all they can be.

    Attributes
    ----------
    sources : frozenset of int
        Columns of X behind the group.
    coordinates : ndarray of int of shape (n_group,)
        Coordinates that change together.
    values : ndarray of shape (n_values, n_group) or None
        Their values for each category, and for an unknown or missing one where the
        encoder accepts it; None where they cannot be listed.
    """

    sources: frozenset
    coordinates: np.ndarray
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
    return _encode(folder, transformer, columns, blocks)


@folds(OrdinalEncoder)
def _fold_ordinal(folder, transformer, columns):
    blocks = []
    for i, categories in enumerate(transformer.categories_):
        codes = list(np.arange(len(categories), dtype=np.float64))
        if transformer.handle_unknown == "use_encoded_value":
            codes.append(float(transformer.unknown_value))
        if i in getattr(transformer, "_missing_indices", {}):
            codes.append(float(transformer.encoded_missing_value))
        codes = np.unique([code for code in codes if not np.isnan(code)])
        blocks.append(codes[:, None])
    return _encode(folder, transformer, columns, blocks)


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
    return _encode(folder, transformer, columns, blocks)


def _n_one_hot(transformer, i, categories):
    """Columns of a one-hot block, and whether one category has none."""
    n_outputs = len(categories)
    infrequent = getattr(transformer, "infrequent_categories_", None)
    if infrequent is not None and infrequent[i] is not None:
        n_outputs += 1 - len(infrequent[i])
    drop = transformer.drop_idx_
    dropped = drop is not None and drop[i] is not None
    return n_outputs - dropped, dropped


def _encode(folder, transformer, columns, blocks):
    """New coordinates, a group of them for each encoded column."""
    start = folder.n_coordinates
    sources = [folder.raw_sources(columns, i) for i in range(len(columns))]
    folder.immutable.update(*sources)
    n_outputs = sum(block.shape[1] for block in blocks)
    encoded = folder.encode((*columns.path, transformer), n_outputs)
    for source, block in zip(sources, blocks, strict=True):
        stop = start + block.shape[1]
        folder.groups.append(CategoryGroup(source, np.arange(start, stop), block))
        start = stop
    return encoded
