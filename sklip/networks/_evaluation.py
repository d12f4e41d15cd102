# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Outputs and Jacobians of a feed-forward network in float64, for rows of inputs."""

import numpy as np
from scipy import sparse

from sklip._arguments import as_numbers

__all__ = ["jacobians", "outputs"]

# Rows forwarded at a time: the activations of one block stay in the second-level cache.
_BLOCK_ROWS = 512


def outputs(network, X):
    """As :meth:`FeedForward.forward`."""
    X = _checked(network, X)
    activations = network.activations
    n_samples = X.shape[0]
    n_rows = min(_BLOCK_ROWS, n_samples)
    buffers = [np.empty((n_rows, len(w))) for w in network.weights[:-1]]
    values = np.empty((n_samples, network.n_outputs))
    for start in range(0, n_samples, _BLOCK_ROWS):
        a = X[start : start + _BLOCK_ROWS]
        a = np.asarray(a.toarray() if sparse.issparse(a) else a, dtype=np.float64)
        rows = len(a)
        for w, b, activation, buffer in zip(
            network.weights, network.biases, activations, buffers, strict=False
        ):
            z = np.dot(a, w.T, out=buffer[:rows])
            z += b
            a = activation.function(z, out=z)
        block = values[start : start + rows]
        np.dot(a, network.weights[-1].T, out=block)
        block += network.biases[-1]
    return values


def jacobians(network, X):
    """As :meth:`FeedForward.jacobian`."""
    X = _checked(network, X)
    a = np.asarray(X.toarray() if sparse.issparse(X) else X, dtype=np.float64)
    slopes = []
    for w, b, activation in zip(
        network.weights, network.biases, network.activations, strict=False
    ):
        z = a @ w.T + b
        slopes.append(activation.derivative(z))
        a = activation.function(z)
    last = network.weights[-1]
    jacobian = np.broadcast_to(last, (len(a), *last.shape))
    for w, slope in zip(reversed(network.weights[:-1]), reversed(slopes), strict=True):
        rows = (jacobian * slope[:, None, :]).reshape(-1, len(w))
        jacobian = (rows @ w).reshape(len(a), network.n_outputs, w.shape[1])
    return np.array(jacobian)


def _checked(network, X):
    if sparse.issparse(X):
        X = X.tocsr()
        as_numbers(X.data, "X")
    else:
        X = as_numbers(X, "X")
    if X.ndim != 2 or X.shape[1] != network.n_inputs:
        raise ValueError(
            f"X must have shape (n_samples, {network.n_inputs}), got {X.shape}."
        )
    return X
