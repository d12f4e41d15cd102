# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Which predictions are proven at one radius: the question without its margin."""

from functools import partial

from sklip._arguments import (
    check_device,
    check_effort,
    check_norm,
    check_radius,
    check_time_limit,
)
from sklip._blocks import by_blocks, check_jobs, joined, step_for
from sklip._documentation import documented
from sklip._shared_docs import SHARED
from sklip.bounds import row_check
from sklip.certification._categories import check_categorical, radii_for
from sklip.certification._decisions import decide
from sklip.certification._pairs import check_method

__all__ = ["is_certified"]


@documented(SHARED)
def is_certified(
    model,
    X,
    *,
    radius,
    norm=2,
    method="best",
    feature_eps=None,
    categorical="immutable",
    device="cpu",
    effort="normal",
    time_limit=None,
    n_jobs=None,
    verbose=0,
):
    """Whether each prediction is proven to hold within a radius.

    Parameters
    ----------
    {model, X, radius, norm}
    method : str or LipschitzCertificate, default="best"
        As for :func:`certified_radius`.
    {feature_eps, categorical}
    device : str, default="cpu"
        Where bounds inside balls are computed ("cuda"), in float64.
    effort : {"low", "normal", "high"} or int, default="normal"
        As for :func:`certified_accuracy_score`.
    {time_limit, n_jobs, verbose}

    Returns
    -------
    certified : ndarray of bool of shape (n_samples,)
        ``certified_radius(...) >= radius``, from the cheapest rule that decides it;
        never where a category alone changes the class under ``categorical="flip"``.

    Raises
    ------
    TypeError, ValueError
        As for :func:`certified_radius`.

    Examples
    --------
    >>> from sklip.certification import is_certified
    >>> from sklip.networks import FeedForward
    >>> net = FeedForward([[[1.5, 2.0], [-1.5, -2.0]]])
    >>> is_certified(net, [[1.0, 0.5], [0.1, 0.0]], radius=0.5)
    array([ True, False])
    """
    norm, radius = check_norm(norm), check_radius(radius)
    method, device = check_method(method), check_device(device)
    check_categorical(categorical)
    effort, time_limit = check_effort(effort), check_time_limit(time_limit)
    check_jobs(n_jobs, verbose)
    rule = norm, method, categorical, radius
    check = row_check(model, feature_eps)
    ask = partial(_certified, model, feature_eps, device, effort, rule)
    step = step_for(method, effort, X)
    limits = {"time_limit": time_limit, "n_jobs": n_jobs, "verbose": verbose}
    return joined(by_blocks(ask, check, X, step=step, **limits))


def _certified(model, feature_eps, device, effort, rule, X, y, block):
    """Whether the predictions of a block of the rows are proven."""
    decisions = decide(model, X, y, feature_eps, device, effort=effort, block=block)
    *_, categorical, radius = rule
    proven = radii_for(decisions, *rule)
    return (proven >= radius) & ((proven > 0.0) | (categorical == "immutable"))
