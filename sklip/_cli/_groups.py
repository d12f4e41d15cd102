# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Scores by class where classes are rare, and by the values of a column."""

import numpy as np

__all__ = ["group_tables", "has_rare_classes"]

# A class is rare if another has so many times its training rows.
_RATIO = 3.0
_MOST_LINES = 12


def has_rare_classes(table):
    """Whether the accuracy may hide what happens to a class."""
    if table.task == "regression":
        return False
    counts = np.unique(table.y_train, return_counts=True)[1]
    return counts.max() >= _RATIO * counts.min()


def group_tables(table, result, rows, radii, group=None):
    """Cells of a table by class, and of one by the values of the column ``group``."""
    if table.task == "regression":
        return
    if has_rare_classes(table):
        yield _cells("class", table.y_test[rows].astype(str), result, radii)
    if group is not None:
        values = table.groups.iloc[rows].astype(str).to_numpy()
        yield _cells(group, values, result, radii)


def _cells(name, values, result, radii):
    """Of the first model, the most frequent values first."""
    holding, middle = result.holding, len(radii) // 2
    heading = f"{name} ({result.name})"
    at = f"at {radii[middle]:g}"
    yield heading, ["rows", "accuracy", f"adversarial {at}", f"certified {at}"]
    labels, counts = np.unique(values, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    shares = holding.correct, holding.unharmed[middle], holding.certified[middle]
    for k in order[:_MOST_LINES]:
        own = values == labels[k]
        yield labels[k], [f"{counts[k]}", *(f"{s[own].mean():.3f}" for s in shares)]
    if len(order) > _MOST_LINES:
        own = np.isin(values, labels[order[_MOST_LINES:]])
        label = f"{len(order) - _MOST_LINES} more"
        yield label, [f"{own.sum()}", *(f"{s[own].mean():.3f}" for s in shares)]
