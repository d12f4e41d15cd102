# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""SimpleImputer: a constant in place of what is missing, written into X itself.

The columns behind an imputer are those before it, because encode() puts into X (or the
output of the encoder in front) the value whose image the imputer would have written.
"""

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from sklip.exceptions import UnsupportedModelError
from sklip.networks._folding.columns import concatenate
from sklip.networks._folding.encoders import CategoryGroup
from sklip.networks._folding.storage import (
    Storage,
    as_float,
    coarseness,
    common_type,
)
from sklip.networks._folding.table import Last

__all__ = ["agreed_fill", "fold_imputer"]

# What an indicator of missing values can be.
_MARKS = np.array([[0.0], [1.0]])


@dataclass(frozen=True)
class Fill:
    """What an imputer writes into a column that is a rescaled coordinate."""

    value: float  # what it writes
    # The column is ``scale * coordinate + offset``.
    scale: float
    offset: float
    # Sizes of the terms of that map.
    size: float
    offset_size: float
    n_roundings: int  # roundings that are allowed for on the way to the column

    def coordinate(self):
        """The value of the coordinate whose image is written, rounded."""
        with np.errstate(over="ignore"):
            return (self.value - self.offset) / self.scale

    def fits(self, coordinate):
        """Whether the image of a coordinate is the value, but for what is allowed."""
        if self.scale == 1.0 and self.offset == 0.0 and coordinate == self.value:
            return True  # of a raw column, as fractions would find out more slowly
        image = Fraction(self.scale) * Fraction(coordinate) + Fraction(self.offset)
        size = Fraction(self.size) * abs(Fraction(coordinate))
        room = self.n_roundings * (size + Fraction(self.offset_size))
        return abs(image - Fraction(self.value)) * 2**53 <= room


def agreed_fill(fills):
    """The coordinate that every one of these fills writes; NaN if there is none."""
    for fill in fills:
        coordinate = fill.coordinate()
        if np.isfinite(coordinate) and all(f.fits(coordinate) for f in fills):
            return coordinate
    return np.nan


def fold_imputer(folder, transformer, columns):
    """Columns behind a fitted SimpleImputer."""
    kept, values = _fill_values(transformer)
    dtype = _type_of(transformer, columns)
    marker = transformer.missing_values
    jumps = not _is_nan(marker) and type(marker).__name__ != "NAType"
    if jumps and transformer.add_indicator:
        raise UnsupportedModelError(
            f"SimpleImputer(missing_values={marker!r}, add_indicator=True) cannot be "
            "folded: it jumps where a value becomes the marker. Use NaN as the marker."
        )
    folded = columns.take(kept, columns.path).stored(dtype)
    # The value itself is rounded to the type of the array.
    n_more = coarseness(dtype, "SimpleImputer") - 1
    folded = replace(folded, n_roundings=columns.n_roundings + n_more)
    filled, opaque = folded.filled.copy(), list(folded.opaque)
    for i, value in enumerate(values):
        if opaque[i] is not None:
            continue
        if jumps:
            # A perturbation could reach the marker, where the output jumps.
            opaque[i] = f"SimpleImputer(missing_values={marker!r}) is not continuous"
        elif not filled[i]:
            opaque[i] = _note_fill(folder, folded, i, value)
            filled[i] = True
    folded = replace(folded, filled=filled, opaque=tuple(opaque))
    if not transformer.add_indicator or not len(transformer.indicator_.features_):
        return folded
    return _with_marks(folder, transformer, columns, folded)


def _with_marks(folder, transformer, columns, folded):
    """The columns, and behind them those that mark what was missing."""
    features = transformer.indicator_.features_
    n_marks, first = len(features), folder.n_coordinates
    path = (*columns.path, transformer, Last(n_marks))
    dtype = common_type(folded.storage.dtypes)
    marks = folder.encode(path, Storage.new(n_marks, dtype))
    for k, i in enumerate(features):
        if not columns.sources[i] and len(coded := columns.entries(i)) == 1:
            folder.mark(coded[0], first + k)
        else:
            sources = folder.raw_sources(columns, i)
            group = CategoryGroup(sources, np.array([first + k]), _MARKS)
            folder.groups.append(group)
    is_sparse = folded.storage.is_sparse
    return concatenate([folded, marks], folder.n_coordinates, is_sparse=is_sparse)


def _type_of(transformer, columns):
    """Type of the array that the imputer hands on."""
    if transformer.strategy in ("most_frequent", "constant"):
        return common_type(columns.storage.dtypes)
    return as_float(columns.storage.dtypes)


def _fill_values(transformer):
    """Columns kept by the imputer, and what it writes into each."""
    statistics = np.asarray(transformer.statistics_)
    kept = np.arange(len(statistics))
    if not transformer.keep_empty_features:
        kept = np.array([i for i in kept if not _is_nan(statistics[i])], dtype=int)
    return kept, statistics[kept].astype(transformer._fill_dtype)


def _note_fill(folder, columns, i, value):
    """Record what is written in place of a coordinate; else say why it cannot be."""
    entries = columns.entries(i)
    sources = columns.sources[i]
    coded = not sources and len(entries) == 1 and entries[0] >= folder.n_features
    if not coded and not (len(entries) == 1 and sources == frozenset(entries)):
        return "SimpleImputer fills a column that is not one raw column, rescaled"
    try:
        number = float(value)
    except (TypeError, ValueError):
        return f"SimpleImputer fills in {value!r}, which is not a number"
    at = columns.matrix.indptr[i]
    fill = Fill(
        number,
        float(columns.matrix.data[at]),
        float(columns.offset[i]),
        float(_row_sum(columns.size, i)),
        float(columns.offset_size[i]),
        columns.n_roundings + 8,
    )
    if fill.scale == 0.0:
        return "SimpleImputer fills a column that is not one raw column, rescaled"
    if not (np.isfinite(number) and np.isfinite(fill.coordinate())):
        return f"SimpleImputer fills in {value!r}, which is not finite"
    folder.fills[entries[0]] = (*folder.fills.get(entries[0], ()), fill)
    return None


def _row_sum(matrix, i):
    """Sum of a row, without the row as a matrix, which takes long for each of many."""
    return matrix.data[matrix.indptr[i] : matrix.indptr[i + 1]].sum()


def _is_nan(value):
    return isinstance(value, float | np.floating) and np.isnan(value)
