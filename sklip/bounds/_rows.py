# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Rows that a model does not take, found before any work is done."""

from sklip.bounds._modules import view_of
from sklip.networks import label_views

__all__ = ["row_check"]


def row_check(model, feature_eps=None):
    """What refuses rows that a model does not take, before any work is done.

    Parameters
    ----------
    model : object
        Any model.
    feature_eps : dict or Series, default=None
        Tolerances of the columns that move.

    Returns
    -------
    check : callable
        ``check(parts)`` encodes the parts of a table one after the other.
    """

    def check(parts):
        view = None
        for X in parts:
            # A branch of columns that do not move is evaluated at the rows themselves.
            if view is None or feature_eps is not None:
                labels = label_views(model, X, feature_eps)
                view = (
                    labels[0]
                    if labels
                    else view_of(model, X, feature_eps, predicting=True)
                )
            view.encode(X)

    return check
