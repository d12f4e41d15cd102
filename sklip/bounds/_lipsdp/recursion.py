# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""LipSDP's constraint by block elimination: value and gradient at log t."""

import math
import time

import numpy as np
from scipy.linalg.blas import dtrsm
from scipy.linalg.lapack import dpotrf, dpotri

__all__ = ["OutOfTime", "Recursion"]

# Barrier weights in units of (matrices / neurons), and how they fall.
_FIRST_BARRIER, _FALL = 1.0, 0.3
# Powers p: inverse to the barrier weights.
_FIRST_POWER, _LARGEST_POWER = 8.0, 1e4


class OutOfTime(Exception):
    """The seconds are used up."""

    point = None


class Recursion:
    """The objective at log t."""

    def __init__(self, weights, sectors, deadline=math.inf):
        self.weights, self.sectors = weights, sectors
        self.deadline = deadline
        self.ends = np.cumsum([len(w) for w in weights[:-1]])[:-1]
        self.barrier, self.power = 0.0, 2.0

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
        if time.monotonic() > self.deadline:
            raise OutOfTime
        k_matrix, scales, factors, barrier = self._eliminate(x)
        if k_matrix is None:
            return np.inf, None
        value, gradient = self._largest(k_matrix)
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
            # S = 2 T - K is what eliminating the layers above leaves of this one: the
            # condition holds while it is definite.
            s_matrix = -k_matrix
            s_matrix.flat[:: len(t) + 1] += 2.0 * t
            lower, info = dpotrf(s_matrix, lower=1)
            if info:
                return None, None, None, np.inf
            barrier += np.sum(np.log(2.0 * t)) - 2.0 * np.sum(np.log(np.diag(lower)))
            # K of the layer below as a Gram matrix: symmetric, however it rounds.
            scaled = dtrsm(a + b, lower, t[:, None] * w, lower=1)
            factors.append(lower)
            k_matrix = scaled.T @ scaled
            if a * b:
                k_matrix -= 2.0 * a * b * (w.T @ (t[:, None] * w))
        return k_matrix, scales, factors[::-1], barrier

    def _largest(self, k_matrix):
        """log of the p-norm of K_0's eigenvalues and its gradient in K_0."""
        if not np.all(np.isfinite(k_matrix)):
            return np.inf, None
        values, vectors = np.linalg.eigh(k_matrix)
        if not values[-1] > 0.0:
            return np.inf, None
        # Relative to the largest, so that no power overflows.
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
            # In log t steps are relative, and t stays positive.
            gradients.append(t * slope)
            q_matrix = 0.5 * (q_matrix + q_matrix.T) + mu * inverse
        return np.concatenate(gradients)


def _inverse(lower):
    """Inverse of ``L L^T``."""
    inverse = np.tril(dpotri(lower, lower=1)[0])
    inverse += np.tril(inverse, -1).T
    return inverse
