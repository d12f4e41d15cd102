# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Records of a training as columns: a small part of what dicts take in a pickle."""

import numpy as np
from skorch.history import History

__all__ = ["pack_history", "unpack_history"]


def pack_history(history):
    """Columns of a history.

    Parameters
    ----------
    history : History
        Records of the epochs.

    Returns
    -------
    packed : dict
        Column name to an array, or to a list where the values are no plain numbers or
        not in every record. Nothing is rounded.
    """
    return _pack(list(history))


def unpack_history(packed):
    """The history that :func:`pack_history` was given."""
    history = History()
    history.extend(_unpack(packed))
    return history


def _pack(records):
    keys = list(records[0]) if records else []
    if not keys or any(list(record) != keys for record in records):
        return {"records": records}
    return {"columns": {key: _column([r[key] for r in records]) for key in keys}}


def _column(values):
    kinds = {type(value) for value in values}
    if kinds == {list} and all(len(v) == 1 and type(v[0]) is dict for v in values):
        return _pack([value[0] for value in values])
    if kinds in ({float}, {bool}):
        return np.array(values)
    if kinds == {int} and max(map(abs, values)) < 2**31:
        return np.array(values, dtype=np.int32)
    return values


def _unpack(packed):
    if "records" in packed:
        return packed["records"]
    columns = {key: _values(column) for key, column in packed["columns"].items()}
    rows = zip(*columns.values(), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _values(column):
    if isinstance(column, dict):
        return [[record] for record in _unpack(column)]
    return column.tolist() if isinstance(column, np.ndarray) else column
