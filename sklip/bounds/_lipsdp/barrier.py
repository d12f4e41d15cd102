# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A barrier method for LipSDP with thousands of neurons, in torch.

Newton's method follows the minimisers of x_0 / mu - log det S(x) while mu falls. Unlike
the primal-dual method of interior_point.py it keeps no dual matrix: a step is one
inverse, the products of the weights with it and one Cholesky factorisation of the
Hessian, a fifth of what a primal-dual step costs, and directions need no more than
single precision while the gap is wide. Steps are kept well inside the feasible set,
since Newton's method doubles what is too small, and does no more than that.

At a point with Z = S^-1 and Newton's direction dx for mu, X = mu (Z - Z S(dx) Z) meets
the dual's equations, and is positive semidefinite where the decrement, the norm of dx
in the Hessian, is at most one: the lower end of the bracket costs nothing.
"""

import math
import time

import torch

from sklip.bounds._lipsdp.interior_point import (
    CENTRAL,
    Optimum,
    scaled_solver,
    smallest_eigenvalue,
)

__all__ = ["DAMPING", "SHORTEST_STEP", "Newton", "barrier_method", "follow"]

_MAX_STEPS = 200
# Gap, relative to x_0, of the point on the path that is steered for first.
_GAP = 0.08
# Share of the way to the boundary that a step takes.
DAMPING = 0.8
# Decrement below which mu falls, and the share by which it may.
_CENTRED, _FALL = 1.3, 0.8
# Decrement up to which the dual matrix is definite for certain, rounding allowed for.
_DUAL_REACH = 0.98
# Single precision serves while n mu is above this share of x_0, where its errors are
# far below the gap.
_COARSE_ABOVE = 1e-3
SHORTEST_STEP = 1e-6
# Decrement, over the root of the order, above which the steps to a point of the path
# stall on their way.
_FAR = 2.5
# Steps in which the decrement falls by this share at least, or the method has stalled.
_PATIENCE, _PROGRESS = 20, 0.97


def barrier_method(problem, tol, deadline, *, x=None):
    """Minimise x_0 subject to S(x) >= 0 from a feasible point.

    Parameters
    ----------
    problem : LipSDPProblem
        Gives S(x), its derivatives, and a point to start from.
    tol : float
        Relative gap of the root of x_0 at which to stop.
    deadline : float
        Value of time.monotonic() at which to stop.
    x : tensor, default=None
        Start; the problem's initial point by default.

    Returns
    -------
    optimum : Optimum or None
        The best of all iterates, without a dual matrix; None if the start is
        infeasible.
    """
    x = problem.initial() if x is None else x
    S = problem.slack(x)
    factor, info = torch.linalg.cholesky_ex(S)
    if info:
        return None
    path = _Path(problem, S, factor)
    return follow(path, x, _GAP * float(x[0]) / path.order, tol, deadline)


def follow(path, x, mu, tol, deadline):
    """Follow the minimisers of x_0 / mu - log det S(x) from a feasible point.

    Parameters
    ----------
    path : object
        Has the ``order`` of S, ``newton(x, mu)``, which gives a :class:`Newton` or
        None, and ``move(x, dx)``, the length of a step from x that stays feasible; the
        next x is the one that it leads to.
    x : tensor or ndarray
        The point, with x_0 in front.
    mu : float
        Where to begin.
    tol, deadline : float
        As in :func:`barrier_method`.

    Returns
    -------
    optimum : Optimum
        The best of all iterates.
    """
    best, lower, central = x, 0.0, None
    decrements, begun, now = [], None, time.monotonic()
    for step in range(_MAX_STEPS):
        # The next step takes as long as the last one.
        begun, last = now, 0.0 if begun is None else now - begun
        if now + last > deadline:
            break
        newton = path.newton(x, mu)
        if newton is None:
            break
        if step == 0:
            mu = _first(mu, newton, path.order)
        lower = max(lower, newton.dual_value(x, path.order))
        if math.sqrt(max(lower, 0.0)) >= math.sqrt(float(best[0])) * (1.0 - tol):
            break
        decrements.append(newton.decrement(mu))
        falls = decrements[-1] < _CENTRED
        if falls and central is None and mu * path.order < CENTRAL * float(x[0]):
            central = x
        if len(decrements) > _PATIENCE and not falls:
            if decrements[-1] > _PROGRESS * decrements[-1 - _PATIENCE]:
                break
        # Along the tangent of the path, which mu parametrises almost linearly.
        dx = newton.direction(mu / (1.0 + _FALL) if falls else mu)
        length = path.move(x, dx)
        if not length:
            break
        x = x + length * dx
        if x[0] < best[0]:
            best = x
        if falls:
            decrements = []
            mu *= 1.0 - _FALL * length
        now = time.monotonic()
    central = best if central is None else central
    return Optimum(best, None, min(lower, float(best[0])), central)


def _first(mu, newton, order):
    """Where the path is met: at mu, or at the nearest point above it."""
    is_far = newton.decrement(mu) > _FAR * math.sqrt(order)
    return max(mu, newton.nearest) if is_far else mu


class _Path:
    """Newton's equations, in single precision for as long as it serves."""

    def __init__(self, problem, S, factor):
        self._problem, self._coarse = problem, problem.to(torch.float32)
        self._S, self._factor, self.order = S, factor, problem.order
        self._cost = S.new_zeros(problem.n_variables)
        self._cost[0] = 1.0

    def _is_late(self, x, mu):
        return mu * self._problem.order < _COARSE_ABOVE * float(x[0])

    def newton(self, x, mu):
        """The equations at the present point; None where they cannot be solved."""
        if self._coarse is not None and self._is_late(x, mu):
            self._coarse = None
        for problem in (self._coarse, self._problem):
            if problem is None:
                continue
            inverse = torch.cholesky_inverse(self._factor.to(problem.dtype))
            hessian = problem.curvature(inverse)
            solve = scaled_solver(hessian, coarse=problem is self._coarse)
            if solve is not None:
                slope = problem.adjoint(inverse)
                ends = slope, solve(slope), solve(self._cost.to(slope))
                return Newton(*(end.to(self._cost) for end in ends))
            self._coarse = None
        return None

    def move(self, x, dx):
        """Length of the step; 0 if none is left."""
        moved = _move(self._S, self._factor, self._problem.combination(dx))
        if moved is None:
            return 0.0
        length, self._S, self._factor = moved
        return length


