# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The network that ADMM hands out, with the proof that its own multipliers give."""

import numpy as np

from sklip.bounds import lipschitz_bound, multiplier_certificate
from sklip.networks import FeedForward

__all__ = ["TARGET", "certified_network"]

# Share of an enforced bound that the Lipschitz step aims at: the rest is for what the
# proof costs in floating point.
TARGET = 1.0 - 2.0**-29
_PROVEN_AT = 1.0 - 2.0**-30
# Weights that cannot be proven are shrunk by a little, then by four times as much ...
_SHRINKS = [0.0, *(2.0 ** (2 * k - 40) for k in range(21))]


def certified_network(network, state, enforced, dtype=np.float64, method="admm"):
    """Network proven to keep an enforced bound exactly, after every rounding.

    Parameters
    ----------
    network : FeedForward
        The certified copy of the weights, and biases.
    state : SplitState
        Multipliers and bound.
    enforced : bool
        Whether the bound must hold; if not, the network is returned as it is.
    dtype : dtype, default=float64
        Type that the weights can be cast to without a change.
    method : str, default="admm"
        Where the multipliers are from, as the certificate says it.

    Returns
    -------
    network : FeedForward
        The same, or with weights shrunk by what the proof needs.
    certificate : LipschitzCertificate or None
        Value at most the bound; None if nothing is enforced and the multipliers do
        not prove the bound.
    """
    if not enforced:
        return network, multiplier_certificate(
            network, state.bound, state.multipliers, method="admm"
        )
    lipschitz = _PROVEN_AT * state.bound
    for shrink in _SHRINKS:
        weights = [_cast((1.0 - shrink) * w, dtype) for w in network.weights]
        candidate = FeedForward(weights, network.biases, network.activation)
        certificate = multiplier_certificate(
            candidate, lipschitz, state.multipliers, method=method
        )
        if certificate is not None and certificate.value <= state.bound:
            return candidate, certificate
    # All weights are zero now: a constant, whose product of norms is exactly 0.
    return candidate, lipschitz_bound(candidate, method="product")


def _cast(array, dtype):
    return array.astype(dtype).astype(np.float64)
