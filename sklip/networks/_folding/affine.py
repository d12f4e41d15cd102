# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Scalers, projections and selections: transformers that are affine maps."""

from dataclasses import replace

import numpy as np
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_selection import SelectorMixin
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)
from sklearn.utils import get_tags

from sklip.networks._folding.registry import folds, unsupported
from sklip.networks._folding.storage import FLOATS, as_float, coarseness
from sklip.networks._trust import makes_statement, statement_of

__all__ = ["coordinatewise_map", "fold_selector", "is_selector"]


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
    elif makes_statement(transformer, "__sklip_affine__"):
        scale, offset = statement_of(transformer, "__sklip_affine__")
    else:
        raise unsupported(transformer)
    return np.asarray(scale, np.float64), np.asarray(offset, np.float64)


@folds(StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler)
def fold_scaler(folder, transformer, columns):
    """Columns behind a scaler, which computes in the type of its input."""
    name = type(transformer).__name__
    folder.need_affine(columns, name)
    dtype = as_float(columns.storage.dtypes)
    scale, offset = coordinatewise_map(transformer, len(columns))
    coarse = coarseness(dtype, name)
    if columns.storage.is_sparse:
        if np.any(offset):
            raise unsupported(transformer, ", which does not center sparse columns,")
        # Sparse columns are multiplied by 1 / scale_, taken in the type of scale_.
        fitted = getattr(transformer, "scale_", None)
        coarse = max(coarse, coarseness(getattr(fitted, "dtype", dtype), name))
    return columns.scaled(scale, offset, coarse).stored(dtype)


@folds(PCA)
def _fold_pca(folder, transformer, columns):
    folder.need_affine(columns, "PCA")
    folder.forbid_missing(columns)
    matrix = np.asarray(transformer.components_, dtype=np.float64)
    center = np.asarray(transformer.mean_, dtype=np.float64)
    # The image of the mean is computed in the type of fit, whatever X is.
    fitted = np.result_type(transformer.components_, transformer.mean_)
    dtype = np.result_type(as_float(columns.storage.dtypes, FLOATS[:2]), fitted)
    if transformer.whiten:
        scale = np.sqrt(transformer.explained_variance_)
        scale = np.maximum(scale, np.finfo(scale.dtype).eps)
        matrix = matrix / scale[:, None]
    coarse = coarseness(dtype, "PCA"), coarseness(fitted, "PCA")
    return columns.mixed(matrix, center, *coarse).stored(dtype, is_sparse=False)


@folds(TruncatedSVD)
def _fold_svd(folder, transformer, columns):
    folder.need_affine(columns, "TruncatedSVD")
    folder.forbid_missing(columns)
    matrix = np.asarray(transformer.components_, dtype=np.float64)
    # Small integers times a matrix in float32 are float32.
    dtype = as_float((*columns.storage.dtypes, transformer.components_.dtype))
    coarse = coarseness(dtype, "TruncatedSVD")
    mixed = columns.mixed(matrix, np.zeros(len(columns)), coarse)
    return mixed.stored(dtype, is_sparse=False)


def is_selector(transformer):
    """Whether transform hands on the columns of get_support and does nothing else."""
    kind = type(transformer)
    return (
        isinstance(transformer, SelectorMixin)
        and kind.transform is SelectorMixin.transform
        and kind._transform is SelectorMixin._transform
        and kind.get_support is SelectorMixin.get_support
    )


def fold_selector(folder, transformer, columns):
    """The columns that a fitted selector keeps."""
    if not get_tags(transformer).input_tags.allow_nan:
        folder.forbid_missing(columns)
    kept = columns.take(transformer.get_support(indices=True), columns.path)
    return replace(kept, storage=replace(kept.storage, is_shared=False))
