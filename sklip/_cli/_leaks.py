# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Columns that alone all but determine the target."""

import numpy as np
from sklearn.metrics import balanced_accuracy_score, r2_score
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

__all__ = ["find_leaks"]

# Rows that are looked at, and the score from which a column is suspicious.
_MOST_ROWS = 2000
_SUSPICIOUS = 0.99
# What a column that good reaches at least by the neighbours in its own order.
_PLAUSIBLE = 0.8


def find_leaks(X, y, task, seed=0):
    """Names of columns from which alone the target is predicted almost perfectly.

    A small tree predicts rows that it has not seen. Of classes the balanced accuracy
    counts, so that a majority is no prediction; of numbers R2.
    """
    rows = np.random.default_rng(seed).permutation(len(X))[:_MOST_ROWS]
    X, y = X.iloc[rows], y[rows]
    if task == "classification":
        counts = np.unique(y, return_counts=True)[1]
        tree, score = DecisionTreeClassifier(random_state=0), balanced_accuracy_score
        folds = StratifiedKFold(min(3, counts.min()), shuffle=True, random_state=0)
        if counts.min() < 2:
            return []
    else:
        tree, score = DecisionTreeRegressor(random_state=0), r2_score
        folds = KFold(3, shuffle=True, random_state=0)
    codes, near = y, score
    if task == "classification":
        codes, near = np.unique(y, return_inverse=True)[1], _recall
    suspects = [name for name in X.columns if _neighbours_agree(X[name], codes, near)]
    return [
        name
        for name in suspects
        if score(y, cross_val_predict(tree, _codes(X[name]), y, cv=folds)) > _SUSPICIOUS
    ]


def _neighbours_agree(column, y, score):
    """Whether the next row in the order of the column foretells each row's target.

    Where it does not, no tree can; it is found out in a fraction of a tree's time.
    """
    order = np.argsort(_codes(column)[:, 0], kind="stable")
    return score(y[order[1:]], y[order[:-1]]) > _PLAUSIBLE


def _recall(truth, found):
    """Mean share of each class that is found, of codes from 0: without a check of
    what they are, which takes longer than all else in thousands of columns."""
    counts = np.bincount(truth)
    hits = np.bincount(truth[truth == found], minlength=len(counts))
    return np.mean(hits[counts > 0] / counts[counts > 0])


def _codes(column):
    """One column of numbers; missing cells are a number of their own."""
    if column.dtype.kind not in "iufb":
        column = column.astype("category").cat.codes
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    least = np.nanmin(values, initial=0.0)
    return np.where(np.isnan(values), least - 1.0, values)[:, None]
