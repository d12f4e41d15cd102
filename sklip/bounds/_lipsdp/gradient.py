# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The square of LipSDP's bound and its gradient in the weights, for training."""

import math

import numpy as np
import torch

from sklip.bounds._chain import chain_of
from sklip.bounds._lipsdp.interior_point import interior_point
from sklip.bounds._lipsdp.problem import scaled_problem
from sklip.bounds._lipsdp.sequential import sequential_passes
from sklip.bounds._lipsdp.warm import begun_nearby, warm_interior_point
from sklip.bounds._z import Z

__all__ = ["lipsdp_gradient"]

# Relaxation of the sequential bound, for a start that is strictly feasible.
_COLD = 1.5


def lipsdp_gradient(network, *, tol=1e-6, start=None):
    """Square of LipSDP's bound, and how it changes with the weights.

    Parameters
    ----------
    network : FeedForward
        The network; no hidden activation may be "identity".
    tol : float, default=1e-6
        Relative gap at which the solver stops.
    start : tuple of (float, list of ndarray), default=None
        What an earlier call returned for a network nearby.

    Returns
    -------
    value : float
        L squared (not proven).
    gradients : list of ndarray
        Derivative for each weight matrix. A generalised gradient where the dual
        solution is not unique.
    point : tuple of (float, list of ndarray), or None
        L and d = sqrt(2 T) of a feasible point to start the next call from: on the
        central path with a gap of about 3 % of L squared, where the network may change
        by some thousandths without leaving it.

    Raises
    ------
    ValueError
        If a hidden layer is linear: merge it first.

    Notes
    -----
    With X the dual solution, normalised to trace one on the input block, and t the
    multipliers of layer k + 1, dL^2/dW_k = 2 (a + b) diag(t) X_{k+1,k}
    - 4 a b diag(t) W_k X_kk, and 2 W_l X_ll for the last layer.

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
    with torch.no_grad():
        for problem, point, solve in _programs(chain, start):
            optimum = solve(problem, tol, math.inf)
            if optimum is not None:
                return _in_units(chain, problem, optimum, *point)
    raise ArithmeticError("LipSDP could not be solved: the weights are too extreme.")


def _programs(chain, start):
    """The program in units of feasible points, each with the method for it.

    Near ones of the remembered one first.
    """
    begun = None if start is None else begun_nearby(chain, start)
    if begun is not None:
        yield *begun, warm_interior_point
    for found in sequential_passes(chain):
        point = Z.of(chain, *found).inflated(_COLD ** (1.0 / len(chain)))
        yield scaled_problem(chain, *point, False, "cpu"), point, interior_point


def _scaled_gradients(problem, x, X):
    """Derivatives of x_0 in the problem's own weights."""
    t = problem.multipliers(x)
    gradients = []
    for k, (w, (a, b)) in enumerate(
        zip(problem.weights, problem.sectors, strict=False)
    ):
        below, own = problem.blocks[k], problem.blocks[k + 1]
        rate = 2.0 * t[problem.layers[k], None]
        gradient = (a + b) * rate * X[own, below]
        if a:
            gradient = gradient - 2.0 * a * b * rate * (w @ X[below, below])
        gradients.append(gradient.numpy())
    last = problem.blocks[-1]
    gradients.append((2.0 * problem.weights[-1] @ X[last, last]).numpy())
    return gradients


def _in_units(chain, problem, optimum, lipschitz, d):
    """Value, gradients and point in the network's own units."""
    trace = optimum.X.diagonal()[: problem.n_inputs].sum()
    gradients = _scaled_gradients(problem, optimum.x, optimum.X / trace)
    z = Z.of(chain, lipschitz, d)
    if chain.weights[0].shape[1] > problem.n_inputs:
        scaled = z.scaled(chain.weights)
        gradients[0] = gradients[0] @ np.linalg.qr(scaled[0].T)[0].T
    gradients = [lipschitz**2 * gradient for gradient in z.scaled(gradients)]
    t = problem.multipliers(optimum.central).numpy()
    found = [m * np.sqrt(2.0 * t[s]) for m, s in zip(d, problem.layers, strict=True)]
    start = lipschitz * math.sqrt(float(optimum.central[0])), found
    return lipschitz**2 * float(optimum.x[0]), gradients, start
