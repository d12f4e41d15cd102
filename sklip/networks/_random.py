# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Random networks, for tests, figures and benchmarks."""

import numpy as np
from sklearn.utils import check_random_state

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
    sizes = list(layer_sizes)
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(
            "layer_sizes must hold at least two positive integers, got "
            f"{layer_sizes!r}."
        )
    if not (np.isfinite(gain) and gain > 0):
        raise ValueError(f"gain must be a positive number, got {gain!r}.")
    rng = check_random_state(random_state)
    weights = [
        gain * np.sqrt(2.0 / (n_in + n_out)) * rng.standard_normal((n_out, n_in))
        for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True)
    ]
    return FeedForward(weights, None, activation)
