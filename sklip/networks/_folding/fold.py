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
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.utils.validation import check_is_fitted

from sklip._copies import own_copy
from sklip.exceptions import UnsupportedModelError
from sklip.networks._folding import branches, warps  # noqa: F401  register their folds
from sklip.networks._folding.affine import fold_selector, is_selector
from sklip.networks._folding.columns import N_ROUNDINGS, encoded_columns
from sklip.networks._folding.encoders import CategoryGroup
from sklip.networks._folding.imputer import agreed_fill, fold_imputer
from sklip.networks._folding.registry import FOLDS, folds, unsupported
from sklip.networks._folding.stated import fold_stated_map
from sklip.networks._folding.steps import need_columns, pipeline_steps
from sklip.networks._folding.still import evaluated
from sklip.networks._folding.table import as_table, few_rows
from sklip.networks._trust import makes_statement, need_unaltered

__all__ = ["Folder", "acting"]

# Their transform writes into its input with copy=False; that of PCA does not.
_WRITING = (
    MaxAbsScaler,
    MinMaxScaler,
    QuantileTransformer,
    RobustScaler,
    SimpleImputer,
    StandardScaler,
)
# What a fold notes of the columns that it has seen.
_NOTES = (
    "paths",
    "immutable",
    "groups",
    "origins",
    "slopes",
    "fills",
    "bare",
    "n_coordinates",
)
# Rows of the user on which statements are tried.
_N_ROWS = 16

folds(SimpleImputer)(fold_imputer)


