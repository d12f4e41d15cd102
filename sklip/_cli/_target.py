# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The target column: which task it makes, and its values."""

import difflib

import numpy as np

from sklip._cli._columns import has_spread
from sklip._cli._errors import JobError, shown

__all__ = ["MAX_WHOLE_CLASSES", "take_target"]

# Whole numbers with at most so many distinct values are labels.
MAX_WHOLE_CLASSES = 10


def take_target(frame, column, task=None):
    """Task ("classification" or "regression") and values of the target column.

    Labels are strings or integers. The third result masks rows out: those without a
    value, and those of a label that occurs once, which cannot be both in the training
    and in the test part.
    """
    filled = _find(frame, column).notna().to_numpy(copy=True)
    if not filled.any():
        raise JobError(f"The target {column!r} has no value in any row.")
    task, values, usable = _take_filled(frame.loc[filled], column, task)
    y = np.zeros(len(frame), dtype=values.dtype)
    y[filled], filled[filled] = values, usable
    return task, y, filled


def _take_filled(frame, column, task):
    y = _find(frame, column)
    if y.nunique() < 2:
        raise JobError(
            f"The target {column!r} is constant: all rows hold {str(y.iloc[0])!r}."
        )
    numbers = _numbers(y)
    if numbers is not None and not np.isfinite(numbers).all():
        raise JobError(f"The target {column!r} contains infinite values.")
    task = task or _guess_task(y, numbers)
    if task == "regression":
        if numbers is None:
            raise JobError(
                f"The target {column!r} is not numeric, so it cannot be regressed."
            )
        if not has_spread(numbers):
            raise JobError(
                f"The target {column!r} varies too little or too much for float64: "
                "rescale it."
            )
        return task, numbers, np.ones(len(y), dtype=bool)
    labels = _labels(y, numbers)
    return task, labels, _occurs_twice(labels, column)


def _find(frame, column):
    if column in frame.columns:
        return frame[column]
    close = [name for name in frame.columns if name.lower() == column.lower()]
    close = close or difflib.get_close_matches(column, frame.columns, n=1)
    hint = f"did you mean {close[0]!r}" if close else f"it has {shown(frame.columns)}"
    raise JobError(f"The file has no column {column!r}: {hint}.")


def _numbers(y):
    """The target as float64, or None where it is text or true/false."""
    if y.dtype.kind not in "iuf":
        return None
    return y.to_numpy(dtype=np.float64)


def _guess_task(y, numbers):
    if numbers is None or y.nunique() == 2:
        return "classification"
    whole = bool((numbers == np.round(numbers)).all())
    few = y.nunique() <= MAX_WHOLE_CLASSES
    return "classification" if whole and few else "regression"


def _labels(y, numbers):
    if numbers is None or not (numbers == np.round(numbers)).all():
        return y.astype(str).to_numpy(dtype=str)
    return y.to_numpy(dtype=np.int64)


def _occurs_twice(labels, column):
    _, code, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if np.count_nonzero(counts > 1) < 2 or 2 * len(counts) > len(labels):
        raise JobError(
            f"The target {column!r} has {len(counts)} classes in {len(labels)} rows, "
            "too many to learn: name another column, or for numbers use --task "
            "regression."
        )
    return counts[code] > 1
