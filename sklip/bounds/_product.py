# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The product of the layers' norms and slopes: the cheapest bound of all."""

from sklip.bounds._norms import layer_norms, product_up

__all__ = ["product_bound"]


def product_bound(network, norm=2):
    """Bound the Lipschitz constant by the product of the layers' norms.

    Parameters
    ----------
    network : FeedForward
        What is bounded.
    norm : {1, 2, inf}, default=2
        Norm of both the input and the output.

    Returns
    -------
    bound : float
        Product of :func:`layer_norms` and of the activations' largest slopes, rounded
        upward ((28)-(31) of paper 000, A28).

    Examples
    --------
    >>> from sklip.bounds import product_bound
    >>> from sklip.networks import FeedForward
    >>> round(product_bound(FeedForward([[[3.0]], [[2.0]]], None, "logistic")), 10)
    1.5
    """
    slopes = [activation.lipschitz for activation in network.activations]
    return product_up([*layer_norms(network, norm), *slopes])
