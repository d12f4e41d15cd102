# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Networks without the neurons that are zero throughout a ball: the same there."""

import numpy as np

from sklip.bounds import shape_of
from sklip.networks import FeedForward

__all__ = ["without_zeros"]


def without_zeros(network, ends):
    """A network that is exactly the same wherever the ends hold, and what it keeps.

    Parameters
    ----------
    network : FeedForward
        Of any activations; those that are zero on the left lose neurons.
    ends : ndarray of shape (2, n_neurons)
        Proven ends of all hidden neurons.

    Returns
    -------
    smaller : FeedForward
        The network without neurons whose activation is exactly zero.
    kept : ndarray of bool of shape (n_neurons,)
        The others, one of each layer at least.
    """
    kept = []
    layers = np.split(ends, np.cumsum(network.layer_sizes[1:-2]), axis=1)
    for activation, (_, high) in zip(network.activations, layers, strict=False):
        hinge = shape_of(activation).hinge
        some = np.ones(len(high), dtype=bool)
        if hinge is not None and hinge[0] == 0.0:
            some = high > 0.0
            some[0] |= not some.any()
        kept.append(some)
    inputs = [np.ones(network.n_inputs, dtype=bool), *kept]
    outputs = [*kept, np.ones(network.n_outputs, dtype=bool)]
    smaller = FeedForward(
        [
            w[np.ix_(a, b)]
            for w, a, b in zip(network.weights, outputs, inputs, strict=True)
        ],
        [b[a] for b, a in zip(network.biases, outputs, strict=True)],
        activation=network.activation,
    )
    return smaller, np.concatenate(kept)
