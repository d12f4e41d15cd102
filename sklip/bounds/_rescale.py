# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Better multipliers from given ones, by smooth steps through the backward recursion.

With one multiplier a neuron, t = diag(T), the recursion of _sequential,

    K_k = W_k^T ((a+b)^2 T S^-1 T - 2 a b T) W_k,   S = 2 T - K_{k+1},

gives L^2 = lambda_max(K_0) as a function of all t at once. Minimised is

    log ||K_0||_p + mu sum_k (log det 2 T_k - log det S_k)

over log t by L-BFGS, while mu falls and p rises: the barrier keeps away from the edge
of feasibility, where L^2 has no gradient. One evaluation costs a few products of layer
matrices, so this reaches LipSDP's optimum to a percent or better in the time of some
hundred passes; it is not a solver with a stopping rule of its own.
"""

from collections import deque

import numpy as np
from scipy.linalg.blas import dtrsm
from scipy.linalg.lapack import dpotrf, dpotri

from sklip.bounds._lmi import inflate
from sklip.bounds._proof import prove
from sklip.bounds._sequential import normalised, unscale

__all__ = ["tightened_multipliers"]

# Barrier weights in units of (matrices / neurons), and how they fall.
_FIRST_BARRIER, _FALL = 10.0, 0.5
# Promised decrease, over the barrier weight, at which a stage ends: deep networks lose
# orders of magnitude where the first stages end too early.
_ACCURACY = 0.1
_MEMORY = 20
_LONGEST_STEP = 1.5
_MOST_STEPS = 200
# The start is moved off the edge of feasibility by this, for the whole network.
_ROOM = 0.2


def tightened_multipliers(chain, lipschitz, multipliers, *, n_stages=10):
    """Improve a feasible point of LipSDP by a few cheap steps.

    Parameters
    ----------
    chain : Chain
        Matrices and sectors; no matrix is zero.
    lipschitz : float
        Bound L of the l2 constant.
    multipliers : sequence of ndarray
        d_1 ... d_l that certify it.
    n_stages : int
        Number of barrier weights, each half the last; the distance from the optimum
        about halves with each.

    Returns
    -------
    proven : tuple of (float, tuple of ndarray), or None
        The smallest proven bound found, never above what ``prove`` makes of the given
        one, and its multipliers; None if nothing could be proven.

    Notes
    -----
    A point of Theorem 1 of paper 001 (P7) for any sectors.
    """
    given = prove(chain, lipschitz, multipliers)
    if len(chain) == 1 or given is None:
        return given
    weights, exponents = normalised(chain)
    recursion = _Recursion(weights, chain.sectors)
    factor = 1.0 + _ROOM / len(weights)
    _, inner = unscale(*inflate(*given, factor), [-e for e in exponents])
    x = np.log(0.5 * np.concatenate(inner) ** 2)
    unit = len(weights) / len(x)
    for stage in range(n_stages):
        recursion.barrier = unit * _FIRST_BARRIER * _FALL**stage
        recursion.power = min(400.0, max(2.0, 0.3 * _FIRST_BARRIER / _FALL**stage))
        x = _minimise(recursion, x, _ACCURACY * recursion.barrier)
    found = [np.sqrt(2.0 * t) for t in recursion.split(recursion.best_point)]
    value = np.exp(0.5 * recursion.best)
    proven = prove(chain, *unscale(value, found, exponents))
    return given if proven is None or proven[0] > given[0] else proven


class _Recursion:
    """The objective at log t, and the smallest log L^2 that it has met."""

    def __init__(self, weights, sectors):
        self.weights, self.sectors = weights, sectors
        self.ends = np.cumsum([len(w) for w in weights[:-1]])[:-1]
        self.barrier, self.power = 0.0, 2.0
        self.best, self.best_point = np.inf, None

    def split(self, x):
        return np.split(np.exp(x), self.ends)

    def __call__(self, x):
        """Value and gradient; infinity where x is infeasible."""
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
                return np.inf, None
            barrier += np.sum(np.log(2.0 * t)) - 2.0 * np.sum(np.log(np.diag(lower)))
            scaled = dtrsm(a + b, lower, t[:, None] * w, lower=1)
            factors.append(lower)
            k_matrix = scaled.T @ scaled
            if a * b:
                k_matrix -= 2.0 * a * b * (w.T @ (t[:, None] * w))
        value, gradient = self._largest(k_matrix, x)
        if not np.isfinite(value + barrier):
            return np.inf, None
        gradient = self._backpropagate(gradient, scales, factors[::-1])
        return value + self.barrier * barrier, gradient

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
            inverse = np.tril(dpotri(lower, lower=1)[0])
            inverse += np.tril(inverse, -1).T
            v_matrix = w @ q_matrix @ w.T
            half = (a + b) * (v_matrix * t) @ inverse
            q_matrix = (a + b) * (inverse * t) @ half
            slope = 2.0 * (a + b) * np.diag(half) - 2.0 * np.diag(q_matrix)
            slope -= 2.0 * a * b * np.diag(v_matrix)
            slope += mu * (1.0 / t - 2.0 * np.diag(inverse))
            gradients.append(t * slope)
            q_matrix = 0.5 * (q_matrix + q_matrix.T) + mu * inverse
        return np.concatenate(gradients)


def _minimise(function, x, accuracy):
    """L-BFGS until the decrease that a step promises is below accuracy."""
    value, gradient = function(x)
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
            found, new_gradient = function(x + step * direction)
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
