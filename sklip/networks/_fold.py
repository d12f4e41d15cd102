# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Fold the fitted transformers of a Pipeline into an affine map of its input.

What is affine goes into the first layer; what is not (one-hot columns, imputing) is
done before the network, on columns or values that no perturbation of X can change.
"""

import copy
from dataclasses import replace

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    RobustScaler,
    StandardScaler,
)
from sklearn.utils.validation import check_is_fitted

from sklip.exceptions import UnsupportedModelError
from sklip.networks._columns import concatenate, encoded_columns
from sklip.networks._fold_imputer import fold_imputer
from sklip.networks._table import Select

__all__ = ["Folder", "coordinatewise_map", "is_drop", "is_identity", "unfreeze"]


class Folder:
    """Follows columns through transformers and notes what encode() has to do.

    Parameters
    ----------
    n_features : int
        Number of columns of X.

    Attributes
    ----------
    paths : list of tuple
        For each encoder, the fitted transformers from X to its output.
    immutable : set of int
        Columns of X that an encoder consumes.
    fills : dict of int to list of (float, float)
        Values that imputers write into a column of X, in its own units, with their
        rounding error.
    bare : set of int
        Columns of X that some branch uses without imputing.
    n_coordinates : int
        Columns of X plus outputs of the encoders so far.
    """

    def __init__(self, n_features):
        self.paths = []
        self.immutable = set()
        self.fills = {}
        self.bare = set()
        self.n_coordinates = n_features

    def fold(self, transformer, columns):
        """Columns behind a fitted transformer."""
        transformer = unfreeze(transformer)
        if is_identity(transformer):
            return columns
        fold = _FOLDS.get(type(transformer))
        if fold is None:
            raise unsupported(transformer)
        check_is_fitted(transformer)
        n_expected = getattr(transformer, "n_features_in_", len(columns))
        if n_expected != len(columns):
            raise ValueError(
                f"{type(transformer).__name__} was fitted on {n_expected} columns, but "
                f"the step before it gives {len(columns)}."
            )
        folded = fold(self, transformer, columns)
        return replace(folded, path=(*columns.path, transformer))

    def encode(self, path, n_outputs):
        """New coordinates, computed by the fitted transformers of ``path``."""
        self.paths.append(copy.deepcopy(path))
        columns = encoded_columns(self.n_coordinates, n_outputs)
        self.n_coordinates += n_outputs
        return columns

    def need_affine(self, columns, consumer):
        """Refuse columns that are not affine in X; they may not hold NaN from here."""
        reason = next((reason for reason in columns.opaque if reason), None)
        if reason:
            name = type(consumer).__name__
            raise UnsupportedModelError(
                f"{reason}, so {name} behind it cannot be folded."
            )

    def forbid_missing(self, columns):
        """Note that the columns not yet imputed may not be missing."""
        for sources, filled in zip(columns.sources, columns.filled, strict=True):
            if not filled:
                self.bare |= sources


def unfreeze(estimator):
    """The estimator inside FrozenEstimator wrappers."""
    while type(estimator) is FrozenEstimator:
        check_is_fitted(estimator)
        estimator = estimator.estimator
    return estimator


def is_identity(transformer):
    """Whether the step hands its input on."""
    if type(transformer) is FunctionTransformer:
        return transformer.func is None and transformer.inverse_func is None
    return transformer is None or (
        isinstance(transformer, str) and transformer == "passthrough"
    )


def is_drop(step):
    """Whether the step drops its columns."""
    return isinstance(step, str) and step == "drop"


def unsupported(transformer, why=""):
    """The error for a transformer that cannot be folded."""
    return UnsupportedModelError(
        f"{transformer if isinstance(transformer, str) else type(transformer).__name__}"
        f"{why} cannot be folded into the network. Transformers that can be: "
        f"{', '.join(sorted(kind.__name__ for kind in _FOLDS))} and 'passthrough'."
    )


def coordinatewise_map(transformer, n_columns):
    """Fitted scaler as ``scale * v + offset`` for each column, clipping refused."""
    kind = type(transformer)
    if getattr(transformer, "clip", False):
        raise unsupported(transformer, "(clip=True)")
    scale, offset = np.ones(n_columns), np.zeros(n_columns)
    if kind is StandardScaler:
        if transformer.with_std:
            scale = 1.0 / np.asarray(transformer.scale_, dtype=np.float64)
        if transformer.with_mean:
            offset = -scale * transformer.mean_
    elif kind is MinMaxScaler:
        scale, offset = transformer.scale_, transformer.min_
    elif kind is MaxAbsScaler:
        scale = 1.0 / np.asarray(transformer.scale_, dtype=np.float64)
    elif kind is RobustScaler:
        if transformer.with_scaling:
            scale = 1.0 / np.asarray(transformer.scale_, dtype=np.float64)
        if transformer.with_centering:
            offset = -scale * transformer.center_
    else:
        raise unsupported(transformer)
    return np.asarray(scale, np.float64), np.asarray(offset, np.float64)


def _fold_scaler(folder, transformer, columns):
    folder.need_affine(columns, transformer)
    return columns.scaled(*coordinatewise_map(transformer, len(columns)))


def _fold_pca(folder, transformer, columns):
    folder.need_affine(columns, transformer)
    folder.forbid_missing(columns)
    matrix = np.asarray(transformer.components_, dtype=np.float64)
    if transformer.whiten:
        scale = np.sqrt(transformer.explained_variance_)
        scale = np.maximum(scale, np.finfo(scale.dtype).eps)
        matrix = matrix / scale[:, None]
    return columns.mixed(matrix, np.asarray(transformer.mean_, dtype=np.float64))


def _fold_one_hot(folder, transformer, columns):
    folder.immutable.update(*columns.sources)
    n_outputs = len(transformer.get_feature_names_out())
    return folder.encode((*columns.path, transformer), n_outputs)


def _fold_pipeline(folder, transformer, columns):
    for _, step in transformer.steps:
        columns = folder.fold(step, columns)
    return columns


def _fold_union(folder, transformer, columns):
    branches = [
        (name, step, columns)
        for name, step in transformer.transformer_list
        if not is_drop(step)
    ]
    return _fold_branches(folder, transformer, branches)


def _fold_column_transformer(folder, transformer, columns):
    names = getattr(transformer, "feature_names_in_", None)
    branches = []
    for name, step, _ in transformer.transformers_:
        indices = tuple(transformer._transformer_to_input_indices[name])
        if is_drop(step) or not indices:
            continue
        chosen = None if names is None else tuple(str(names[i]) for i in indices)
        path = (*columns.path, Select(indices, chosen))
        branches.append((name, step, columns.take(indices, path)))
    return _fold_branches(folder, transformer, branches)


def _fold_branches(folder, transformer, branches):
    weights = transformer.transformer_weights or {}
    parts = []
    for name, step, columns in branches:
        part = folder.fold(step, columns)
        if weights.get(name) is not None:
            folder.need_affine(part, transformer)
            part = part.scaled(weights[name])
        parts.append(part)
    return concatenate(parts, folder.n_coordinates)


# Looked up by exact type: a subclass may override transform.
_FOLDS = {
    StandardScaler: _fold_scaler,
    MinMaxScaler: _fold_scaler,
    MaxAbsScaler: _fold_scaler,
    RobustScaler: _fold_scaler,
    PCA: _fold_pca,
    SimpleImputer: fold_imputer,
    OneHotEncoder: _fold_one_hot,
    Pipeline: _fold_pipeline,
    FeatureUnion: _fold_union,
    ColumnTransformer: _fold_column_transformer,
}
