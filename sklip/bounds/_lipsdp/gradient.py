# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The square of LipSDP's bound and its gradient in the weights, for training."""

import numpy as np

from sklip.bounds._chain import chain_of
from sklip.bounds._lipsdp.low_rank import ascent, balanced, is_point_of

__all__ = ["lipsdp_gradient"]


def lipsdp_gradient(network, *, tol=1e-6, start=None):
    """Square of LipSDP's bound, and how it changes with the weights.

    Parameters
    ----------
    network : FeedForward
        The network; no hidden activation may be "identity".
    tol : float, default=1e-6
        Relative gap at which the solver stops.
    start : ndarray, default=None
        What an earlier call returned for a network nearby.

    Returns
    -------
    value : float
        L squared (not proven): the dual value that was reached, from below.
    gradients : list of ndarray
        Derivative for each weight matrix. A generalised gradient where the dual
        solution is not unique.
    point : ndarray, or None
        To start the next call from.

    Raises
    ------
    ValueError
        If a hidden layer is linear: merge it first.

    Notes
    -----
    The dual value is ||W_l F_l||^2, F_l being reached from F_0 through the layers (see
    sweeps.py), and largest there: the derivatives are those at a fixed point on each
    sphere, 2 B_{k+1} F_k^T, and 2 W_l F_l F_l^T for the last layer.

    Examples
    --------
    >>> import numpy as np
    >>> from sklip.bounds import lipsdp_gradient
    >>> from sklip.networks import random_network
    >>> network = random_network([3, 8, 2], random_state=0)
    >>> value, gradients, _ = lipsdp_gradient(network)
    >>> inner = [(g * w).sum() for g, w in zip(gradients, network.weights)]
    >>> bool(np.allclose(inner, 2 * value, rtol=1e-4))  # homogeneous of degree two
    True
    """
    if "identity" in network.activation:
        raise ValueError("A linear hidden layer has no multipliers: merge it first.")
    chain = chain_of(network)
    if any(not np.any(w) for w in chain.weights):
        zeros = [np.zeros_like(w) for w in chain.weights]
        return 0.0, zeros, None
    if len(chain) == 1:
        u, s, vh = np.linalg.svd(chain.weights[0], full_matrices=False)
        return s[0] ** 2, [2.0 * s[0] * np.outer(u[:, 0], vh[0])], None
    weights, exponents = balanced(chain.weights)
    if start is not None and not is_point_of(chain, start):
        start = None
    swept, point = ascent(weights, chain.sectors, tol, start)
    if swept is None or not np.isfinite(swept.squared):
        raise ArithmeticError(
            "LipSDP could not be solved: the weights are too extreme."
        )
    gradients = [
        2.0 * slope @ rows.T
        for slope, rows in zip(swept.slopes, swept.rows, strict=True)
    ]
    first, last = chain.weights[0], chain.weights[-1]
    if first.shape[1] > len(first):
        gradients[0] = gradients[0] @ np.linalg.qr(first.T)[0].T
    if len(last) > last.shape[1]:
        gradients[-1] = np.linalg.qr(last)[0] @ gradients[-1]
    total = 2 * sum(exponents)
    gradients = [
        np.ldexp(g, total - e) for g, e in zip(gradients, exponents, strict=True)
    ]
    return float(np.ldexp(swept.squared, total)), gradients, point
