# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Fold the fitted transformers of a Pipeline into an affine map of its input.

What is affine goes into the first layer; what is not (one-hot columns, imputing, maps
of known slope) is done before the network.
"""

import copy
from dataclasses import replace

import numpy as np
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from sklip.exceptions import UnsupportedModelError
from sklip.networks._folding import warps  # noqa: F401  registers its folds
from sklip.networks._folding.affine import fold_selector, fold_stated_map, is_selector
from sklip.networks._folding.columns import concatenate, encoded_columns
from sklip.networks._folding.encoders import CategoryGroup
from sklip.networks._folding.imputer import fold_imputer
from sklip.networks._folding.registry import FOLDS, folds, unsupported
from sklip.networks._folding.table import Select
from sklip.networks._trust import makes_statement, need_unaltered

__all__ = ["Folder", "is_drop", "is_identity", "unfreeze"]

folds(SimpleImputer)(fold_imputer)


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
        Columns of X that an encoder of categories consumes.
    groups : list of CategoryGroup
        Coordinates that change together with a category.
    origins, slopes : dict of int to int and float
        Column of X that a warped coordinate is a function of, and its largest slope.
    fills : dict of int to list of (float, float)
        Values that imputers write into a column of X, in its own units, with their
        rounding error.
    bare : set of int
        Columns of X that some branch uses without imputing.
    n_coordinates : int
        Columns of X plus outputs of the encoders so far.
    """

    def __init__(self, n_features):
        self.n_features = n_features
        self.paths = []
        self.immutable = set()
        self.groups = []
        self.origins, self.slopes = {}, {}
        self.fills = {}
        self.bare = set()
        self.n_coordinates = n_features

    def fold(self, transformer, columns):
        """Columns behind a fitted transformer."""
        transformer = unfreeze(transformer)
        need_unaltered(transformer)
        if is_identity(transformer):
            return columns
        fold = _fold_of(transformer)
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

    def warp(self, transformer, columns, slopes, output_sizes):
        """New coordinates, curved functions of one column each.

        Parameters
        ----------
        transformer : object
            Maps each column by itself.
        columns : Columns
            What it maps.
        slopes : ndarray of shape (n_columns,)
            Largest slope of each map.
        output_sizes : ndarray of shape (n_columns,)
            Size of the terms that the map itself rounds, beside its output.

        Returns
        -------
        warped : Columns
            The new coordinates.
        """
        self.need_affine(columns, transformer)
        start = self.n_coordinates
        warped = self.encode((*columns.path, transformer), len(columns))
        for i, slope in enumerate(slopes):
            self._note_warp(transformer, columns, i, start + i, slope)
        behind = sparse.csr_array(sparse.diags_array(slopes) @ columns.size)
        behind.resize(warped.size.shape)
        return replace(
            warped,
            sources=columns.sources,
            filled=columns.filled,
            # Rounding in front of the map acts through its slope.
            size=sparse.csr_array(warped.size + behind),
            offset_size=slopes * columns.offset_size + output_sizes,
            # Twice: the coordinate and the column behind it move at once.
            n_roundings=2 * (columns.n_roundings + 64),
        )

    def _note_warp(self, transformer, columns, i, coordinate, slope):
        start, stop = columns.matrix.indptr[i : i + 2]
        inputs = columns.matrix.indices[start:stop]
        if len(inputs) != 1:
            raise unsupported(transformer, ", which maps mixtures of columns of X,")
        (entry,) = inputs
        moving = entry < self.n_features or entry in self.origins
        if moving:
            self.origins[coordinate] = self.origins.get(entry, int(entry))
            steepness = slope * abs(columns.matrix.data[start])
            self.slopes[coordinate] = steepness * self.slopes.get(entry, 1.0)
        else:
            sources = self.raw_sources(columns, i)
            self.groups.append(CategoryGroup(sources, np.array([coordinate]), None))

    def raw_sources(self, columns, i):
        """Columns of X that a column depends on, through encoders too."""
        start, stop = columns.matrix.indptr[i : i + 2]
        inputs = set(columns.matrix.indices[start:stop].tolist())
        behind = [g.sources for g in self.groups if inputs & set(g.coordinates)]
        return frozenset().union(columns.sources[i], *behind)

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


def _fold_of(transformer):
    fold = FOLDS.get(type(transformer))
    if fold is None and is_selector(transformer):
        return fold_selector
    if fold is None and makes_statement(transformer, "__sklip_affine__"):
        return fold_stated_map
    if fold is None:
        raise unsupported(transformer)
    return fold


def unfreeze(estimator):
    """The estimator inside FrozenEstimator wrappers."""
    while type(estimator) is FrozenEstimator:
        need_unaltered(estimator)
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


@folds(Pipeline)
def _fold_pipeline(folder, transformer, columns):
    for _, step in transformer.steps:
        columns = folder.fold(step, columns)
    return columns


@folds(FeatureUnion)
def _fold_union(folder, transformer, columns):
    branches = [
        (name, step, columns)
        for name, step in transformer.transformer_list
        if not is_drop(step)
    ]
    return _fold_branches(folder, transformer, branches)


@folds(ColumnTransformer)
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
