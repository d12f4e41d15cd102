# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The smallest margin in a part of a ball where every neuron's sign is known.

There the network is affine and the part convex: least squares (l2), or a small linear
program (l1, linf). The multipliers that come out are not trusted, they are handed back
for a bound with rounding accounted for; the points are where a flip would be.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog, nnls

__all__ = ["LinearPart", "linear_part"]

# Largest multiplier in units of the margin's slope over the constraints': with it a
# part that is empty gets as high a bound as it takes.
_LARGEST = 1e5
# What margins may be off by, in units of their change over the ball.
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class LinearPart:
    """``row @ outputs`` as ``slope @ d + value`` where ``G @ d <= h``."""

    slope: np.ndarray  # of shape (n_moving,): slope by the displacement d
    value: float  # at d = 0
    # Of shape (n_constraints, n_moving) and (n_constraints,): what the signs ask of d.
    G: np.ndarray
    h: np.ndarray

    def centered(self, radius, ball):
        """The same by displacements from the middle of a box that is one-sided.

        Returns
        -------
        part : LinearPart
            By displacements z of a symmetric ball of that radius.
        shift, scale : ndarray of shape (n_moving,) or float
            d is ``shift + scale * z``. Of l1 and l2 the whole ball is taken.
        """
        if ball.shares is None or ball.norm != np.inf:
            return self, 0.0, 1.0
        down, up = ball.shares
        shift, scale = 0.5 * radius * (up - down), 0.5 * (up + down)
        value = self.value + float(self.slope @ shift)
        h = self.h - self.G @ shift
        part = LinearPart(self.slope * scale, value, self.G * scale, h)
        return part, shift, scale

    def settle(self, radius, norm, enough):
        """Multipliers that bound the margin by ``enough``, or else a point of the ball.

        Parameters
        ----------
        radius : float
            Of the ball around d = 0.
        norm : {1, 2, numpy.inf}
            Of the ball.
        enough : float
            Not negative.

        Returns
        -------
        multipliers : ndarray of shape (n_constraints,)
            Those of the constraints.
        step : ndarray of shape (n_moving,)
            Where the margin is negative, if it is so anywhere; nearly in the part.
        """
        size = np.abs(self.slope).max(initial=0.0)
        rows = np.linalg.norm(self.G, axis=1)
        if not rows.any():
            return np.zeros(len(rows)), np.zeros_like(self.slope)
        if size == 0.0:
            # A constant margin is settled where the part is empty.
            size = max(abs(self.value), enough, 1e-300) / radius
        # Constraints and objective of size one, displacements in units of the radius.
        rows = np.maximum(rows, 1e-12 * rows.max())
        G, h, c = self.G / rows[:, None], self.h / rows / radius, self.slope / size
        value, unit = self.value / (size * radius), _ROUNDING * np.linalg.norm(c)
        # More than enough: what is computed with the multipliers is rounded.
        spare = value - enough / (size * radius) - unit * (1.0 + abs(value))
        # The l2 ball around it often does for l1 and linf, at a tenth of the cost.
        reach = np.sqrt(len(c)) if norm == np.inf else 1.0
        multipliers, step = _least_distance(c, G, h / reach, spare / reach)
        if multipliers is None and norm == 2:
            multipliers = np.zeros(len(h))
            step = _least_distance(c, G, h, value + unit)[1]
        elif multipliers is None:
            multipliers, step = _linear_program(c, G, h, norm)
        return multipliers * size / rows, radius * step


def linear_part(network, row, x, moving, slopes, signs):
    """The part of given slopes of the activations and constrained signs, around x."""
    A, c = np.eye(len(x))[:, moving], x
    G, h = [np.zeros((0, A.shape[1]))], [np.zeros(0)]
    layers = zip(network.weights, network.biases, slopes, signs, strict=False)
    for weight, bias, slope, sign in layers:
        A, c = weight @ A, weight @ c + bias
        some = sign != 0.0
        G.append(-sign[some, None] * A[some])
        h.append(sign[some] * c[some])
        A, c = slope[:, None] * A, slope * c
    last = row @ network.weights[-1]
    value = float(last @ c + row @ network.biases[-1])
    return LinearPart(last @ A, value, np.concatenate(G), np.concatenate(h))


def _least_distance(c, G, h, spare):
    """Multipliers that prove c @ z + spare > 0 in the unit ball; else None and a point.

    It is so if the nearest to zero of the points with G @ z <= h that contradict it is
    further away than one: least distance programming by non-negative least squares
    (Lawson and Hanson, Solving Least Squares Problems, 1974, chapter 23).
    """
    A, b = -np.vstack([G, c]), np.append(-h, spare)
    goal = np.zeros(A.shape[1] + 1)
    goal[-1] = 1.0
    try:
        u, _ = nnls(np.vstack([A.T, b]), goal)
    except RuntimeError:  # too many steps
        return None, np.zeros(len(c))
    point, near = A.T @ u, b @ u
    if near > np.linalg.norm(point):
        return u[:-1] / max(u[-1], u.max() / _LARGEST), np.zeros(len(c))
    return None, point / (1.0 - near)


def _linear_program(c, G, h, norm):
    n, m = len(c), len(h)
    # t makes up for a part that is empty.
    A, limits = np.hstack([G, -np.ones((m, 1))]), h
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
    return np.maximum(-found.ineqlin.marginals[:m], 0.0), step
