# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Worst-case errors of regressors: no perturbation of X brings more."""

import numpy as np

from sklip._arguments import (
    check_groups,
    check_numbers,
    check_option,
    check_sample_weight,
)
from sklip._documentation import documented
from sklip._shared_docs import SHARED
from sklip.certification._groups import averages
from sklip.certification._intervals import certified_interval

__all__ = ["LOSSES", "certified_error_score"]

LOSSES = ("squared_error", "absolute_error", "r2")


@documented(SHARED)
def certified_error_score(
    model,
    X,
    y,
    *,
    radius,
    loss="squared_error",
    norm=2,
    feature_eps=None,
    sample_weight=None,
    groups=None,
    n_jobs=None,
    verbose=0,
):
    """Worst mean error, or R², while every row of X moves by at most radius.

    Parameters
    ----------
    model : FeedForward, fitted regressor, Pipeline or TransformedTargetRegressor
        As for :func:`certified_interval`.
    {X}
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        True targets; they do not move.
    {radius}
    loss : {"squared_error", "absolute_error", "r2"}, default="squared_error"
        Mean squared or absolute error, or the coefficient of determination; averaged
        over outputs with equal weights.
    {norm, feature_eps, sample_weight}
    groups : array-like of shape (n_samples,), default=None
        Error over the samples of each label.
    {n_jobs, verbose}

    Returns
    -------
    score : float
        Proven: no attack brings a larger error, or a smaller R². At radius 0 it is
        that of scikit-learn, but for rounding. With ``groups`` a dict from each label
        to this; NaN where nothing has weight, and R² of targets that are all the same.

    Raises
    ------
    ValueError
        If the model is a classifier, shapes differ, or an argument is out of range.

    See Also
    --------
    certified_interval : The predictions from which it is taken.

    Examples
    --------
    >>> from sklip.certification import certified_error_score
    >>> from sklip.networks import FeedForward
    >>> net = FeedForward([[[3.0, 4.0]]])
    >>> X, y = [[1.0, 0.0], [0.0, 1.0]], [3.0, 4.0]
    >>> round(certified_error_score(net, X, y, radius=0.2, loss="absolute_error"), 6)
    1.0
    """
    check_option(loss, "loss", LOSSES)
    y = check_numbers(y, "y")
    # A regressor has no classes to go by.
    n_samples = len(y) if y.ndim else 0
    members = None if groups is None else check_groups(groups, None, n_samples)
    lower, upper = certified_interval(
        model,
        X,
        radius=radius,
        norm=norm,
        feature_eps=feature_eps,
        n_jobs=n_jobs,
        verbose=verbose,
    )
    if y.ndim == 2 and lower.ndim == 1 and y.shape[1] == 1:
        y = y[:, 0]
    if y.shape != lower.shape:
        raise ValueError(f"y must have shape {lower.shape}, got {y.shape}.")
    if not np.isfinite(y).all():
        raise ValueError("y must be finite.")
    weight = check_sample_weight(sample_weight, len(y))
    worst = np.maximum(np.abs(y - lower), np.abs(upper - y))
    if loss == "r2":
        return averages(members, weight, lambda w: _r2(y, worst, w, members))
    sizes = worst if loss == "absolute_error" else worst**2
    return averages(
        members, weight, lambda w: float(np.mean(np.average(sizes, axis=0, weights=w)))
    )


def _r2(y, worst, weight, members):
    """Coefficient of determination; NaN for a group without spread."""
    squared = np.average(worst**2, axis=0, weights=weight)
    middle = np.average(y, axis=0, weights=weight)
    spread = np.average((y - middle) ** 2, axis=0, weights=weight)
    if np.all(spread > 0.0):
        return float(np.mean(1.0 - squared / spread))
    if members is None:
        raise ValueError("R² needs targets that are not all the same.")
    return np.nan
