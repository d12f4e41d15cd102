# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Certified intervals of regressors."""

import numpy as np

from sklip.certification._decisions import checked_inputs, model_view
from sklip.certification._pairs import norm_ratio, rules
from sklip.certification._rounding import UNIT_ROUNDOFF, forward_error
from sklip.certification._validation import check_norm, check_radius
from sklip.networks import FeedForward

__all__ = ["certified_interval"]


def certified_interval(model, X, *, radius, norm=2, feature_eps=None):
    """Interval that the prediction cannot leave while X moves by at most radius.

    Parameters
    ----------
    model : FeedForward, fitted regressor, Pipeline or TransformedTargetRegressor
        Anything that :func:`sklip.networks.network_view` accepts as a regressor; of a
        FeedForward, all outputs.
    X : array-like or DataFrame of shape (n_samples, n_features)
        Samples, as the model takes them.
    radius : float
        Size of the perturbations, in the units of X (or of feature_eps).
    norm : {1, 2, numpy.inf}, default=2
        Norm of the perturbation.
    feature_eps : dict, default=None
        Feature name or index to its tolerance; other features do not move.

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
    The half-width is radius times a proven constant of that output alone, the smallest
    of the product and the sequential bound in the stated norm.

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
    view = model_view(model, feature_eps)
    if view.classes is not None and not isinstance(model, FeedForward):
        raise ValueError(
            f"{type(model).__name__} is a classifier; certified_interval is for "
            "regressors. Use certified_radius."
        )
    U = checked_inputs(view, X)
    outputs = view.network.forward(U)
    error, growth = forward_error(view.network, U, view.rounding)
    n_mutable = int(np.count_nonzero(view.mutable))
    reach = radius * norm_ratio(2, norm, n_mutable)
    width = radius * _output_constants(view, n_mutable, norm)
    # The error of the forward pass counts twice: at the sample and at the far end.
    half = width + (2.0 * error + growth * reach)[:, None]
    half = half * (1.0 + 8.0 * UNIT_ROUNDOFF)
    lower = np.nextafter(outputs - half, -np.inf)
    upper = np.nextafter(outputs + half, np.inf)
    if view.network.n_outputs == 1:
        return lower[:, 0], upper[:, 0]
    return lower, upper


def _output_constants(view, n_mutable, norm):
    """Proven constant of each output: its difference from an output that is zero."""
    network = view.network
    if n_mutable == 0:
        return np.zeros(network.n_outputs)
    weights = list(network.weights)
    weights[-1] = np.vstack([weights[-1], np.zeros(weights[-1].shape[1])])
    weights[0] = weights[0][:, view.mutable]
    extended = FeedForward(weights, None, network.activation)
    pairs = np.array([(j, network.n_outputs) for j in range(network.n_outputs)])
    cheap, dear = rules("best", norm, extended)
    return np.min([rule(extended, pairs) for rule in cheap + dear], axis=0)
