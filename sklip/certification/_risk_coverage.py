# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Errors among the answers when the predictions with small radii are rejected."""

import numpy as np

from sklip._arguments import check_labels, check_numbers, check_sample_weight
from sklip._documentation import documented
from sklip._shared_docs import SHARED

__all__ = ["risk_coverage_curve"]


@documented(SHARED)
def risk_coverage_curve(y_true, y_pred, radius, *, sample_weight=None):
    """Error rate among the answered samples against their share.

    Parameters
    ----------
    {y_true}
    y_pred : array-like of shape (n_samples,)
        Predicted labels, before any are rejected.
    radius : array-like of shape (n_samples,)
        Certified radii of the predictions (:func:`sklip.certified_radius` without y),
        or any other measure of how sure they are: large ones are answered first.
    {sample_weight}

    Returns
    -------
    coverage : ndarray of shape (n_thresholds,)
        Share of the samples whose radius is at least the threshold, falling from 1.
    risk : ndarray of shape (n_thresholds,)
        Share of wrong predictions among them.
    thresholds : ndarray of shape (n_thresholds,)
        0 and every radius that occurs, rising.

    Raises
    ------
    ValueError
        If the lengths differ or a radius is negative or not a number.

    See Also
    --------
    CertifiedRejectClassifier : Rejects at one threshold.

    References
    ----------
    .. [1] R. El-Yaniv, Y. Wiener, "On the foundations of noise-free selective
       classification", Journal of Machine Learning Research 11, 2010.

    Examples
    --------
    >>> from sklip.certification import risk_coverage_curve
    >>> coverage, risk, thresholds = risk_coverage_curve(
    ...     [0, 1, 1, 0], [0, 1, 0, 0], [0.5, 1.0, 0.2, 0.5]
    ... )
    >>> coverage
    array([1.  , 1.  , 0.75, 0.25])
    >>> risk
    array([0.25, 0.25, 0.  , 0.  ])
    >>> thresholds
    array([0. , 0.2, 0.5, 1. ])
    """
    y_true, y_pred = check_labels(y_true, "y_true"), check_labels(y_pred, "y_pred")
    radius = check_numbers(radius, "radius", ndim=1)
    lengths = [len(array) for array in (y_true, y_pred, radius)]
    if len(set(lengths)) > 1 or not lengths[0]:
        raise ValueError(
            "y_true, y_pred and radius must have an entry for each sample, got "
            f"{lengths}."
        )
    if not (radius >= 0).all():
        raise ValueError("radius must hold numbers >= 0.")
    weight = check_sample_weight(sample_weight, len(radius))
    order = np.argsort(-radius, kind="stable")
    answered = np.cumsum(weight[order])
    wrong = np.cumsum((weight * (y_true != y_pred))[order])
    thresholds = np.union1d(radius, [0.0])
    # Number of samples, in falling order, that reach each threshold.
    last = np.searchsorted(-radius[order], -thresholds, side="right") - 1
    answered, wrong = answered[last], wrong[last]
    some = answered > 0
    risk = wrong[some] / answered[some]
    return answered[some] / weight.sum(), risk, thresholds[some]
