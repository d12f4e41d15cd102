# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The last layer of the network that is deployed: its scale, or its proven bound."""

import numpy as np

from sklip.bounds import lipschitz_bound
from sklip.networks import FeedForward

__all__ = ["bounded_head", "logit_scale"]


def logit_scale(head, spread, *, labels=False):
    """Factor after which the rows of a matrix have this distance, in root mean square.

    Parameters
    ----------
    head : ndarray of shape (n_classes, n_units)
        Last weights; radii do not depend on their scale.
    spread : float
        Wanted distance.
    labels : bool, default=False
        Whether each row decides by itself: the distance is that from zero.

    Returns
    -------
    factor : float
        1 if that distance is zero.
    """
    if labels:
        mean = np.linalg.norm(head) ** 2 / len(head)
    else:
        centered = head - head.mean(axis=0)
        # The mean of ||h_i - h_j||^2 over i != j.
        mean = 2.0 * np.linalg.norm(centered) ** 2 / (len(head) - 1)
    return spread / np.sqrt(mean) if mean > 0.0 else 1.0


def bounded_head(hidden, head, bound):
    """Last weights, scaled down until the product of proven norms is at most a bound.

    Parameters
    ----------
    hidden : list of ndarray of shape (n_out, n_in)
        Weights of the hidden layers.
    head : ndarray of shape (n_outputs, n_units)
        Last weights.
    bound : float
        Of the whole network.

    Returns
    -------
    head : ndarray of shape (n_outputs, n_units)
        A multiple of what was given.
    """
    while True:
        try:
            network = FeedForward([*hidden, head], activation="abs")
            proven = float(lipschitz_bound(network, method="product"))
        except OverflowError:
            proven = np.inf
        if proven <= bound:
            return head
        head = head * (0.5 if np.isinf(proven) else bound / proven * (1.0 - 2.0**-50))
