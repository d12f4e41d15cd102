# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The rows that an export is compared on, and how a runtime is fed with them."""

import numpy as np

from sklip._arguments import refuse_masked
from sklip.exceptions import UnsupportedModelError
from sklip.networks._export.rows import Columns, survey
from sklip.networks._export.table import Part, Table
from sklip.networks._folding import as_table, column_names, locate, take_columns

__all__ = ["Inputs"]

_N_ROWS = 128


class Inputs:
    """The inputs of an export, and rows for them.

    Parameters
    ----------
    model : object or None
        The fitted model; None for a bare network.
    n_columns : int
        Number of columns of X.
    names : sequence of str or None
        Their names.
    X : {array-like, DataFrame} or None
        Rows to compare on; None draws some.
    dtype : numpy.dtype
        Of all numbers.
    """

    def __init__(self, model, n_columns, names, X, dtype):
        self.n_columns, self.names, self.dtype = n_columns, names, dtype
        known = Columns() if model is None else survey(model, n_columns)
        self.exact = set(known.categories)
        if X is None:
            X = known.draw(n_columns, _N_ROWS)
            self.columns = list(X.T)
            self.text = known.text
        else:
            self.columns = _columns_of(X, n_columns, names)
            self.text = known.text | {
                j for j, c in enumerate(self.columns) if c.dtype == object
            }
        self.columns = [self._typed(j, column) for j, column in enumerate(self.columns)]

    def _typed(self, j, column):
        """Strings, or numbers that are the same in the type of the export."""
        if j in self.text:
            if not all(isinstance(entry, str) for entry in column):
                raise UnsupportedModelError(
                    f"Column {self._name(j)!r} has entries that are no strings, as "
                    "missing ones: ONNX has none of these in a column of text."
                )
            return np.array(column, dtype=object)
        column = np.asarray(column, dtype=np.float64)
        if j in self.exact:
            return column
        with np.errstate(over="ignore"):
            return column.astype(self.dtype).astype(np.float64)

    def _name(self, j):
        return f"x{j}" if self.names is None else self.names[j]

    def declare(self, graph):
        """The table of all columns: one tensor, or one for each where some are text."""
        if not self.text:
            tensor = graph.input("X", self.n_columns)
            self._inputs = [(tensor, None)]
            return Table((Part(tensor, self.n_columns),))
        parts, self._inputs = [], []
        for j in range(self.n_columns):
            tensor = graph.input(self._name(j), 1, is_text=j in self.text)
            self._inputs.append((tensor, j))
            parts.append(Part(tensor, 1, j in self.text))
        return Table(tuple(parts))

    def feeds(self, graph):
        """Arrays by the names of the inputs that the graph has."""
        kept = {value.name for value in graph.inputs}
        return {
            name: self._array(j).reshape(len(self.columns[0]), -1)
            for name, j in self._inputs
            if name in kept
        }

    def _array(self, j):
        with np.errstate(over="ignore"):
            if j is None:
                return np.column_stack(self.columns).astype(self.dtype)
            column = self.columns[j]
            return column if j in self.text else column.astype(self.dtype)

    def rows(self, columns=None):
        """The same as the model takes them: a DataFrame if it was fitted on one."""
        columns = self.columns if columns is None else columns
        if self.names is not None:
            import pandas

            data = dict(zip(self.names, columns, strict=True))
            return pandas.DataFrame(data, columns=list(self.names))
        return np.column_stack(
            [c.astype(object) for c in columns] if self.text else columns
        )

    def shaken(self, chosen, size, seed):
        """Some rows, all their numbers moved by a relative size."""
        rng = np.random.default_rng(seed)
        columns = []
        for j, column in enumerate(self.columns):
            column = column[chosen]
            if j not in self.text and j not in self.exact:
                largest = np.nanmax(np.abs(column), initial=0.0)
                column = column + size * largest * rng.uniform(-1, 1, len(column))
            columns.append(column)
        return self.rows(columns)


def _columns_of(X, n_columns, names):
    """Columns of the user's rows: float64, or objects where they are strings."""
    refuse_masked(X, "X")
    X = as_table(X)
    if names is not None and column_names(X) is not None:
        X = take_columns(X, locate(names, X))
    if X.shape[1] != n_columns or not len(X):
        raise ValueError(
            f"X must have shape (n_samples, {n_columns}) with one row at least, got "
            f"{X.shape}."
        )
    columns = []
    for j in range(n_columns):
        column = np.asarray(X.iloc[:, j] if hasattr(X, "iloc") else X[:, j])
        try:
            if any(isinstance(entry, str) for entry in column.tolist()):
                raise ValueError
            columns.append(column.astype(np.float64))
        except (TypeError, ValueError):
            columns.append(column.astype(object))
    return columns
