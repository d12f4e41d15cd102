# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""From the user's X to the coordinates that a folded network takes."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils import check_array

from sklip._arguments import refuse_masked
from sklip._copies import own_copy
from sklip.networks._folding.still import numbers_of
from sklip.networks._folding.table import as_table, column_names, locate, take_columns

__all__ = ["InputEncoder"]


@dataclass(frozen=True, eq=False)
class InputEncoder:
    """What happens to X before the network: imputing and encoding, nothing affine."""

    n_features: int  # number of columns of X
    # Names of the columns of X, if the model was fitted on names.
    feature_names: tuple[str, ...] | None
    # Whether columns are looked up by name, as a leading ColumnTransformer does: then
    # their order is free and further columns are ignored.
    by_name: bool
    # Columns of X that are coordinates themselves, in the order of the coordinates.
    raw: tuple[int, ...]
    # Value in place of a missing one, for each of ``raw``; NaN where none is known.
    fill: tuple[float, ...]
    # Of tuple: for each encoder, the fitted transformers from X to its output.
    paths: tuple = ()
    # Positions, among the outputs of all encoders, of those that are coordinates.
    kept: tuple[int, ...] = ()
    immutable: frozenset = frozenset()  # of int: columns of X that an encoder consumes
    # Value in place of a missing one, for each of ``kept``; NaN where none is known.
    kept_fill: tuple[float, ...] = ()

    def transform(self, X):
        """Coordinates of the samples of X, float64."""
        refuse_masked(X, "X")
        X = as_table(X)
        if not X.shape[0]:
            raise ValueError("X has no samples.")
        positions = self._check_columns(X)
        blocks = [np.empty((X.shape[0], 0))]
        if len(self.raw):
            blocks.append(self._imputed(self._numbers(X, positions)))
        if len(self.kept):
            blocks.append(self._encoded(X))
        return np.hstack(blocks)

    def positions(self, X):
        """Where the columns ``raw`` are in a table, which must have those of fit."""
        return self._check_columns(as_table(X))

    def missing(self, X, feature_index):
        """Which entries of X are missing, for coordinates of these columns."""
        X = as_table(X)
        missing = np.zeros((X.shape[0], self.n_features + 1), dtype=bool)
        if len(self.raw):
            numbers = self._numbers(X, self._check_columns(X))
            missing[:, list(self.raw)] = np.isnan(numbers)
        # Categories have the index -1: the column behind the last.
        return missing[:, feature_index]

    def _encoded(self, X):
        """Outputs of the encoders, in the order of the coordinates."""
        blocks = []
        for path in self.paths:
            # A step may write into what it gets, and the next path starts from X too.
            block = own_copy(X)
            for step in path:
                block = step.transform(block)
            blocks.append(numbers_of(block))
        encoded = np.hstack(blocks)[:, list(self.kept)]
        encoded = np.where(np.isnan(encoded), np.asarray(self.kept_fill), encoded)
        if np.isnan(encoded).any():
            raise ValueError(
                "X has missing values that an encoder hands on as NaN, which the model "
                "does not impute, or imputes differently in different branches. Impute "
                "in front of the encoder, or set its encoded_missing_value to a number."
            )
        return encoded

    def _check_columns(self, X):
        """Positions in X of the columns ``raw``."""
        given = column_names(X)
        if self.feature_names is not None and given is not None:
            if self.by_name:
                return locate([self.feature_names[j] for j in self.raw], X)
            if tuple(given) != self.feature_names:
                unseen = sorted(set(given) - set(self.feature_names))
                missing = sorted(set(self.feature_names) - set(given))
                raise ValueError(
                    "The columns of X must be those of fit, in that order; unseen: "
                    f"{unseen}, missing: {missing}."
                )
        elif X.shape[1] != self.n_features:
            raise ValueError(
                f"X has {X.shape[1]} features, but the model was fitted on "
                f"{self.n_features}."
            )
        return self.raw

    def _numbers(self, X, positions):
        """The columns ``raw`` as float64, with NaN where they are missing."""
        if tuple(positions) != tuple(range(X.shape[1])):
            X = take_columns(X, positions)
        try:
            return check_array(
                X, dtype=np.float64, ensure_all_finite="allow-nan", copy=True
            )
        except (TypeError, ValueError) as error:
            # Some of scikit-learn's sentences quote the whole array.
            said = str(error).partition("\n")[0]
            raise ValueError(f"X must hold numbers: {said}") from error

    def _imputed(self, U):
        missing = np.isnan(U)
        if missing.any():
            fill = np.broadcast_to(np.asarray(self.fill), U.shape)
            unknown = np.flatnonzero((missing & np.isnan(fill)).any(axis=0))
            if len(unknown):
                names = [self._name(self.raw[i]) for i in unknown]
                raise ValueError(
                    f"X contains NaN in the columns {names}: the model does not impute "
                    "them, or imputes different values in different branches."
                )
            U[missing] = fill[missing]
        return U

    def _name(self, j):
        return j if self.feature_names is None else self.feature_names[j]
