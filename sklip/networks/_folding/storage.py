# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""How columns are held in memory between two steps.

The type of an array decides in which arithmetic a step computes on it, and one that
several branches hold is not to be written into.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from sklip.exceptions import UnsupportedModelError

__all__ = ["FLOATS", "Storage", "as_float", "common_type", "coarseness", "types_of"]

# Types that scikit-learn's scalers compute in; anything else becomes the first.
FLOATS = (np.dtype(np.float64), np.dtype(np.float32), np.dtype(np.float16))
_OBJECT = np.dtype(object)
# One rounding to 2**-24 counts for that many roundings to 2**-53.
_SINGLE = 2**29


@dataclass(frozen=True)
class Storage:
    """Types of some columns, and what their memory is shared with."""

    # Of numpy.dtype: of each column. Columns of one array that came from several arrays
    # keep the type they had there: it is no finer than that of the array.
    dtypes: tuple
    is_sparse: bool = False  # whether they are held in a sparse matrix
    is_shared: bool = False  # whether another branch may hold the same memory

    @classmethod
    def of(cls, X, n_columns, positions=None):
        """That of the user's X; float64 where X is None or lacks a column."""
        kinds = [FLOATS[0]] * n_columns
        if X is None:
            return cls(tuple(kinds))
        given = types_of(X)
        positions = range(n_columns) if positions is None else positions
        for column, position in enumerate(positions):
            if position < len(given):
                kinds[column] = given[position]
        return cls(tuple(kinds), sparse.issparse(X))

    @classmethod
    def new(cls, n_columns, dtype=FLOATS[0], is_sparse=False):
        """That of a new array of one type."""
        return cls((np.dtype(dtype),) * n_columns, is_sparse)

    def take(self, indices):
        """That of some of the columns."""
        return replace(self, dtypes=tuple(self.dtypes[i] for i in indices))


def common_type(dtypes):
    """The type of one array of all these columns; object if any is no number."""
    if any(dtype.kind not in "biuf" for dtype in dtypes):
        return _OBJECT
    return np.result_type(*dtypes) if dtypes else FLOATS[0]


def as_float(dtypes, kept=FLOATS):
    """The type that scikit-learn's checks make of columns: one of ``kept``, the first.

    Parameters
    ----------
    dtypes : tuple of numpy.dtype
        Of the columns.
    kept : tuple of numpy.dtype
        Types that stay; all others become the first of them.

    Returns
    -------
    dtype : numpy.dtype
        Of the array that the step computes on.
    """
    common = common_type(dtypes)
    return common if common in kept else kept[0]


def coarseness(dtype, name):
    """How many roundings of float64 one rounding in this type counts for.

    Parameters
    ----------
    dtype : numpy.dtype
        Of the arithmetic.
    name : str
        Who computes in it, for the message.

    Returns
    -------
    n_roundings : int
        1, or 2**29 for float32.

    Raises
    ------
    UnsupportedModelError
        If it is float16, whose 11 bits leave nothing to certify.
    """
    if dtype == np.float16:
        raise UnsupportedModelError(
            f"{name} computes in float16 on columns of that type, or of 8 bits. Pass "
            "X.astype(numpy.float64), or cast in front of that step."
        )
    return _SINGLE if dtype == np.float32 else 1


def types_of(X):
    """Types of the columns of a table, by numpy's names; object for no numbers."""
    if hasattr(X, "columns"):
        return [_numpy_type(kind) for kind in X.dtypes]
    if not hasattr(X, "dtype"):
        try:
            X = np.asarray(X)
        except ValueError:
            return []  # ragged: encode() says so
    n_columns = X.shape[1] if len(X.shape) == 2 else 0
    return [_numpy_type(X.dtype)] * n_columns


def _numpy_type(kind):
    """numpy's name of a column's type, in native byte order."""
    kind = getattr(kind, "subtype", kind)
    kind = getattr(kind, "numpy_dtype", kind)
    names = {"Boolean": "bool", "boolean": "bool"}
    for candidate in (kind, names.get(str(kind), str(kind).lower())):
        try:
            dtype = np.dtype(candidate)
        except TypeError:
            continue
        return dtype.newbyteorder("=") if dtype.kind in "biuf" else _OBJECT
    return _OBJECT
