# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""From moved coordinates back to rows of the user's own table: the inverse of encode.

A row differs from the one it came from in the moved cells alone: categories, missing
entries, names, the index and the types of the columns stay as they are.
"""

import numpy as np
from scipy import sparse

from sklip._copies import own_copy
from sklip._floats import UNIT
from sklip.networks._folding import as_table, types_of

__all__ = ["RowWriter"]


class RowWriter:
    """Writes other numbers into rows of a table.

    Parameters
    ----------
    view : NetworkView
        The model, in units of feature_eps where that was given.
    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
        The user's samples.

    Attributes
    ----------
    moving : ndarray of int of shape (n_moving,)
        Coordinates in which a move is a move of one column of X.
    origin : ndarray of shape (n_samples, n_moving)
        Values of those columns in their own units.
    numbers : ndarray of shape (n_samples, n_numbers)
        Values of all columns of X that are used as numbers.
    units : ndarray of shape (n_moving,)
        Length of a step of one in each coordinate.
    shares : tuple of two ndarray of shape (n_moving,)
        What of such a step a tolerance allows down and up.
    types : list of numpy.dtype
        Of those columns; object for anything but numbers.
    whole : ndarray of bool of shape (n_moving,)
        Columns whose type holds whole numbers only.
    """

    def __init__(self, view, X):
        self.moving = np.flatnonzero(view.attackable)
        self.units = view.units[self.moving]
        self.shares = tuple(share[self.moving] for share in view.shares)
        self._given, X = X, _as_flat(X)
        self._X = X
        raw = view.encoder.transform(X)
        self.numbers = raw[:, : len(view.encoder.raw)]
        self._inputs = (raw / view.units)[:, self.moving]
        self.origin = raw[:, self.moving]
        table = as_table(X)
        columns = view.encoder.positions(table)
        self._columns = [columns[k] for k in self.moving]
        types = types_of(table)
        self.types = [types[j] for j in self._columns]
        self.whole = np.array([kind.kind in "biu" for kind in self.types], dtype=bool)

    def limits(self, keep_whole=True):
        """Least and largest value that the type of each moving column holds."""
        lowest = np.full(len(self.moving), -np.inf)
        highest = np.full(len(self.moving), np.inf)
        for k, kind in enumerate(self.types if keep_whole else ()):
            if kind.kind == "b":
                lowest[k], highest[k] = 0.0, 1.0
            elif kind.kind in "iu":
                # Beyond 2**53 a float would no longer say which integer is meant.
                room = np.iinfo(kind)
                lowest[k] = max(room.min, -(2**53))
                highest[k] = min(room.max, 2**53)
        return lowest, highest

    def values(self, points, samples):
        """Values of the moving columns at points in coordinates, in their own units.

        Where units are not one they are drawn in by what their products may round, so
        that they are no farther from the sample than the points.
        """
        there, origin = points[:, self.moving], self.origin[samples]
        still = there == self._inputs[samples]
        values = there * self.units
        slack = 4.0 * UNIT * np.maximum(np.abs(values), np.abs(origin))
        slack = np.where(self.units == 1.0, 0.0, slack)
        step = values - origin
        drawn_in = np.where(
            np.abs(step) > slack, values - np.sign(step) * slack, origin
        )
        return np.where(still, origin, drawn_in)

    def storable(self, values, samples, *, keep_whole=True):
        """The nearest values towards the sample that the columns' types can hold.

        Parameters
        ----------
        values : ndarray of shape (n_rows, n_moving)
            In units of the columns.
        samples : ndarray of int of shape (n_rows,)
            Row of X that each came from.
        keep_whole : bool, default=True
            Whether columns of whole numbers keep their type.

        Returns
        -------
        values : ndarray of shape (n_rows, n_moving)
            Exactly what :meth:`rows` writes.
        """
        values, origin = values.copy(), self.origin[samples]
        lowest, highest = self.limits()
        for k, kind in enumerate(self.types):
            here, there = origin[:, k], values[:, k]
            if kind in (np.float32, np.float16):
                with np.errstate(over="ignore"):
                    stored = there.astype(kind)
                beyond = np.abs(stored.astype(np.float64) - here) > np.abs(there - here)
                back = np.nextafter(stored, here.astype(kind))
                values[:, k] = np.where(beyond, back, stored)
            elif self.whole[k] and keep_whole:
                steps = np.trunc(there - here)
                values[:, k] = np.clip(here + steps, lowest[k], highest[k])
        return values

    def rows(self, samples, values):
        """Rows of the table, in its own form, with these values in the moving columns.

        Parameters
        ----------
        samples : ndarray of int of shape (n_rows,)
            Rows of X that are taken.
        values : ndarray of shape (n_rows, n_moving)
            What :meth:`storable` gives; what equals the sample's own value is not
            written. A column of whole numbers that gets a fraction becomes float64.

        Returns
        -------
        rows : ndarray, sparse matrix or DataFrame of shape (n_rows, n_features)
            As predict takes them.
        """
        table = _taken(self._X, samples)
        changed = values != self.origin[samples]
        writes = [
            (j, np.flatnonzero(changed[:, k]), values[changed[:, k], k])
            for k, j in enumerate(self._columns)
            if changed[:, k].any()
        ]
        if sparse.issparse(table):
            return type(table)(_written(table.toarray(), writes))
        written = _written(table, writes)
        if np.ndim(self._given) > 2:
            written = written.reshape(len(written), *np.shape(self._given)[1:])
        # A tensor makes one of its own kind.
        return getattr(self._given, "new_tensor", _same)(written)


def _same(rows):
    return rows


def _as_flat(X):
    """Tables as they are, samples of several axes as rows of their entries.

    Nested lists of integers become floats, which can move.
    """
    if sparse.issparse(X) or hasattr(X, "columns"):
        return X
    if hasattr(X, "detach"):
        X = X.detach().cpu().numpy()
    if not hasattr(X, "dtype"):
        X = as_table(X) if np.ndim(X) <= 2 else np.asarray(X)
        X = X.astype(np.float64) if X.dtype.kind in "biu" else X
    return np.reshape(X, (len(X), -1)) if np.ndim(X) > 2 else X


def _taken(X, samples):
    """Copies of some rows, in the same kind of table."""
    if sparse.issparse(X):
        return X.tocsr()[samples].asformat(X.format)
    table = as_table(X)
    taken = table.iloc[samples] if hasattr(table, "iloc") else table[samples]
    return own_copy(taken)


def _written(table, writes):
    """The table with other values in some cells of some columns."""
    if hasattr(table, "isetitem"):
        if writes and _is_of_floats(table):
            # One by one, thousands of columns take seconds.
            values = table.to_numpy(copy=True)
            for j, rows, those in writes:
                values[rows, j] = those
            table.iloc[:, :] = values
            return table
        for j, rows, values in writes:
            table.isetitem(j, _pandas_column(table.iloc[:, j].copy(), rows, values))
        return table
    if hasattr(table, "with_columns"):
        for j, rows, values in writes:
            table = table.with_columns(_polars_column(table[:, j], rows, values))
        return table
    for _, _, values in writes:
        if table.dtype.kind in "biu" and not _are_whole(values):
            table = table.astype(np.float64)
    for j, rows, values in writes:
        table[rows, j] = values
    return table


def _is_of_floats(table):
    """Whether all columns are float64, of NumPy."""
    return all(isinstance(k, np.dtype) and k == np.float64 for k in table.dtypes)


def _pandas_column(column, rows, values):
    kind = types_of(column.to_frame())[0]
    if kind.kind in "biu":
        if _are_whole(values):
            values = values.astype(kind)
        else:
            own = isinstance(column.dtype, np.dtype)
            column = column.astype("float64" if own else "Float64")
    elif kind.kind == "f":
        values = values.astype(kind)
    elif column.dtype != object:  # numbers as categories, which know no others
        column = column.astype(object)
    column.iloc[rows] = values
    return column


def _polars_column(column, rows, values):
    kind = getattr(column.dtype, "is_integer", bool)()
    if str(column.dtype) == "Boolean" and _are_whole(values):
        values = values.astype(bool)
    elif kind and _are_whole(values):
        values = values.astype(np.int64)
    elif not column.dtype.is_float():
        column = column.cast(float)
    return column.clone().scatter(rows.tolist(), values.tolist())


def _are_whole(values):
    return bool(np.all(values == np.rint(values)))
