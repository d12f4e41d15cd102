# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Boxes of inputs, checked."""

import numpy as np

__all__ = ["checked_box"]


def checked_box(lower, upper):
    """Ends of a box as read-only arrays; ValueError where they are none."""
    lower, upper = _vector(lower, "lower"), _vector(upper, "upper")
    if lower.shape != upper.shape:
        raise ValueError(
            f"lower has {len(lower)} entries, upper {len(upper)}: one of each for "
            "every input is needed."
        )
    empty = np.flatnonzero(lower > upper)
    if len(empty):
        i = empty[0]
        raise ValueError(
            f"The box is empty: input {i} lies in [{lower[i]}, {upper[i]}]."
        )
    return lower, upper


def _vector(values, name):
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.array(np.nan)
    if array.ndim != 1 or not array.size or not np.all(np.isfinite(array)):
        raise ValueError(f"{name} must be a vector of finite numbers.")
    array.flags.writeable = False
    return array
