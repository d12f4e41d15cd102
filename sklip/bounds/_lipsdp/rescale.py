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
import time
from collections import deque
from dataclasses import dataclass

import numpy as np
from scipy.linalg.blas import dtrsm
from scipy.linalg.lapack import dpotrf, dpotri

from sklip.bounds._lipsdp.sequential import normalised, unscale
from sklip.bounds._proof import prove
from sklip.bounds._z import Z, neuron_scaling

__all__ = ["Tightened", "central_start", "evaluation_work", "tightened_multipliers"]

# Barrier weights in units of (matrices / neurons), and how they fall.
_FIRST_BARRIER, _FALL = 1.0, 0.3
# Powers p: inverse to the barrier weights.
_FIRST_POWER, _LARGEST_POWER = 8.0, 1e4
# Promised decrease, over the barrier weight, at which a stage ends: deep networks lose
# orders of magnitude where the first stages end too early.
_ACCURACY = 0.1
# The same, and the stages, for a start that another method goes on from: rough for up
# to so many hidden layers, whose steps cost about as much as that method's.
_ROUGH, _FINE, _ROUGH_UP_TO = (10.0, 3), (_ACCURACY, 4), 4
_MEMORY = 20
_LONGEST_STEP = 1.5
_MOST_STEPS = 200
# The start is moved off the edge of feasibility by this, for the whole network.
_ROOM = 0.05


@dataclass(frozen=True, eq=False)
class Tightened:
    """Improved multipliers.

    Attributes
    ----------
    value : float
        Proven bound.
    multipliers : tuple of ndarray
        Its d_1 ... d_l.
    lower : float
        Largest dual value of LipSDP that was met; 0 if none.
    """

    value: float
    multipliers: tuple
    lower: float = 0.0


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
    recursion = _Recursion(weights, chain.sectors, n_evaluations, deadline)
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
    recursion = _Recursion(weights, sectors, deadline=deadline)
    x = np.log(t)
    accuracy, n_stages = _ROUGH if len(sectors) <= _ROUGH_UP_TO else _FINE
    try:
        for stage in range(n_stages):
            recursion.enter(stage, len(x))
            x = _minimise(recursion, x, accuracy * recursion.barrier)
    except _OutOfTime as stopped:
        x = stopped.point
    k_matrix = recursion.last_matrix(x)
    return float(np.linalg.eigvalsh(k_matrix)[-1]), np.exp(x)


def _descend(recursion, x, n_stages, tol):
    """Run the stages; returns the largest dual value."""
    lower = 0.0
    for stage in range(n_stages):
        recursion.enter(stage, len(x))
        try:
            x = _minimise(recursion, x, _ACCURACY * recursion.barrier)
        except _OutOfTime as stopped:
            # What the stage has reached is a dual point, too.
            return max(lower, recursion.dual_value(stopped.point))
        lower = max(lower, recursion.dual_value(x))
        if math.exp(0.5 * recursion.best) <= lower * (1.0 + tol):
            break
    return lower


class _OutOfTime(Exception):
    """The evaluations or the seconds are used up."""

    point = None


