# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Certified accuracy: the share of samples that are right and provably stay so."""

from dataclasses import replace
from functools import partial

import numpy as np

from sklip._arguments import (
    check_device,
    check_effort,
    check_norm,
    check_radii,
    check_radius,
    check_sample_weight,
    check_time_limit,
)
from sklip._blocks import by_blocks, check_jobs, joined, step_for
from sklip._documentation import documented
from sklip._shared_docs import SHARED
from sklip.bounds import row_check
from sklip.certification._categories import check_categorical, radii_for
from sklip.certification._groups import averages, members_of
from sklip.certification._label_sets import decide_sets
from sklip.certification._pairs import check_method

__all__ = ["certified_accuracy_curve", "certified_accuracy_score"]

# Radii of a curve of which none are given.
_N_RADII = 26


@documented(SHARED)
def certified_accuracy_score(
    model,
    X,
    y,
    *,
    radius,
    norm=2,
    method="best",
    feature_eps=None,
    categorical="immutable",
    sample_weight=None,
    groups=None,
    device="cpu",
    effort="normal",
    time_limit=None,
    n_jobs=None,
    verbose=0,
):
    """Share of samples classified correctly with a certified radius >= radius.

    Parameters
    ----------
    {model, X, y, radius, norm}
    method : str or LipschitzCertificate, default="best"
        As for :func:`certified_radius`. "best" decides each pair of classes by the
        cheapest rule that decides it (see Notes).
    {feature_eps, categorical, sample_weight, groups, device, effort}
    {time_limit, n_jobs, verbose}

    Returns
    -------
    score : float
        Between 0 and 1, proven: no attack brings the accuracy below it. A wrong
        prediction never counts; at radius 0 the score is the accuracy.
        With ``groups`` a dict from each class or label to this; NaN without weight.

    Raises
    ------
    TypeError, ValueError
        As for :func:`certified_radius`.

    See Also
    --------
    adversarial_accuracy_score : What is left under an attack, never below this score.

    Notes
    -----
    What bounds and an attack leave open in a network with ReLU, leaky ReLU or abs,
    "best" settles by branch and bound, for up to 1000 samples: by ``effort="normal"``
    each may take 50,000 parts, all together 250,000, and fewer in larger networks.
    These are many more than :func:`certified_radius` can take at each of its trials, so
    that a few samples may count here whose radius was proven to a little less; mostly
    nothing is left between this score and what :func:`verify_robustness` verifies.

    Examples
    --------
    >>> from sklip.certification import certified_accuracy_score
    >>> from sklip.networks import FeedForward
    >>> net = FeedForward([[[1.5, 2.0], [-1.5, -2.0]]])
    >>> X = [[1.0, 0.5], [0.1, 0.0], [-2.0, 0.0]]
    >>> certified_accuracy_score(net, X, [0, 0, 0], radius=0.5).round(4)
    np.float64(0.3333)
    """
    norm, radius = check_norm(norm), check_radius(radius)
    method, device = check_method(method), check_device(device)
    check_categorical(categorical)
    effort, time_limit = check_effort(effort), check_time_limit(time_limit)
    check_jobs(n_jobs, verbose)
    members = members_of(groups, y)
    rule = norm, method, categorical
    check = row_check(model, feature_eps)
    ask = partial(
        _reached, model, feature_eps, device, effort, rule, np.array([radius])
    )
    step = step_for(method, effort, X)
    limits = {"time_limit": time_limit, "n_jobs": n_jobs, "verbose": verbose}
    certified = joined(by_blocks(ask, check, X, y, step=step, **limits)) > 0
    weight = check_sample_weight(sample_weight, len(certified))
    return averages(members, weight, lambda w: np.average(certified, weights=w))


