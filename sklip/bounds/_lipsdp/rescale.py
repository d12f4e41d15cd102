# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A start for the barrier method, by smooth steps through the backward recursion.

With one multiplier a neuron, t = diag(T), the recursion of sequential.py,

    K_k = W_k^T ((a+b)^2 T S^-1 T - 2 a b T) W_k,   S = 2 T - K_{k+1},

gives L^2 = lambda_max(K_0) as a function of all t at once. Minimised is

    log ||K_0||_p + mu sum_k (log det 2 T_k - log det S_k)

over log t by L-BFGS, while mu falls and p rises: the barrier keeps away from the edge
of feasibility, where L^2 has no gradient. One evaluation costs a few products of layer
matrices, and no matrix is larger than a layer.
"""

import math

import numpy as np

from sklip.bounds._lipsdp.quasi_newton import minimise
from sklip.bounds._lipsdp.recursion import OutOfTime, Recursion

__all__ = ["central_start"]

# Promised decrease, over the barrier weight, at which a stage ends: deep networks lose
# orders of magnitude where the first stages end too early.
_ACCURACY = 0.1
# The same, and the stages, for a start that another method goes on from: rough for up
# to so many hidden layers, whose steps cost about as much as that method's.
_ROUGH, _FINE, _ROUGH_UP_TO = (10.0, 3), (_ACCURACY, 4), 4


def central_start(weights, sectors, t, deadline=math.inf):
    """A point away from the edge of feasibility, by a few steps.

    Parameters
    ----------
    weights : list of ndarray
        V_0 ... V_l.
    sectors : sequence of (float, float)
        (alpha, beta) of each hidden layer.
    t : ndarray
        Strictly feasible multipliers of all neurons.
    deadline : float
        Value of time.monotonic() at which to stop.

    Returns
    -------
    squared, t : float, ndarray
        Multipliers and the smallest L^2 that they allow.
    """
    recursion = Recursion(weights, sectors, deadline=deadline)
    x = np.log(t)
    accuracy, n_stages = _ROUGH if len(sectors) <= _ROUGH_UP_TO else _FINE
    try:
        for stage in range(n_stages):
            recursion.enter(stage, len(x))
            x = minimise(recursion, x, accuracy * recursion.barrier)
    except OutOfTime as stopped:
        x = stopped.point
    k_matrix = recursion.last_matrix(x)
    return float(np.linalg.eigvalsh(k_matrix)[-1]), np.exp(x)
