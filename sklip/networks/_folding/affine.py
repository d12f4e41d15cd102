# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Scalers, projections and selections: transformers that are affine maps."""

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
from sklip.networks._trust import makes_statement, statement_of

__all__ = ["coordinatewise_map", "fold_selector", "fold_stated_map", "is_selector"]


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
def fold_stated_map(folder, transformer, columns):
    """Columns behind a map of each column by itself."""
    folder.need_affine(columns, transformer)
    return columns.scaled(*coordinatewise_map(transformer, len(columns)))


@folds(PCA)
def _fold_pca(folder, transformer, columns):
    folder.need_affine(columns, transformer)
    folder.forbid_missing(columns)
    matrix = np.asarray(transformer.components_, dtype=np.float64)
    if transformer.whiten:
        scale = np.sqrt(transformer.explained_variance_)
        scale = np.maximum(scale, np.finfo(scale.dtype).eps)
        matrix = matrix / scale[:, None]
    return columns.mixed(matrix, np.asarray(transformer.mean_, dtype=np.float64))


@folds(TruncatedSVD)
def _fold_svd(folder, transformer, columns):
    folder.need_affine(columns, transformer)
    folder.forbid_missing(columns)
    matrix = np.asarray(transformer.components_, dtype=np.float64)
    return columns.mixed(matrix, np.zeros(len(columns)))


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
    return columns.take(transformer.get_support(indices=True), columns.path)
