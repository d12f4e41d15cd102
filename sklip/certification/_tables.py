# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Results with a line for each row of X, in the kind of table that X is."""

import numpy as np

__all__ = ["column_labels", "described", "labels_or_none", "table"]

# Changes that are told in words; the others are counted.
_MOST_CHANGES = 6


def table(X, data):
    """A DataFrame with the index of X, of polars where X is one."""
    if hasattr(X, "columns") and not hasattr(X, "iloc"):
        return type(X)({name: list(values) for name, values in data.items()})
    import pandas as pd

    index = X.index if hasattr(X, "iloc") else None
    return pd.DataFrame(data, index=index)


def column_labels(view):
    """Names of the columns of X; x0, x1, ... where it has none."""
    return view.feature_names or [f"x{j}" for j in range(view.n_features)]


def labels_or_none(classes, codes):
    """Labels of classes by their positions, None for a negative one."""
    if (codes >= 0).all():
        return classes[codes]
    labels = classes.tolist()
    return np.array(
        [None if code < 0 else labels[code] for code in codes], dtype=object
    )


def described(names, before, after, units):
    """What changes from one row to another, in words, the largest change first."""
    step = np.abs(after - before) / units
    order = [k for k in np.argsort(-step, kind="stable") if step[k] > 0.0]
    words = [f"{names[k]}: {before[k]:.6g} → {after[k]:.6g}" for k in order]
    if len(words) > _MOST_CHANGES:
        words = [*words[:_MOST_CHANGES], f"{len(words) - _MOST_CHANGES} more"]
    return ", ".join(words)
