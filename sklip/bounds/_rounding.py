# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""How far rounding may move the forward pass, at a sample and around it.

A certificate speaks of exact arithmetic; the prediction is computed in float64, and by
the steps of a Pipeline instead of the network they were folded into. The difference is
bounded here, so that a radius holds for what is computed.
"""

import numpy as np

from sklip._floats import FLOOR, UNIT, frobenius, gamma, lengths
from sklip.bounds._norms import layer_norms

__all__ = ["forward_error"]

# Units of roundoff allowed to one evaluation of an activation, relative to
# scale * (1 + |z|): libm and numpy's vectorised kernels stay below 4, compositions of
# four of them (mish, gelu) below 16.
_ACTIVATION_ULPS = 16
_BLOCK_ROWS = 1024


def forward_error(network, U, folding):
    """Bound of the rounding error of the prediction around each sample.

    Parameters
    ----------
    network : FeedForward
        The network that predicts.
    U : ndarray of shape (n_samples, n_inputs)
        Its inputs.
    folding : FoldRounding
        What was rounded when the network was made: that of the NetworkView.

    Returns
    -------
    error : ndarray of shape (n_samples,)
        l2 norm of the outputs' error at the sample itself: of ``network.forward``, and
        of the model's own prediction, from the exact values of this network.
    growth : float
        At a point at l2 distance r the error is at most ``error + growth * r``.

    Notes
    -----
    With W, b, beta of a layer, a the computed activations before it, e their error and
    gamma = (n + 8)u, any order of summation and fused or plain products give
    e' <= beta (||W||_2 e + gamma (||W||_F ||a|| + ||b||)) + the activation's own
    error. The first layer is taken entrywise (|W| |u| + |b|), since raw features may
    differ in scale by many orders; so are the roundings of the fold, which add to it.
    """
    norms = layer_norms(network, 2)
    growth = _growth(network, norms, folding)
    error = np.empty(len(U))
    for start in range(0, len(U), _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        # Where a number overflows the error is inf or NaN: nothing is proven there.
        with np.errstate(over="ignore", invalid="ignore"):
            error[rows] = _error_at(network, norms, U[rows], folding)
    if folding.more is not None:
        constant, rate = folding.more()
        error, growth = error + constant + 1.01 * rate * lengths(U), growth + rate
    return error, growth


def _activation_scale(activation):
    return _ACTIVATION_ULPS * UNIT * activation.rounding


def _error_at(network, norms, U, folding):
    hidden = network.activations
    weight, bias = network.weights[0], network.biases[0]
    # The folded sizes are no smaller than |W| and |b|.
    magnitude = np.abs(U) @ folding.first.T + folding.first_bias
    sizes = lengths(magnitude + FLOOR)
    error = gamma(weight.shape[1] + folding.n_first) * sizes
    if folding.front is not None:
        error = np.minimum(error, _error_through(folding.front, U, sizes))
    z = U @ weight.T + bias
    for k, activation in enumerate(hidden, start=1):
        scale = _activation_scale(activation)
        # This pass and forward's may differ by both their errors, hence 2 * error.
        size = np.sqrt(z.shape[1]) + lengths(z) + 2.0 * error
        error = activation.lipschitz * error + scale * size
        a = activation.function(z)
        weight, bias = network.weights[k], network.biases[k]
        size = lengths(a) + 2.0 * error
        last = k == len(hidden)
        bias_size = folding.last_bias if last else bias
        weight_size = _weight_size(weight, last, folding)
        local = weight_size * size + lengths(np.abs(bias_size) + FLOOR)
        n_terms = weight.shape[1] + (folding.n_last if last else folding.n_hidden)
        error = norms[k] * error + gamma(n_terms) * local
        z = a @ weight.T + bias
    return 1.01 * error


def _error_through(front, U, sizes):
    """Error of the first layer, what was lost in front of it taken through its norm."""
    lost = lengths(np.abs(U) @ front.size.T + front.offset + FLOOR)
    n_terms = U.shape[1] + front.n_fine
    return gamma(n_terms) * sizes + gamma(front.n_front) * front.norm * lost


def _weight_size(weight, last, folding):
    # The terms of the last matrix may have cancelled when it was folded.
    size = frobenius(weight)
    return max(size, frobenius(folding.last_size)) if last else size


def _growth(network, norms, folding):
    """Rate, per unit of distance, at which the bound of _error_at may grow."""
    n_terms = network.n_inputs + folding.n_first
    first = frobenius(folding.first)
    growth = gamma(n_terms) * (first + FLOOR * (first > 0.0))
    front = folding.front
    if front is not None:
        lost = gamma(front.n_front) * front.norm * frobenius(front.size.data[None])
        fine = gamma(network.n_inputs + front.n_fine) * (first + FLOOR)
        growth = min(growth, fine + lost * (1.0 + 8.0 * UNIT))
    spread = norms[0]
    for k, activation in enumerate(network.activations, start=1):
        scale = _activation_scale(activation)
        growth = activation.lipschitz * growth + scale * (spread + 2.0 * growth)
        spread = activation.lipschitz * spread
        weight = network.weights[k]
        last = k == len(network.activations)
        local = _weight_size(weight, last, folding) * (spread + 2.0 * growth)
        n_terms = weight.shape[1] + folding.n_last + folding.n_hidden
        growth = norms[k] * growth + gamma(n_terms) * local
        spread = norms[k] * spread
    return 1.02 * float(growth)
