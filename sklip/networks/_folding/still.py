# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Steps that see no moving column: evaluated for each row, whatever they are.

What they hand on is a constant of the row, so that no slope is needed. All that matters
is that the constant is one: that a row gets it again, and beside other rows.
"""

from dataclasses import replace

import numpy as np
from scipy import sparse

from sklip._copies import own_copy
from sklip.networks._folding.encoders import CategoryGroup
from sklip.networks._folding.registry import unsupported
from sklip.networks._folding.storage import Storage, as_float, coarseness, types_of

__all__ = ["evaluated", "numbers_of"]

# Rows that are evaluated alone as well.
_N_ALONE = 4
# Units of roundoff by which other rows may change a row's sums, and how much more than
# what a few rows show is allowed for.
_MOST_ULPS, _ALLOWED = 2.0**20, 16.0


def evaluated(folder, transformer, columns):
    """Columns behind a fitted transformer that is evaluated at each row.

    Parameters
    ----------
    folder : Folder
        Notes what encode() has to do.
    transformer : object
        Any fitted transformer.
    columns : Columns
        What it gets; no moving column of X among what they depend on.

    Returns
    -------
    columns : Columns
        New coordinates, which do not move.

    Raises
    ------
    UnsupportedModelError
        If a row's values depend on chance or on other rows, or the transformer writes
        into what other branches get.
    """
    rows = folder.rows_at(columns)
    if rows is None:
        raise unsupported(
            transformer,
            ", whose columns do not move, needs rows to be evaluated at "
            "(network_view(model, X, feature_eps=...)) and",
        )
    trial = _Trial(transformer, rows)
    folder.forbid_writing(trial.writes, transformer, columns)
    storage = Storage(trial.dtypes, trial.is_sparse, columns.storage.is_shared)
    start = folder.n_coordinates
    coordinates = folder.encode((*columns.path, transformer), storage)
    sources = frozenset().union(
        *(folder.raw_sources(columns, i) for i in range(len(columns)))
    )
    for k in range(len(coordinates)):
        # Should one of these columns be a category too, its values cannot be listed.
        folder.groups.append(CategoryGroup(sources, np.array([start + k]), None))
    return replace(
        coordinates,
        filled=np.zeros(len(coordinates), dtype=bool),
        offset_size=trial.size,
        n_roundings=trial.n_roundings,
    )


def numbers_of(block):
    """What a step hands on, as a float64 array of two axes."""
    if sparse.issparse(block):
        block = block.toarray()
    array = np.asarray(block, dtype=np.float64)
    return array.reshape(-1, 1) if array.ndim == 1 else array


class _Trial:
    """A transformer at a few rows: again, in another order, and one by one.

    Attributes
    ----------
    dtypes : tuple of numpy.dtype
        Types of what it hands on.
    is_sparse, writes : bool
        Whether that is a sparse matrix; whether it writes into its input.
    size : ndarray of shape (n_outputs,)
        Largest output of each column whose last digits depend on other rows; else 0.
    n_roundings : int
        By how many roundings of that size.
    """

    def __init__(self, transformer, rows):
        self.transformer, self.writes = transformer, False
        output = self._apply(rows)
        self.is_sparse = sparse.issparse(output)
        shape = np.shape(output)
        if len(shape) not in (1, 2) or shape[0] != rows.shape[0]:
            raise self._refusal(f"makes {shape} of {rows.shape[0]} rows")
        n_outputs = shape[1] if len(shape) == 2 else 1
        kinds = types_of(output) if len(shape) == 2 else types_of(_as_column(output))
        self.dtypes = tuple(kinds)
        self.size, self.n_roundings = np.zeros(n_outputs), 0
        here = _entries(output)
        self._compare(here, self._apply(rows), "gives other values when asked again")
        beside = "takes a row to other values beside other rows"
        backwards = np.arange(rows.shape[0])[::-1]
        self._compare(here[::-1], self._apply(_take(rows, backwards)), beside)
        for i in range(min(_N_ALONE, rows.shape[0])):
            self._compare(here[[i]], self._apply(_take(rows, [i])), beside)
        if (others := _beside_others(rows)) is not None:
            try:
                output = _take(self._apply(others), backwards[::-1])
            except Exception:  # values that it does not know
                return
            self._compare(here, output, beside)

    def _apply(self, rows):
        given = own_copy(rows)
        output = self.transformer.transform(given)
        self.writes |= not _equal(_entries(given), _entries(rows)).all()
        return output

    def _compare(self, expected, output, why):
        """Refuse values that differ by more than a few roundings."""
        found = _entries(output)
        if found.shape != expected.shape:
            raise self._refusal(f"gives {found.shape} instead of {expected.shape}")
        same = _equal(found, expected)
        if same.all():
            return
        if {found.dtype.kind, expected.dtype.kind} != {"f"}:
            raise self._refusal(why)
        name = type(self.transformer).__name__
        coarse = coarseness(as_float(self.dtypes), name)
        found, expected = found.astype(np.float64), expected.astype(np.float64)
        size = np.maximum(np.abs(found), np.abs(expected)).max(axis=0)
        with np.errstate(invalid="ignore"):
            apart = np.where(same, 0.0, np.abs(found - expected)) / np.maximum(
                size, 2.0**-1000
            )
        ulps = apart.max() * 2.0**53
        if not ulps <= _MOST_ULPS * coarse:
            raise self._refusal(why)
        allowed = int(_ALLOWED * (ulps + 16.0 * coarse))
        self.n_roundings = max(self.n_roundings, allowed)
        self.size = np.maximum(self.size, np.where(same.all(axis=0), 0.0, size))

    def _refusal(self, why):
        return unsupported(
            self.transformer, f", whose columns do not move, but which {why},"
        )


def _entries(block):
    """Entries of a table, or a single column, as an array of two axes."""
    array = np.asarray(block.toarray() if sparse.issparse(block) else block)
    return array.reshape(len(array), -1)


def _as_column(block):
    """A single column with an axis of its own."""
    return block.to_frame() if hasattr(block, "to_frame") else _entries(block)


def _take(rows, index):
    """Some rows of a table, a column or a sparse matrix."""
    if hasattr(rows, "iloc"):
        return rows.iloc[index]
    return rows.tocsr()[index] if sparse.issparse(rows) else rows[index]


def _beside_others(rows):
    """Rows of numbers, and behind them the same with other numbers; or None."""
    if hasattr(rows, "iloc") and hasattr(rows, "select_dtypes"):
        import pandas as pd

        numeric = rows.select_dtypes("number").columns
        if not len(numeric) or not rows.columns.is_unique:
            return None
        more = (rows.assign(**{c: rows[c] + step for c in numeric}) for step in (2, -1))
        return pd.concat([rows, *more])
    if isinstance(rows, np.ndarray) and rows.dtype.kind in "if":
        one = rows.dtype.type(1)
        return np.concatenate([rows, rows + one + one, rows - one])
    return None


def _equal(a, b):
    """Where two arrays of any type agree; what is missing is equal to itself."""
    if a.shape != b.shape:
        return np.zeros(1, dtype=bool)
    if {a.dtype.kind, b.dtype.kind} <= set("biuf"):
        return (a == b) | ((a != a) & (b != b))
    pairs = zip(a.ravel().tolist(), b.ravel().tolist(), strict=True)
    return np.array([_alike(x, y) for x, y in pairs], dtype=bool).reshape(a.shape)


def _alike(x, y):
    if x is y:
        return True
    try:
        return bool(x == y) or bool(x != x and y != y)
    except (TypeError, ValueError):  # arrays in cells, or a missing one beside another
        return False
