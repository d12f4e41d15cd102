# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Margins of a classifier."""

from sklip._documentation import documented
from sklip._shared_docs import SHARED
from sklip.certification._decisions import decide
from sklip.certification._label_sets import each_label, labels_of

__all__ = ["margins"]


@documented(SHARED)
def margins(model, X, y=None):
    """Margin of each sample, in logits.

    Parameters
    ----------
    model : FeedForward, torch module, fitted classifier or Pipeline
        Anything that :func:`sklip.networks.network_view` accepts as a classifier, or a
        torch module in eval mode with one output for each class.
    {X}
    y : array-like of shape (n_samples,), default=None
        True labels.

    Returns
    -------
    margins : ndarray of shape (n_samples,)
        Without y the top logit minus the second, never negative. With y the true
        label's logit minus the largest other one: negative where the prediction is
        wrong, not cut at zero.

    Raises
    ------
    ValueError
        If the model is a regressor, X is not finite, or y has a label that the model
        does not know.

    Notes
    -----
    (6) of paper 000 (A7) with the sign kept. For two classes the margin is the absolute
    value of ``decision_function``.

    Examples
    --------
    >>> from sklip.networks import FeedForward
    >>> from sklip.certification import margins
    >>> net = FeedForward([[[1.0, 0.0], [0.0, 1.0]]])
    >>> margins(net, [[3.0, 1.0]])
    array([2.])
    >>> margins(net, [[3.0, 1.0]], [1])
    array([-2.])
    """
    labels = labels_of(model, X)
    if labels is not None:
        return each_label(labels, y, lambda view, y: margins(view, X, y))
    return decide(model, X, y).gaps().min(axis=1)
