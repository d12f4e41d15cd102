# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Indicator matrices: which labels of a set hold for each sample."""

import numpy as np

from sklip._arguments import refuse_masked

__all__ = ["check_indicator", "is_multilabel_target"]


def is_multilabel_target(y):
    """Whether scikit-learn takes y for an indicator matrix."""
    from sklearn.utils.multiclass import type_of_target

    return type_of_target(y, input_name="y").startswith("multilabel")


def check_indicator(y, *, n_labels=None, n_samples=None):
    """A matrix of 0 and 1 with a column for each label, else ValueError.

    Parameters
    ----------
    y : {array-like, sparse matrix} of shape (n_samples, n_labels)
        The labels.
    n_labels, n_samples : int, default=None
        Columns and rows that it must have; None for any number.

    Returns
    -------
    y : ndarray of int of shape (n_samples, n_labels)
        A copy.
    """
    from scipy import sparse

    refuse_masked(y, "y")
    array = np.asarray(y.toarray() if sparse.issparse(y) else y)
    if array.ndim != 2 or array.shape[1] != (n_labels or array.shape[1]):
        columns = "label" if n_labels is None else f"of the {n_labels} labels"
        raise ValueError(
            f"y must be a matrix with a column for each {columns}, got shape "
            f"{array.shape}."
        )
    if n_samples not in (None, len(array)):
        raise ValueError(f"X has {n_samples} samples, but y has {len(array)} rows.")
    if not np.isin(array, (0, 1)).all():
        raise ValueError(
            "Multilabel y must hold 0 and 1 alone: 1 where a label holds. "
            "sklearn.preprocessing.MultiLabelBinarizer makes such a matrix of sets."
        )
    return array.astype(int)
