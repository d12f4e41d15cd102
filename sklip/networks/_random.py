# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Random networks, for tests, figures and benchmarks."""

import numpy as np

from sklip._arguments import as_random_state, check_layer_sizes, check_positive
from sklip.networks._activations import activation_names
from sklip.networks._feedforward import FeedForward

__all__ = ["random_network"]


def random_network(layer_sizes, *, activation="relu", gain=1.0, random_state=None):
    """Draw a network at its Xavier initialisation.

    Parameters
    ----------
    layer_sizes : sequence of int
        Number of units of every layer, input and output included.
    activation : str or sequence of str, default="relu"
        One name for all hidden layers, or one for each.
    gain : float, default=1.0
        Xavier gain.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw.

    Returns
    -------
    network : FeedForward
        Weights normal with variance ``2 gain**2 / (n_in + n_out)``, biases zero.

    Raises
    ------
    ValueError
        If there are fewer than two layers, a size or ``gain`` is not positive, or the
        activation is unknown.

    Examples
    --------
    >>> from sklip.networks import random_network
    >>> random_network([4, 8, 2], random_state=0)
    FeedForward(4-8-2, relu)
    """
    sizes = check_layer_sizes(layer_sizes)
    gain = check_positive(gain, "gain")
    names = activation_names(activation, len(sizes) - 2)
    rng = as_random_state(random_state)
    weights = [
        gain * np.sqrt(2.0 / (n_in + n_out)) * rng.standard_normal((n_out, n_in))
        for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True)
    ]
    return FeedForward(weights, None, names)
