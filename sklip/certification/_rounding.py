# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""How far rounding may move the forward pass, at a sample and around it.

A certificate speaks of exact arithmetic; the prediction is computed in float64. The
difference is bounded here, so that a radius holds for what is computed.
"""

import numpy as np

from sklip.bounds import layer_norms

__all__ = ["UNIT_ROUNDOFF", "forward_error"]

UNIT_ROUNDOFF = 2.0**-53
# Units of roundoff allowed to one evaluation of an activation, relative to
# scale * (1 + |z|): libm and numpy's vectorised kernels stay below 4, compositions of
# four of them (mish, gelu) below 16.
_ACTIVATION_ULPS = 16
_BLOCK_ROWS = 1024


def forward_error(network, U):
    """Bound of the rounding error of ``network.forward`` around each sample.

    Parameters
    ----------
    network : FeedForward
        The network that predicts.
    U : ndarray of shape (n_samples, n_inputs)
        Its inputs.

    Returns
    -------
    error : ndarray of shape (n_samples,)
        l2 norm of the outputs' error at the sample itself.
    growth : float
        At a point at l2 distance r the error is at most ``error + growth * r``.

    Notes
    -----
    With W, b, beta of a layer, a the computed activations before it, e their error and
    gamma = (n + 4)u, any order of summation and fused or plain products give
    e' <= beta (||W||_2 e + gamma (||W||_F ||a|| + ||b||)) + the activation's own
    error. The first layer is taken entrywise (|W| |u| + |b|), since raw features may
    differ in scale by many orders.
    """
    norms = layer_norms(network, 2)
    growth = _growth(network, norms)
    error = np.empty(len(U))
    for start in range(0, len(U), _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        error[rows] = _error_at(network, norms, U[rows])
    return error, growth


def _gamma(weight):
    # Four more than the length of the sums: bias, the caller's rescaling of the inputs
    # (feature_eps) and second order; 1.01 covers the arithmetic of this bound itself.
    return 1.01 * (weight.shape[1] + 4) * UNIT_ROUNDOFF


def _activation_scale(activation):
    if activation.family in ("identity", "relu"):
        return 0.0  # exact
    scale = max(1.0, abs(activation.parameter or 1.0), activation.lipschitz)
    return _ACTIVATION_ULPS * UNIT_ROUNDOFF * scale


def _error_at(network, norms, U):
    hidden = network.activations
    weight, bias = network.weights[0], network.biases[0]
    magnitude = np.abs(U) @ np.abs(weight).T + np.abs(bias)
    error = _gamma(weight) * np.linalg.norm(magnitude, axis=1)
    z = U @ weight.T + bias
    for k, activation in enumerate(hidden, start=1):
        scale = _activation_scale(activation)
        # This pass and forward's may differ by both their errors, hence 2 * error.
        size = np.sqrt(z.shape[1]) + np.linalg.norm(z, axis=1) + 2.0 * error
        error = activation.lipschitz * error + scale * size
        a = activation.function(z)
        weight, bias = network.weights[k], network.biases[k]
        size = np.linalg.norm(a, axis=1) + 2.0 * error
        local = np.linalg.norm(weight) * size + np.linalg.norm(bias)
        error = norms[k] * error + _gamma(weight) * local
        z = a @ weight.T + bias
    return 1.01 * error


def _growth(network, norms):
    """Rate, per unit of distance, at which the bound of _error_at may grow."""
    first = network.weights[0]
    growth = _gamma(first) * np.linalg.norm(first)
    spread = norms[0]
    for k, activation in enumerate(network.activations, start=1):
        scale = _activation_scale(activation)
        growth = activation.lipschitz * growth + scale * (spread + 2.0 * growth)
        spread = activation.lipschitz * spread
        weight = network.weights[k]
        local = np.linalg.norm(weight) * (spread + 2.0 * growth)
        growth = norms[k] * growth + _gamma(weight) * local
        spread = norms[k] * spread
    return 1.02 * float(growth)
