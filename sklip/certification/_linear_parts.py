# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The smallest margin in a part of a ball where every neuron's sign is known.

There the network is affine and the part convex: a small linear program (l1, linf) or a
smooth dual (l2). The multipliers that come out are not trusted, they are handed back
for a bound with rounding accounted for; the minimiser is where a flip would be.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog, minimize

__all__ = ["LinearPart", "linear_part"]

# Largest multiplier in units of the margin's slope over the constraints': with it a
# part that is empty gets as high a bound as it takes.
_LARGEST = 1e5


@dataclass(frozen=True, eq=False)
class LinearPart:
    """``row @ outputs`` as ``slope @ d + value`` where ``G @ d <= h``.

    Attributes
    ----------
    slope : ndarray of shape (n_moving,)
        Slope by the displacement d.
    G, h : ndarray of shape (n_constraints, n_moving) and (n_constraints,)
        What the signs ask of d.
    """

    slope: np.ndarray
    G: np.ndarray
    h: np.ndarray

    def minimum(self, radius, norm):
        """Multipliers of the constraints and the minimiser in the ball, nearly."""
        size = np.abs(self.slope).max(initial=0.0)
        rows = np.linalg.norm(self.G, axis=1)
        if not rows.any() or size == 0.0:
            return np.zeros(len(rows)), np.zeros_like(self.slope)
        # Constraints and objective of size one.
        rows = np.maximum(rows, 1e-12 * rows.max())
        G, h, c = self.G / rows[:, None], self.h / rows, self.slope / size
        solve = _dual_ascent if norm == 2 else _linear_program
        multipliers, step = solve(c, G, h, radius, norm)
        return multipliers * size / rows, step


def linear_part(network, row, x, moving, states, signs):
    """The part of given states (active or not) and constrained signs, around x."""
    A, c = np.eye(len(x))[:, moving], x
    G, h = [np.zeros((0, A.shape[1]))], [np.zeros(0)]
    layers = zip(network.weights, network.biases, states, signs, strict=False)
    for weight, bias, active, sign in layers:
        A, c = weight @ A, weight @ c + bias
        some = sign != 0.0
        G.append(-sign[some, None] * A[some])
        h.append(sign[some] * c[some])
        A, c = active[:, None] * A, active * c
    slope = row @ network.weights[-1] @ A
    return LinearPart(slope, np.concatenate(G), np.concatenate(h))


def _linear_program(c, G, h, radius, norm):
    n, m = len(c), len(h)
    # Displacement in units of the radius; t makes up for a part that is empty.
    A, limits = np.hstack([G, -np.ones((m, 1))]), h / radius
    cost = np.append(c, _LARGEST)
    bounds = [(-1.0, 1.0)] * n + [(0.0, None)]
    if norm == 1:
        # d = p - q with the sum of p + q at most one.
        A = np.hstack([G, -G, -np.ones((m, 1))])
        A = np.vstack([A, np.append(np.ones(2 * n), 0.0)])
        limits, cost = np.append(limits, 1.0), np.concatenate([c, -c, [_LARGEST]])
        bounds = (0.0, None)
    found = linprog(cost, A_ub=A, b_ub=limits, bounds=bounds, method="highs")
    if found.status != 0:
        return np.zeros(m), np.zeros(n)
    step = found.x[:n] - found.x[n : 2 * n] if norm == 1 else found.x[:n]
    return np.maximum(-found.ineqlin.marginals[:m], 0.0), radius * step


def _dual_ascent(c, G, h, radius, _):
    def negative(beta):
        direction = c + beta @ G
        length = np.linalg.norm(direction)
        step = -radius * direction / max(length, 1e-300)
        return radius * length + beta @ h, h - G @ step

    start = np.zeros(len(h))
    found = minimize(
        negative,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, _LARGEST)] * len(h),
        options={"maxiter": 2000, "ftol": 1e-15, "gtol": 1e-12},
    )
    direction = c + found.x @ G
    length = max(np.linalg.norm(direction), 1e-300)
    return np.clip(found.x, 0.0, _LARGEST), -radius * direction / length
