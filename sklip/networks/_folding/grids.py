# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Tables of numbers of all sizes, on which functions of single entries are tried."""

import numpy as np

from sklip.networks._folding.storage import FLOATS, common_type

__all__ = ["as_container", "tables"]

_FINE = np.linspace(-10.0, 10.0, 401)
_SIZES = np.logspace(-6.0, 6.0, 73)
# How far apart neighbours lie, in units of one plus their size.
_NEIGHBOUR = 1e-4
_MOST_INTEGERS = 2049


def tables(dtypes):
    """Tables with ever fewer kinds of numbers: all, none below zero, zero to one.

    Parameters
    ----------
    dtypes : tuple of numpy.dtype
        Types of the columns; object columns hold float64.

    Yields
    ------
    columns : list of ndarray
        One for each column, of equal lengths and increasing.
    """
    for low, high in ((-np.inf, np.inf), (0.0, np.inf), (0.0, 1.0)):
        columns = [_increasing(_column_type(dtype), low, high) for dtype in dtypes]
        n_rows = max(map(len, columns))
        yield [np.pad(c, (0, n_rows - len(c)), mode="edge") for c in columns]


def as_container(columns, names=None):
    """The columns as one array, or as a DataFrame where they have names."""
    if names is None:
        array = np.column_stack(columns)
        return array.astype(common_type([c.dtype for c in columns]), copy=False)
    import pandas as pd

    return pd.DataFrame(dict(zip(map(str, names), columns, strict=True)))


def _column_type(dtype):
    return FLOATS[0] if dtype.kind not in "biuf" else dtype


def _increasing(dtype, low, high):
    """Different numbers of a type, sorted."""
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.kind in "iu":
        values = _integers(np.iinfo(dtype))
        values = [v for v in values if low <= v <= high]
        return np.array(values, dtype=dtype)
    values = np.concatenate([_FINE, _SIZES, -_SIZES])
    values = np.concatenate([values, values + _NEIGHBOUR * (1.0 + np.abs(values))])
    with np.errstate(over="ignore"):
        values = values[(values >= low) & (values <= high)].astype(dtype)
    return np.unique(values[np.isfinite(values)])


def _integers(limits):
    """All of them if they are few; else the ends, the small ones and some between."""
    low, high = int(limits.min), int(limits.max)
    if high - low < _MOST_INTEGERS:
        return range(low, high + 1)
    step = (high - low) // (_MOST_INTEGERS - 1)
    ends = [low, low + 1, high - 1, high]
    small = range(-300, 301)
    values = {*range(low, high + 1, step), *ends, *small}
    return sorted(v for v in values if low <= v <= high)
