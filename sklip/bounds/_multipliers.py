# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A certificate from multipliers that are known already: nothing is solved."""

import numpy as np

from sklip.bounds._certificate import sealed
from sklip.bounds._chain import chain_of
from sklip.bounds._evidence import Evidence
from sklip.bounds._proof import prove
from sklip.bounds._subject import NetworkSubject

__all__ = ["multiplier_certificate"]


def multiplier_certificate(network, lipschitz, multipliers, *, method="multipliers"):
    """Prove a bound of a network with given multipliers.

    Parameters
    ----------
    network : FeedForward
        The network; no hidden layer may have the activation "identity".
    lipschitz : float
        Bound of the l2 constant that the multipliers are meant for.
    multipliers : sequence of ndarray of shape (n_units,)
        Positive T_k of each hidden layer, as in LipSDP.
    method : str, default="multipliers"
        What the certificate names as its method.

    Returns
    -------
    certificate : LipschitzCertificate or None
        Its value is above ``lipschitz`` by what the proof in floating point costs
        (about 1e-13 of it); None if the multipliers do not prove the bound.

    Notes
    -----
    Feasibility of Theorem 1 of paper 001 (P7), for any depth.

    Examples
    --------
    >>> import numpy as np
    >>> from sklip.bounds import multiplier_certificate
    >>> from sklip.networks import FeedForward
    >>> network = FeedForward([np.eye(2), np.eye(2)])
    >>> multiplier_certificate(network, 1.0, [np.ones(2)]).verify(network)
    True
    >>> multiplier_certificate(network, 0.5, [np.ones(2)]) is None
    True
    """
    d = tuple(np.sqrt(2.0 * np.asarray(t, dtype=np.float64)) for t in multipliers)
    proven = prove(chain_of(network), float(lipschitz), d)
    if proven is None:
        return None
    evidence = Evidence.of_multipliers(*proven, method, solved=float(lipschitz))
    return sealed(NetworkSubject(network), evidence)