@documented(SHARED)
def certified_accuracy_curve(
    model,
    X,
    y,
    radii=None,
    *,
    norm=2,
    method="best",
    feature_eps=None,
    categorical="immutable",
    sample_weight=None,
    groups=None,
    device="cpu",
    effort="normal",
    time_limit=None,
    n_jobs=None,
    verbose=0,
):
    """Certified accuracy at several radii.

    Parameters
    ----------
    {model, X, y}
    radii : array-like of shape (n_radii,), default=None
        Sizes of the perturbations, in any order; None takes 26 from 0 to where 2 % of
        the samples are certified still, and returns them as well.
    {norm}
    method : str or LipschitzCertificate, default="best"
        As for :func:`certified_radius`.
    {feature_eps, categorical, sample_weight, groups, device, effort}
    {time_limit, n_jobs, verbose}

    Returns
    -------
    radii : ndarray of shape (26,)
        Only with ``radii=None``.
    scores : ndarray of shape (n_radii,)
        Share that is right and proven at each radius, by the effort of
        :func:`certified_radius`: :func:`certified_accuracy_score`, which may be a
        little higher for "best".
        With ``groups`` a dict from each class or label to this; NaN without weight.

    Raises
    ------
    TypeError, ValueError
        As for :func:`certified_radius`.

    Examples
    --------
    >>> from sklip.certification import certified_accuracy_curve
    >>> from sklip.networks import FeedForward
    >>> net = FeedForward([[[1.5, 2.0], [-1.5, -2.0]]])
    >>> X = [[1.0, 0.5], [0.1, 0.0]]
    >>> certified_accuracy_curve(net, X, [0, 0], [0.0, 0.5, 2.0])
    array([1. , 0.5, 0. ])
    """
    norm, given = check_norm(norm), radii is not None
    radii = check_radii(radii) if given else None
    method, device = check_method(method), check_device(device)
    check_categorical(categorical)
    effort, time_limit = check_effort(effort), check_time_limit(time_limit)
    check_jobs(n_jobs, verbose)
    members = members_of(groups, y)
    rule = norm, method, categorical
    asked = None if radii is None else np.unique(radii)
    check = row_check(model, feature_eps)
    ask = partial(_reached, model, feature_eps, device, effort, rule, asked)
    step = step_for(method, effort, X)
    limits = {"time_limit": time_limit, "n_jobs": n_jobs, "verbose": verbose}
    reached = joined(by_blocks(ask, check, X, y, step=step, **limits))
    weight = check_sample_weight(sample_weight, len(reached))
    if given:
        certified = reached > np.searchsorted(asked, radii)[:, None]
    else:
        radii = _default_radii(np.maximum(reached, 0.0))
        certified = reached >= radii[:, None]
    scores = averages(members, weight, lambda w: certified @ (w / w.sum()))
    return scores if given else (radii, scores)


def _radii(decisions, rule, needed=np.inf):
    """Radii within which nothing changes of all that is decided about a sample."""
    proven = [radii_for(labels, *rule, needed=needed) for labels in decisions]
    return np.min(proven, axis=0)


def _reached(model, feature_eps, device, effort, rule, radii, X, y, block):
    """How many of the rising radii each row of a block is right and proven at.

    Without radii the proven radius itself, -1 where the prediction is wrong.
    """
    block = replace(block, asks_often=radii is None or len(radii) > 1)
    told = {"method": rule[1], "device": device, "effort": effort, "block": block}
    decisions = decide_sets(model, X, y, feature_eps, **told)
    categorical = rule[-1]
    certain = np.all([labels.correct for labels in decisions], axis=0)
    if radii is None:
        proven = _radii(decisions, rule)
        if categorical != "immutable":
            certain &= proven > 0.0
        return np.where(certain, proven, -1.0)
    # A wrong prediction has radius 0, and so has one that a category changes.
    least = int(categorical == "immutable" and radii[0] == 0.0)
    low = np.where(certain, least, 0)
    high = np.where(certain, len(radii), 0)
    while (low < high).any():
        middle = (low + high) // 2
        k = int(middle[np.argmax(high - low)])
        rows = np.flatnonzero((low <= k) & (k < high))
        asked = [labels.some(rows) for labels in decisions]
        proven = _radii(asked if len(rows) < len(low) else decisions, rule, radii[k])
        # From there on: a radius that is proven proves the smaller ones.
        count = np.searchsorted(radii, proven, side="right") * (proven > 0.0)
        good = count > k
        low[rows[good]] = np.minimum(count, high[rows])[good]
        high[rows[~good]] = k
    return low


def _default_radii(proven):
    """From 0 to where 2 % of the samples are certified still."""
    finite = proven[np.isfinite(proven)]
    end = np.quantile(finite, 0.98) if len(finite) else 0.0
    return np.linspace(0.0, end if end > 0.0 else 1.0, _N_RADII)