class Newton:
    """Newton's direction at a point for every mu: p - q / mu.

    With the slope of log det S, p and q are the solutions of the Hessian's equations
    for the slope and for the cost, which is x_0.
    """

    def __init__(self, slope, p, q):
        self.slope, self._p, self._q = slope, p, q
        self._squares = float(slope @ p), float(p[0]), float(q[0])

    def direction(self, mu):
        return self._p - self._q / mu

    def decrement(self, mu):
        """Norm of the direction in the Hessian."""
        a, b, c = self._squares
        return math.sqrt(max(a - 2.0 * b / mu + c / mu**2, 0.0))

    @property
    def nearest(self):
        """The mu whose minimiser is nearest, in the Hessian's norm; 0 if none is."""
        _, b, c = self._squares
        return c / b if b > 0.0 else 0.0

    def dual_value(self, x, order):
        """Largest dual value of those that are certain; 0 if none is."""
        a, b, c = self._squares
        discriminant = b * b - c * (a - _DUAL_REACH**2)
        if not discriminant >= 0.0:
            return 0.0
        # The smallest mu whose decrement stays below one.
        mu = c / (b + math.sqrt(discriminant))
        if not mu > 0.0:
            return 0.0
        return float(x[0]) - mu * (order - float(self.slope @ self.direction(mu)))


def _move(S, factor, dS):
    """Length of the step, and where it leads; None if no step is left."""
    smallest = smallest_eigenvalue(factor, dS)
    length = min(1.0, DAMPING / max(-smallest, 1e-300))
    while length > SHORTEST_STEP:
        # Lanczos's estimate may be poor: the boundary must lie as far as it says.
        beyond = torch.add(S, dS, alpha=length / DAMPING)
        if not torch.linalg.cholesky_ex(beyond)[1]:
            moved = torch.add(S, dS, alpha=length)
            factor, info = torch.linalg.cholesky_ex(moved)
            if not info:
                return length, moved, factor
        length *= 0.7
    return None
