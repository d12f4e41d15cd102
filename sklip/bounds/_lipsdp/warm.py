# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A solve of LipSDP that begins at the central point of a network nearby.

The last point of a solve lies at the edge of feasibility, where no neighbour can begin.
What is handed on is a point of the central path with a gap of some hundredths: it is
feasible for a network nearby, and nearly central.
"""

import torch

from sklip.bounds._lipsdp.barrier import DAMPING, Newton
from sklip.bounds._lipsdp.interior_point import interior_point, move, scaled_solver
from sklip.bounds._lipsdp.problem import scaled_problem
from sklip.bounds._z import Z

__all__ = ["begun_nearby", "warm_interior_point"]

# Factors by which the point is relaxed, to be feasible for the other network.
_RELAXATIONS = (1.0, 1.003, 1.02, 1.1, 1.3)
# Gap, relative to x_0, that the steps steer for at most, their number, and the
# decrement below which a point is central: its dual matrix is definite then.
_WARM_GAP, _MOST_STEPS, _CENTRAL = 0.1, 12, 0.9


def begun_nearby(chain, start, *, per_layer=False, device="cpu"):
    """The program of a chain at the point of a network nearby.

    Parameters
    ----------
    chain : Chain
        Of the network that is to be bounded.
    start : tuple of (float, sequence of ndarray)
        L and d of the point.
    per_layer, device : bool, str
        Of :func:`scaled_problem`.

    Returns
    -------
    found : tuple of (problem, (L, d)), or None
        The program in units of the point, relaxed as far as needed; None where it is
        too far from feasibility.
    """
    for factor in _RELAXATIONS:
        point = Z.of(chain, *start).inflated(factor ** (1.0 / len(chain)))
        problem = scaled_problem(chain, *point, per_layer, device)
        slack = problem.slack(problem.initial())
        if not torch.linalg.cholesky_ex(slack)[1]:
            return problem, point
    return None


def warm_interior_point(problem, tol, deadline):
    """As :func:`interior_point`, from an initial point near the central path.

    Returns
    -------
    optimum : Optimum or None
        None where that point is too far from the path.
    """
    pair = _central_pair(problem, max(tol, _WARM_GAP))
    if pair is None:
        return None
    x, X = pair
    return interior_point(problem, tol, deadline, x=x, X=X)


def _central_pair(problem, gap):
    """A primal and a dual point near the central path, by a few of Newton's steps.

    Both meet their equations, so that a primal-dual method has the gap alone to close;
    None where the initial point is too far from the path.
    """
    x = problem.initial()
    S = problem.slack(x)
    factor = torch.linalg.cholesky(S)
    cost = torch.zeros_like(x)
    cost[0] = 1.0
    for _ in range(_MOST_STEPS):
        inverse = torch.cholesky_inverse(factor)
        solve = scaled_solver(problem.curvature(inverse))
        if solve is None:
            return None
        slope = problem.adjoint(inverse)
        newton = Newton(slope, solve(slope), solve(cost))
        mu = min(newton.nearest, gap * float(x[0]) / problem.order)
        if not mu > 0.0:
            return None
        dx = newton.direction(mu)
        dS = problem.combination(dx)
        if newton.decrement(mu) < _CENTRAL:
            change = problem.product(inverse, dx, dS) @ inverse
            return x, mu * (inverse - 0.5 * (change + change.T))
        length, S, factor = move(S, factor, dS, DAMPING)
        if not length:
            return None
        x = x + length * dx
    return None
