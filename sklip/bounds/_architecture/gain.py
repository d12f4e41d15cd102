# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Xavier gain of given weights, layer by layer."""

import numpy as np

from sklip.networks import network_view

__all__ = ["measured_gain"]


def measured_gain(model):
    """Xavier gain that the weights of a model have, one for each layer.

    Parameters
    ----------
    model : FeedForward, fitted estimator or Pipeline
        Anything that :func:`sklip.networks.network_view` accepts. The scaling steps of
        a Pipeline are part of its first layer; give its last step for that step alone.

    Returns
    -------
    gains : ndarray of shape (n_layers,)
        ``sqrt(mean(W_k**2) * (n_in + n_out) / 2)``, the gain of a random layer of the
        same mean square.

    See Also
    --------
    expected_lipschitz : Takes these gains, for an estimate after training.

    Notes
    -----
    Item A18 of paper 000 (section 3.6), which assumes one gain for all layers. Training
    aligns the layers with each other, and an estimate that knows the sizes of the
    weights only does not see that: it falls below the norm of the trained Jacobian.

    Examples
    --------
    >>> from sklip.bounds import measured_gain
    >>> from sklip.networks import random_network
    >>> network = random_network([100, 200, 200], gain=1.5, random_state=0)
    >>> measured_gain(network).round(1)
    array([1.5, 1.5])
    """
    weights = network_view(model).network.weights
    return np.array(
        [np.sqrt(np.mean(w**2) * 0.5 * (w.shape[0] + w.shape[1])) for w in weights]
    )
