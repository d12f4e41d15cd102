# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""SimpleImputer: a constant in place of what is missing, written into X itself.

The columns behind an imputer are those before it, because encode() puts into X the raw
value whose image the imputer would have written.
"""

from dataclasses import replace

import numpy as np

from sklip.exceptions import UnsupportedModelError
from sklip.networks._folding.columns import concatenate
from sklip.networks._folding.encoders import CategoryGroup
from sklip.networks._folding.table import Last

__all__ = ["fold_imputer"]

# What an indicator of missing values can be.
_MARKS = np.array([[0.0], [1.0]])


def fold_imputer(folder, transformer, columns):
    """Columns behind a fitted SimpleImputer."""
    kept, values = _fill_values(transformer)
    marker = transformer.missing_values
    jumps = not _is_nan(marker) and type(marker).__name__ != "NAType"
    if jumps and transformer.add_indicator:
        raise UnsupportedModelError(
            f"SimpleImputer(missing_values={marker!r}, add_indicator=True) cannot be "
            "folded: it jumps where a value becomes the marker. Use NaN as the marker."
        )
    folded = columns.take(kept, columns.path)
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
    n_marks = len(transformer.indicator_.features_)
    first = folder.n_coordinates
    marks = folder.encode((*columns.path, transformer, Last(n_marks)), n_marks)
    for k, i in enumerate(transformer.indicator_.features_):
        group = CategoryGroup(columns.sources[i], np.array([first + k]), _MARKS)
        folder.groups.append(group)
    return concatenate([folded, marks], folder.n_coordinates)


def _fill_values(transformer):
    """Columns kept by the imputer, and what it writes into each."""
    statistics = np.asarray(transformer.statistics_)
    kept = np.arange(len(statistics))
    if not transformer.keep_empty_features:
        kept = np.array([i for i in kept if not _is_nan(statistics[i])], dtype=int)
    return kept, statistics[kept].astype(transformer._fill_dtype)


def _note_fill(folder, columns, i, value):
    """Record the raw value whose image is ``value``; else say why there is none."""
    start, stop = columns.matrix.indptr[i : i + 2]
    coefficients = columns.matrix.data[start:stop]
    inputs = frozenset(columns.matrix.indices[start:stop].tolist())
    single = len(columns.sources[i]) == 1 and inputs == columns.sources[i]
    if not single or coefficients[0] == 0:
        return "SimpleImputer fills a column that is not one raw column, rescaled"
    try:
        raw = (float(value) - columns.offset[i]) / coefficients[0]
    except (TypeError, ValueError):
        return f"SimpleImputer fills in {value!r}, which is not a number"
    if not np.isfinite(raw):
        return f"SimpleImputer fills in {value!r}, which is not finite"
    (source,) = columns.sources[i]
    error = 1e-12 * (abs(float(value)) + abs(columns.offset[i])) / abs(coefficients[0])
    folder.fills.setdefault(source, []).append((raw, error))
    return None


def _is_nan(value):
    return isinstance(value, float | np.floating) and np.isnan(value)
