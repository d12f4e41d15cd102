# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Multilabel classifiers: every label is a classifier of two classes."""

import numpy as np

from sklip._arguments import check_effort, refuse_ambiguous
from sklip._multilabel import check_indicator
from sklip.bounds import LipschitzCertificate
from sklip.certification._decisions import decide
from sklip.networks import label_views

__all__ = ["decide_sets", "each_label", "labels_of"]


def labels_of(model, X, feature_eps=None, method=None):
    """Views of the classifiers of every label, in units of feature_eps.

    None unless the model is multilabel.
    """
    refuse_ambiguous(feature_eps, X, "feature_eps")
    views = label_views(model, X, feature_eps)
    if views is not None and isinstance(method, LipschitzCertificate):
        raise ValueError(
            "A certificate bounds all logits of a multilabel classifier together, and "
            "the radius of a label is that of its own logit: give the name of a method."
        )
    return views


def each_label(views, y, function):
    """A column for each label: what ``function(view, y)`` gives for it.

    Parameters
    ----------
    views : list of NetworkView
        As :func:`labels_of` gives them.
    y : array-like of shape (n_samples, n_labels) or None
        Which labels hold.
    function : callable
        Gives an array of shape (n_samples,) for a view and a column of y, or None.

    Returns
    -------
    columns : ndarray of shape (n_samples, n_labels)
        Of all labels.
    """
    return np.column_stack([function(*pair) for pair in _pairs(views, y)])


def _pairs(views, y):
    columns = [None] * len(views)
    if y is not None:
        columns = check_indicator(y, n_labels=len(views)).T
    return zip(views, columns, strict=True)


def decide_sets(model, X, y, feature_eps=None, *, method, **options):
    """What a classifier decides: one entry, or of a multilabel one an entry a label.

    Labels that a classifier of one class does not know count as wrong predictions.

    Parameters
    ----------
    model, X, y, feature_eps
        As for :func:`certified_accuracy_score`.
    method : str or LipschitzCertificate
        How radii are proven later on.
    **options : dict
        Further arguments of :func:`decide`.

    Returns
    -------
    decisions : list of Decided
        All of them must be right, and stay, for a sample to count.
    """
    check_effort(options.get("effort", "normal"))
    views = labels_of(model, X, feature_eps, method)
    if views is None:
        return [decide(model, X, y, feature_eps, unseen=True, **options)]
    return [decide(view, X, y, **options) for view, y in _pairs(views, y)]
