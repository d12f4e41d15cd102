# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Columns of the user's X: DataFrame, array, nested lists or sparse matrix."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

__all__ = [
    "Last",
    "Select",
    "Values",
    "as_table",
    "column_names",
    "few_rows",
    "locate",
    "take_columns",
]


def as_table(X):
    """X as a DataFrame or a two-dimensional array."""
    if sparse.issparse(X):
        X = X.toarray()
    elif not hasattr(X, "columns") and not isinstance(X, np.ndarray):
        X = np.asarray(X) if hasattr(X, "__array__") else _from_lists(X)
    if len(X.shape) != 2:
        raise ValueError(
            f"X must have two axes (n_samples, n_features), got shape {X.shape}. "
            "Reshape it with X.reshape(1, -1) if it is a single sample."
        )
    return X


def _from_lists(X):
    """An array of numbers, or of objects: strings among numbers stay apart."""
    array = np.array(X, dtype=object)
    numbers = (bool, int, float, np.number, np.bool_)
    if array.ndim == 2 and all(isinstance(entry, numbers) for entry in array.flat):
        return np.asarray(X)
    return array


def few_rows(X, n_rows):
    """The first rows of a table."""
    return X.iloc[:n_rows] if hasattr(X, "iloc") else X[:n_rows]


def column_names(X):
    """Names of the columns of a DataFrame; None unless all are strings."""
    names = list(getattr(X, "columns", ()))
    if names and all(isinstance(name, str) for name in names):
        return [str(name) for name in names]
    return None


def locate(names, X):
    """Positions in the DataFrame X of the columns called ``names``."""
    position = {name: i for i, name in enumerate(column_names(X))}
    missing = [name for name in names if name not in position]
    if missing:
        raise ValueError(f"X lacks the columns {missing} that the model was fitted on.")
    return [position[name] for name in names]


def take_columns(X, positions):
    """Columns of X at ``positions``, in that order."""
    positions = list(positions)
    return X.iloc[:, positions] if hasattr(X, "iloc") else X[:, positions]


@dataclass(frozen=True)
class Select:
    """The columns that a ColumnTransformer hands to one of its transformers."""

    positions: tuple
    names: tuple | None = None
    is_single: bool = False

    def transform(self, X):
        """Select by name where both sides have names, else by position."""
        X, positions = as_table(X), self.positions
        if self.names is not None and column_names(X) is not None:
            positions = locate(self.names, X)
        if not self.is_single:
            return take_columns(X, positions)
        # A single column that was named by itself has one axis.
        return X.iloc[:, positions[0]] if hasattr(X, "iloc") else X[:, positions[0]]


@dataclass(frozen=True)
class Last:
    """The last columns, those that an imputer adds to mark missing values."""

    n_columns: int

    def transform(self, X):
        """Select by position from the end."""
        X = as_table(X)
        return take_columns(X, range(X.shape[1] - self.n_columns, X.shape[1]))


@dataclass(frozen=True)
class Values:
    """Some columns as an array, as a bag hands them to its members."""

    positions: tuple

    def transform(self, X):
        """Select by position and forget the names."""
        return np.asarray(as_table(X))[:, list(self.positions)]
