# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Better multipliers from given ones, by smooth steps through the backward recursion.

With one multiplier a neuron, t = diag(T), the recursion of sequential.py,

    K_k = W_k^T ((a+b)^2 T S^-1 T - 2 a b T) W_k,   S = 2 T - K_{k+1},

gives L^2 = lambda_max(K_0) as a function of all t at once. Minimised is

    log ||K_0||_p + mu sum_k (log det 2 T_k - log det S_k)

over log t by L-BFGS, while mu falls and p rises: the barrier keeps away from the edge
of feasibility, where L^2 has no gradient. One evaluation costs a few products of layer
matrices, and no matrix is larger than a layer: this reaches LipSDP's optimum to a
percent or better in the time of some hundred passes.

The derivatives X_kk in K_k, with X_{k+1,k} = (a+b) S^-1 T W_k X_kk, are the blocks of a
dual matrix that enter LipSDP's dual value. They are positive semidefinite with their
neighbours, hence complete to a positive semidefinite X (the pattern is chordal), and
scaled neuron by neuron they satisfy the dual's equations exactly, wherever the steps
were stopped: a lower end of the bracket, at the price of an evaluation. (Where a > 0
such a scaling need not exist before the last stages; the lower end is then 0.)
"""

import math
from dataclasses import dataclass

import numpy as np

from sklip.bounds._lipsdp.quasi_newton import minimise
from sklip.bounds._lipsdp.recursion import OutOfTime, Recursion
from sklip.bounds._lipsdp.sequential import normalised, unscale
from sklip.bounds._proof import prove
from sklip.bounds._z import Z

__all__ = ["Tightened", "central_start", "evaluation_work", "tightened_multipliers"]

# Promised decrease, over the barrier weight, at which a stage ends: deep networks lose
# orders of magnitude where the first stages end too early.
_ACCURACY = 0.1
# The same, and the stages, for a start that another method goes on from: rough for up
# to so many hidden layers, whose steps cost about as much as that method's.
_ROUGH, _FINE, _ROUGH_UP_TO = (10.0, 3), (_ACCURACY, 4), 4
# The start is moved off the edge of feasibility by this, for the whole network.
_ROOM = 0.05


@dataclass(frozen=True, eq=False)
class Tightened:
    """Improved multipliers."""

    value: float  # proven bound
    multipliers: tuple  # of ndarray: its d_1 ... d_l.
    lower: float = 0.0  # largest dual value of LipSDP that was met; 0 if none


def evaluation_work(chain):
    """Multiply-adds of one step, up to a factor: the cubes of the layers' sizes."""
    return float(sum(len(w) ** 2 * max(w.shape) for w in chain.weights[:-1]))


def tightened_multipliers(
    chain,
    lipschitz,
    multipliers,
    *,
    n_stages=8,
    tol=0.0,
    n_evaluations=math.inf,
    deadline=math.inf,
):
    """Improve a feasible point of LipSDP by cheap steps.

    Parameters
    ----------
    chain : Chain
        Matrices and sectors; no matrix is zero.
    lipschitz : float
        Bound L of the l2 constant.
    multipliers : sequence of ndarray
        d_1 ... d_l that certify it.
    n_stages : int
        Most barrier weights, each three tenths of the last; the distance from the
        optimum falls with them.
    tol : float
        Relative gap between the bound and the dual value at which to stop.
    n_evaluations : int
        Evaluations of the recursion after which to stop.
    deadline : float
        Value of time.monotonic() at which to stop.

    Returns
    -------
    found : Tightened, or None
        The smallest proven bound found, never above what ``prove`` makes of the given
        one; None if nothing could be proven.

    Notes
    -----
    A point of Theorem 1 of paper 001 (P7) for any sectors.
    """
    given = prove(chain, lipschitz, multipliers)
    if len(chain) == 1 or given is None:
        return None if given is None else Tightened(*given)
    weights, exponents = normalised(chain)
    recursion = Recursion(weights, chain.sectors, n_evaluations, deadline)
    # At the edge of feasibility the barrier is infinite and no step can be taken.
    factor = 1.0 + _ROOM / len(weights)
    _, inner = unscale(*Z.of(chain, *given).inflated(factor), [-e for e in exponents])
    lower = _descend(recursion, np.log(0.5 * np.concatenate(inner) ** 2), n_stages, tol)
    if recursion.best_point is None:
        return Tightened(*given)
    found = [np.sqrt(2.0 * t) for t in recursion.split(recursion.best_point)]
    value = math.exp(0.5 * recursion.best)
    lower = unscale(lower, found, exponents)[0]
    # What floats found is not believed: the proof may fail, and the given point stands.
    proven = prove(chain, *unscale(value, found, exponents))
    best = given if proven is None or proven[0] > given[0] else proven
    return Tightened(*best, min(lower, best[0]))


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


def _descend(recursion, x, n_stages, tol):
    """Run the stages; returns the largest dual value."""
    lower = 0.0
    for stage in range(n_stages):
        recursion.enter(stage, len(x))
        try:
            x = minimise(recursion, x, _ACCURACY * recursion.barrier)
        except OutOfTime as stopped:
            # What the stage has reached is a dual point, too.
            return max(lower, recursion.dual_value(stopped.point))
        lower = max(lower, recursion.dual_value(x))
        if math.exp(0.5 * recursion.best) <= lower * (1.0 + tol):
            break
    return lower