class _Recursion:
    """The objective at log t, and the smallest log L^2 that it has met."""

    def __init__(self, weights, sectors, n_evaluations=math.inf, deadline=math.inf):
        self.weights, self.sectors = weights, sectors
        self.n_left, self.deadline = n_evaluations, deadline
        self.ends = np.cumsum([len(w) for w in weights[:-1]])[:-1]
        self.barrier, self.power = 0.0, 2.0
        self.best, self.best_point = np.inf, None

    def enter(self, stage, n_neurons):
        """Set barrier weight and power of a stage."""
        fall = _FALL**stage
        self.barrier = len(self.weights) / n_neurons * _FIRST_BARRIER * fall
        self.power = min(_LARGEST_POWER, _FIRST_POWER / fall)

    def last_matrix(self, x):
        """K_0, whose largest eigenvalue is L^2; x is feasible."""
        return self._eliminate(x)[0]

    def split(self, x):
        return np.split(np.exp(x), self.ends)

    def __call__(self, x):
        """Value and gradient; infinity where x is infeasible."""
        if self.n_left <= 0 or time.monotonic() > self.deadline:
            raise _OutOfTime
        self.n_left -= 1
        k_matrix, scales, factors, barrier = self._eliminate(x)
        if k_matrix is None:
            return np.inf, None
        value, gradient = self._largest(k_matrix, x)
        if not np.isfinite(value + barrier):
            return np.inf, None
        gradient = self._backpropagate(gradient, scales, factors)
        return value + self.barrier * barrier, gradient

    def _eliminate(self, x):
        """K_0 with the layers' t, Cholesky factors of S, and the barrier; or Nones."""
        scales = self.split(x)
        k_matrix = self.weights[-1].T @ self.weights[-1]
        factors, barrier = [], 0.0
        for w, (a, b), t in zip(
            self.weights[-2::-1], self.sectors[::-1], scales[::-1], strict=True
        ):
            s_matrix = -k_matrix
            s_matrix.flat[:: len(t) + 1] += 2.0 * t
            lower, info = dpotrf(s_matrix, lower=1)
            if info:
                return None, None, None, np.inf
            barrier += np.sum(np.log(2.0 * t)) - 2.0 * np.sum(np.log(np.diag(lower)))
            scaled = dtrsm(a + b, lower, t[:, None] * w, lower=1)
            factors.append(lower)
            k_matrix = scaled.T @ scaled
            if a * b:
                k_matrix -= 2.0 * a * b * (w.T @ (t[:, None] * w))
        return k_matrix, scales, factors[::-1], barrier

    def dual_value(self, x):
        """Square root of the dual value that the derivatives at x give; or 0."""
        k_matrix, scales, factors, _ = self._eliminate(x)
        if k_matrix is None:
            return 0.0
        _, block = self._largest(k_matrix, x)
        if block is None:
            return 0.0
        trace = np.trace(block)
        for w, (a, b), t, lower in zip(
            self.weights[:-1], self.sectors, scales, factors, strict=True
        ):
            inverse = _inverse(lower)
            v_matrix = w @ block @ w.T
            half = (a + b) * (v_matrix * t) @ inverse
            block = (a + b) * (inverse * t) @ half
            block = 0.5 * (block + block.T) + self.barrier * inverse
            own, square = np.diag(block), a * b * np.diag(v_matrix)
            scale = neuron_scaling(own, (a + b) * np.diag(half), square)
            if scale is None:
                return 0.0
            block = scale[:, None] * block * scale
        last = self.weights[-1]
        value = np.sum((last @ block) * last) / trace
        return math.sqrt(value) if 0.0 < value < np.inf else 0.0

    def _largest(self, k_matrix, x):
        """log of the p-norm of K_0's eigenvalues and its gradient in K_0."""
        if not np.all(np.isfinite(k_matrix)):
            return np.inf, None
        values, vectors = np.linalg.eigh(k_matrix)
        if not values[-1] > 0.0:
            return np.inf, None
        if np.log(values[-1]) < self.best:
            self.best, self.best_point = np.log(values[-1]), x
        ratios = np.maximum(values / values[-1], 0.0)
        total = np.sum(ratios**self.power)
        shares = ratios ** (self.power - 1.0) / (total * values[-1])
        value = np.log(values[-1]) + np.log(total) / self.power
        return value, (vectors * shares) @ vectors.T

    def _backpropagate(self, q_matrix, scales, factors):
        """From the gradient in K_0 to that in all log t."""
        gradients, mu = [], self.barrier
        for w, (a, b), t, lower in zip(
            self.weights[:-1], self.sectors, scales, factors, strict=True
        ):
            inverse = _inverse(lower)
            v_matrix = w @ q_matrix @ w.T
            half = (a + b) * (v_matrix * t) @ inverse
            q_matrix = (a + b) * (inverse * t) @ half
            slope = 2.0 * (a + b) * np.diag(half) - 2.0 * np.diag(q_matrix)
            slope -= 2.0 * a * b * np.diag(v_matrix)
            slope += mu * (1.0 / t - 2.0 * np.diag(inverse))
            gradients.append(t * slope)
            q_matrix = 0.5 * (q_matrix + q_matrix.T) + mu * inverse
        return np.concatenate(gradients)


def _inverse(lower):
    """Inverse of ``L L^T``."""
    inverse = np.tril(dpotri(lower, lower=1)[0])
    inverse += np.tril(inverse, -1).T
    return inverse


def _minimise(function, x, accuracy):
    """L-BFGS until the decrease that a step promises is below accuracy."""
    try:
        value, gradient = function(x)
    except _OutOfTime as stopped:
        stopped.point = x
        raise
    if gradient is None:
        return x
    pairs = deque(maxlen=_MEMORY)
    for _ in range(_MOST_STEPS):
        direction = -_inverse_hessian(gradient, pairs)
        slope = gradient @ direction
        if not -slope > accuracy:
            break
        step = min(1.0, _LONGEST_STEP / np.max(np.abs(direction)))
        while True:
            try:
                found, new_gradient = function(x + step * direction)
            except _OutOfTime as stopped:
                stopped.point = x
                raise
            if found <= value + 1e-4 * step * slope:
                break
            step *= 0.5
            if step < 1e-6:
                return x
        moved, changed = step * direction, new_gradient - gradient
        if moved @ changed > 1e-12 * np.linalg.norm(moved) * np.linalg.norm(changed):
            pairs.append((moved, changed))
        x, value, gradient = x + moved, found, new_gradient
    return x


def _inverse_hessian(gradient, pairs):
    """Two-loop recursion."""
    if not pairs:
        return gradient * (0.3 / max(np.max(np.abs(gradient)), 1e-300))
    q, weights = gradient.copy(), []
    for moved, changed in reversed(pairs):
        weights.append((moved @ q) / (moved @ changed))
        q -= weights[-1] * changed
    moved, changed = pairs[-1]
    q *= (moved @ changed) / (changed @ changed)
    for (moved, changed), weight in zip(pairs, reversed(weights), strict=True):
        q += moved * (weight - (changed @ q) / (moved @ changed))
    return q
