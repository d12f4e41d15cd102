# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Certified intervals of regressors."""

from functools import partial

import numpy as np

from sklip._arguments import check_norm, check_radius, refuse_ambiguous
from sklip._blocks import (
    MANY_ROWS,
    SOME_ROWS,
    by_blocks,
    check_jobs,
    joined,
)
from sklip._documentation import documented
from sklip._floats import UNIT
from sklip._shared_docs import SHARED
from sklip.bounds import ModuleView, forward_error, is_bare, row_check
from sklip.certification._decisions import checked_inputs, model_view
from sklip.certification._local_intervals import local_intervals
from sklip.certification._module_intervals import module_intervals
from sklip.certification._pairs import LOCAL_METHODS, check_method, norm_ratio, rules
from sklip.networks import FeedForward

__all__ = ["certified_interval"]


@documented(SHARED)
def certified_interval(
    model,
    X,
    *,
    radius,
    norm=2,
    method="best",
    feature_eps=None,
    n_jobs=None,
    verbose=0,
):
    """Interval that the prediction cannot leave while X moves by at most radius.

    Parameters
    ----------
    model : FeedForward, fitted regressor, Pipeline or TransformedTargetRegressor
        Anything that :func:`sklip.networks.network_view` accepts as a regressor; of a
        FeedForward, all outputs.
    {X, radius, norm}
    method : str, default="best"
        As for :func:`certified_radius`, without certificates: a global constant of each
        output ("pairwise" bounds each output's row by itself), bounds inside the ball,
        or by "best" for each sample and end the tightest of all, LipSDP up to 128
        hidden neurons. "auto" is "best".
    {feature_eps, n_jobs, verbose}

    Returns
    -------
    lower, upper : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        In the units of y, rounded outward and valid for the model's own predict in
        float64, preprocessing included.

    Raises
    ------
    ValueError
        If the model is a classifier or an argument is out of range.

    Notes
    -----
    Behind a curved target transformer (a TransformedTargetRegressor with log1p and
    expm1, a PowerTransformer ...) the ends are those of the regressor inside, mapped by
    its monotone inverse; infinite where that is not defined on the whole interval.

    A global constant L_j of output j makes it f_j(x) - L_j radius to f_j(x) + L_j
    radius; an interval of the ball need not lie evenly around f_j(x). Torch modules of
    other layers than a stack's, bare or in an estimator, know "product", "ibp",
    "crown", "local" and "best"; the rounding of their own type is covered.

    Examples
    --------
    >>> from sklip.certification import certified_interval
    >>> from sklip.networks import FeedForward
    >>> net = FeedForward([[[3.0, 4.0]]], [[1.0]])
    >>> lower, upper = certified_interval(net, [[1.0, 1.0]], radius=0.5)
    >>> lower.round(6), upper.round(6)
    (array([5.5]), array([10.5]))
    """
    norm, radius = check_norm(norm), check_radius(radius)
    method = check_method(method, certificate=False)
    check_jobs(n_jobs, verbose)
    refuse_ambiguous(feature_eps, X, "feature_eps")
    check = row_check(model, feature_eps)
    ask = partial(_ends, model, feature_eps, radius, norm, method)
    step = SOME_ROWS if method in (*LOCAL_METHODS, "best") else MANY_ROWS
    parts = by_blocks(ask, check, X, step=step, n_jobs=n_jobs, verbose=verbose)
    lower, upper = map(joined, zip(*parts, strict=True))
    return lower, upper


def _ends(model, feature_eps, radius, norm, method, X, y, block):
    """Both ends for a block of the rows."""
    view = model_view(model, feature_eps, X, predicting=True)
    if view.classes is not None and not is_bare(model):
        raise ValueError(
            f"{type(model).__name__} is a classifier; certified_interval is for "
            "regressors. Use certified_radius."
        )
    U = checked_inputs(view, X)
    prove = module_intervals if isinstance(view, ModuleView) else _proven
    with np.errstate(over="ignore", invalid="ignore"):
        lower, upper = prove(view, U, radius, norm, method)
    if view.target is not None:
        lower, upper = view.target.ends(lower, upper)
    if view.network.n_outputs == 1:
        return lower[:, 0], upper[:, 0]
    return lower, upper


def _proven(view, U, radius, norm, method):
    """Ends of every output, for what the model computes in float64."""
    outputs = view.network.forward(U)
    error, growth = forward_error(view.network, U, view.rounding)
    n_mutable = int(np.count_nonzero(view.mutable))
    # Of the model's own forward pass, at the far end of the ball.
    far = (error + growth * radius * norm_ratio(2, norm, n_mutable))[:, None]
    centers = outputs - error[:, None], outputs + error[:, None]
    lower, upper = centers
    if n_mutable and radius > 0.0:
        lower, upper = np.full_like(outputs, -np.inf), np.full_like(outputs, np.inf)
        if method not in LOCAL_METHODS:
            width = radius * _output_constants(view, norm, method)
            lower, upper = centers[0] - width, centers[1] + width
        if method in (*LOCAL_METHODS, "best"):
            low, high = local_intervals(view, U, centers, radius, norm, method)
            lower, upper = np.maximum(lower, low), np.minimum(upper, high)
    size = np.abs(lower) + np.abs(upper) + np.abs(outputs)
    room = far * (1.0 + 8.0 * UNIT) + 8.0 * UNIT * size
    lower, upper = lower - room, upper + room
    # Of outputs that overflow nothing is known.
    known = np.isfinite(outputs) & ~np.isnan(lower) & ~np.isnan(upper)
    lower, upper = np.where(known, lower, -np.inf), np.where(known, upper, np.inf)
    return np.nextafter(lower, -np.inf), np.nextafter(upper, np.inf)


def _output_constants(view, norm, method):
    """Proven constant of each output: its difference from an output that is zero."""
    network = view.network
    weights = list(network.weights)
    weights[-1] = np.vstack([weights[-1], np.zeros(weights[-1].shape[1])])
    weights[0] = weights[0][:, view.mutable]
    extended = FeedForward(weights, None, network.activation)
    pairs = np.array([(j, network.n_outputs) for j in range(network.n_outputs)])
    cheap, dear = rules(method, norm, extended)
    return np.min([rule(extended, pairs) for rule in cheap + dear], axis=0)
