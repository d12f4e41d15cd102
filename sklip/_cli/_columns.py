# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Which columns are numbers, categories or flags, and which teach nothing."""

import re
from dataclasses import dataclass, field

import numpy as np

from sklip._cli._notation import looks_like_number

__all__ = ["ColumnKinds", "find_identifiers", "has_spread", "sort_columns"]

_NAMED_IDENTIFIER = re.compile(r"(.*[\W_])?(id|index|key|uuid|unnamed: \d+)")
# Cells of a text that are looked at, and what share of them makes it one of numbers.
_FEW, _MOST = 50, 0.8


@dataclass
class ColumnKinds:
    """Names of the columns of each kind, and why the others are left out."""

    # Numbers; text; complete columns of true and false.
    numeric: list[str] = field(default_factory=list)
    categorical: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    dropped: dict = field(default_factory=dict)  # of str to str: column to reason

    @property
    def kept(self):
        """Names of all columns in use."""
        return self.numeric + self.categorical + self.flags


def find_identifiers(frame):
    """Columns that number or name the rows, with the reason; looks at all rows."""
    reasons = {}
    for name in frame.columns:
        distinct = frame[name].nunique()
        if frame[name].dtype.kind in "iu" and distinct == len(frame):
            counts = frame[name].max() - frame[name].min() == len(frame) - 1
            if counts or _NAMED_IDENTIFIER.fullmatch(name.lower()):
                reasons[name] = "numbers the rows"
        elif frame[name].dtype.kind not in "iufb":
            if distinct > 1 and 2 * distinct > frame[name].count():
                reasons[name] = _why_left_out(frame[name])
    return reasons


def _why_left_out(column):
    cells = column.dropna().iloc[:_FEW].astype(str)
    if cells.map(looks_like_number).mean() > _MOST:
        return "numbers in more than one unit or notation"
    return "text that differs in most rows"


def sort_columns(train, dropped):
    """ColumnKinds of the training rows; ``dropped`` is known already."""
    kinds = ColumnKinds(dropped=dict(dropped))
    for name in train.columns.drop(list(dropped)):
        column = train[name]
        distinct = column.nunique()
        if distinct < 2:
            reason = "constant" if distinct else "no values"
            kinds.dropped[name] = reason
        elif column.dtype.kind == "b":
            kinds.flags.append(name)
        elif column.dtype.kind not in "iuf":
            kinds.categorical.append(name)
        elif has_spread(column.dropna()):
            kinds.numeric.append(name)
        else:
            kinds.dropped[name] = "varies too little or too much for float64"
    return kinds


def has_spread(values):
    """Whether numbers can be standardised in float64."""
    values = np.asarray(values, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        variance, mean = values.var(), values.mean()
        resolved = variance > (1e-12 * mean) ** 2
    return bool(1e-290 < variance < np.inf and resolved)