class Folder:
    """Follows columns through transformers and notes what encode() has to do.

    Parameters
    ----------
    n_features : int
        Number of columns of X.
    X : object, default=None
        Samples, whose first rows may refute what steps state of themselves.
    moving : collection of int, default=None
        Columns of X that may move; None for all.

    Attributes
    ----------
    paths : list of (tuple, int)
        For each encoder, the fitted transformers from X to its output, and the number
        of coordinates that this makes.
    immutable : set of int
        Columns of X that an encoder of categories consumes.
    groups : list of CategoryGroup
        Coordinates that change together with a category.
    origins, slopes : dict of int to int and float
        Column of X that a warped coordinate is a function of, and its largest slope.
    fills : dict of int to tuple of Fill
        What imputers write in place of a coordinate.
    bare : set of int
        Coordinates that some branch uses without imputing.
    n_coordinates : int
        Columns of X plus outputs of the encoders so far.
    """

    def __init__(self, n_features, X=None, moving=None):
        self.n_features, self._X, self._moving = n_features, X, moving
        self.paths = []
        self.immutable = set()
        self.groups = []
        self.origins, self.slopes = {}, {}
        self.fills = {}
        self.bare = set()
        self.n_coordinates = n_features

    def fold(self, transformer, columns):
        """Columns behind a fitted transformer."""
        transformer = acting(transformer)
        if transformer is None:
            return columns
        if not self._stay(columns):
            return self._folded(transformer, columns)
        noted = {name: copy.copy(getattr(self, name)) for name in _NOTES}
        try:
            folded = self._folded(transformer, columns)
            if not any(folded.opaque):
                return folded
        except UnsupportedModelError:
            pass
        # Columns that do not move need no slope, only their values.
        vars(self).update(noted)
        folded = evaluated(self, transformer, columns)
        return replace(folded, path=(*columns.path, transformer))

    def _stay(self, columns):
        """Whether all that these columns depend on is known not to move."""
        if self._moving is None:
            return False
        behind = (self.raw_sources(columns, i) for i in range(len(columns)))
        return not frozenset().union(*behind) & self._moving

    def _folded(self, transformer, columns):
        need_unaltered(transformer)
        fold = FOLDS.get(type(transformer)) or _other_fold(transformer)
        check_is_fitted(transformer)
        if isinstance(transformer, _WRITING) and not transformer.copy:
            self.forbid_writing(True, transformer, columns)
        need_columns(transformer, len(columns))
        folded = fold(self, transformer, columns)
        return replace(folded, path=(*columns.path, transformer))

    def rows_at(self, columns):
        """The first rows of X as they reach these columns; None without X."""
        if self._X is None:
            return None
        rows = own_copy(few_rows(as_table(self._X), _N_ROWS))
        for step in columns.path:
            rows = step.transform(rows)
        return rows

    def forbid_writing(self, writes, transformer, columns):
        """Refuse a step that writes into what another branch may be given."""
        if writes and columns.storage.is_shared:
            raise UnsupportedModelError(
                f"{type(transformer).__name__} writes into its input, which other "
                "branches get as well: what they see depends on the order. Use "
                "copy=True, or a function that returns a new array."
            )

    def encode(self, path, storage):
        """New coordinates, computed by the fitted transformers of ``path``."""
        columns = encoded_columns(self.n_coordinates, len(storage.dtypes), storage)
        self.paths.append((copy.deepcopy(path), len(columns)))
        self.n_coordinates += len(columns)
        return columns

    def mark(self, coordinate, mark):
        """Note that a coordinate says whether one of an encoder is missing."""
        for k, group in enumerate(self.groups):
            where = np.flatnonzero(group.coordinates == coordinate)
            if len(where):
                values = group.values
                if values is not None:
                    values = np.hstack([values, np.isnan(values[:, where])])
                coordinates = np.append(group.coordinates, mark)
                self.groups[k] = replace(group, coordinates=coordinates, values=values)

    def fill(self, coordinate):
        """What replaces a coordinate that is missing; NaN if no single value does."""
        if coordinate in self.bare:
            return np.nan
        return agreed_fill(self.fills.get(coordinate, ()))

    def warp(
        self, transformer, columns, slopes, *, output_sizes, storage, coarseness=1
    ):
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
        storage : Storage
            Of what it hands on.
        coarseness : int, default=1
            What one rounding of its arithmetic counts for.

        Returns
        -------
        warped : Columns
            The new coordinates.
        """
        self.need_affine(columns, type(transformer).__name__)
        start = self.n_coordinates
        warped = self.encode((*columns.path, transformer), storage)
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
            n_roundings=2 * (columns.n_roundings + N_ROUNDINGS * coarseness),
        )

    def _note_warp(self, transformer, columns, i, coordinate, slope):
        inputs = columns.entries(i)
        if len(inputs) != 1:
            raise unsupported(transformer, ", which maps mixtures of columns of X,")
        (entry,) = inputs
        moving = entry < self.n_features or entry in self.origins
        if moving:
            self.origins[coordinate] = self.origins.get(entry, entry)
            scale = columns.matrix.data[columns.matrix.indptr[i]]
            steepness = slope * abs(scale) * self.slopes.get(entry, 1.0)
            # The slope, the scales in front and their products were rounded.
            n_roundings = columns.n_roundings + 4
            self.slopes[coordinate] = steepness * (1.0 + 2.0**-52 * n_roundings)
        else:
            sources = self.raw_sources(columns, i)
            self.groups.append(CategoryGroup(sources, np.array([coordinate]), None))

    def raw_sources(self, columns, i):
        """Columns of X that a column depends on, through encoders too."""
        inputs = set(columns.entries(i))
        behind = [g.sources for g in self.groups if inputs & set(g.coordinates)]
        return frozenset().union(columns.sources[i], *behind)

    def need_affine(self, columns, consumer):
        """Refuse columns that are not affine in X, as the class ``consumer`` needs."""
        reason = next((reason for reason in columns.opaque if reason), None)
        if reason:
            raise UnsupportedModelError(
                f"{reason}, so {consumer} behind it cannot be folded."
            )

    def forbid_missing(self, columns):
        """Note that the columns not yet imputed may not be missing."""
        for i in np.flatnonzero(~columns.filled):
            self.bare |= columns.sources[i] | set(columns.entries(i))


def _other_fold(transformer):
    """The fold of what is not known by its exact type alone."""
    if pipeline_steps(transformer) is not None:
        return _fold_pipeline
    if is_selector(transformer):
        return fold_selector
    if makes_statement(transformer, "__sklip_affine__"):
        return fold_stated_map
    raise unsupported(transformer)


def acting(step):
    """The transformer inside a step; None if it hands its input on.

    Frozen estimators around it must be fitted and have the methods of their class.
    """
    while type(step) is FrozenEstimator:
        need_unaltered(step)
        check_is_fitted(step)
        step = step.estimator
    if type(step) is FunctionTransformer:
        if step.func is not None or step.inverse_func is not None:
            return step
        need_unaltered(step)
        return None
    hands_on = step is None or (isinstance(step, str) and step == "passthrough")
    return None if hands_on else step


@folds(Pipeline)
def _fold_pipeline(folder, transformer, columns):
    for _, step in pipeline_steps(transformer):
        columns = folder.fold(step, columns)
    return columns
