# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A primal-dual interior-point method for LipSDP's structure, in torch float64.

HKM direction with Mehrotra's predictor and corrector (Helmberg, Rendl, Vanderbei and
Wolkowicz, 1996). Every iterate keeps S(x) positive definite: each is a bound, and the
method can be stopped at any time. The dual matrix X gives the other end of the bracket.
"""

import math
import time
from dataclasses import dataclass

import torch
from scipy.linalg import eigh_tridiagonal

__all__ = ["Optimum", "interior_point"]

_MAX_STEPS = 100
# Share of the way to the boundary that a step takes.
_DAMPING = 0.9
# A step that leaves more than this share of the gap has stalled near the boundary; the
# next one aims at the central path, with at least this share of the gap.
_STALLED, _SAFE_CENTERING = 0.98, 0.5
# Order up to which the boundary is found by bisection, above it by Lanczos's method.
_BISECT_UP_TO = 300
# Steps of Lanczos's method that find the boundary, and the shortest useful step.
_LANCZOS_STEPS = 20
_SHORTEST_STEP = 1e-6
# The dual value counts once its equations hold to this.
_DUAL_RESIDUAL = 1e-7


@dataclass(frozen=True, eq=False)
class Optimum:
    """What the method found.

    Attributes
    ----------
    x : tensor of shape (n_variables,)
        Feasible point with the smallest x_0.
    X : tensor of shape (order, order)
        Last dual matrix.
    lower : float
        Largest dual value; 0 if none was found.
    """

    x: torch.Tensor
    X: torch.Tensor
    lower: float


@dataclass(frozen=True, eq=False)
class _State:
    """An iterate: x, S = S(x), the dual X, and the Cholesky factors of both."""

    x: torch.Tensor
    S: torch.Tensor
    S_factor: torch.Tensor
    X: torch.Tensor
    X_factor: torch.Tensor


def interior_point(problem, tol, deadline):
    """Minimise x_0 subject to S(x) >= 0 from the problem's initial point.

    Parameters
    ----------
    problem : LipSDPProblem
        The program.
    tol : float
        Relative gap of the root of x_0 at which to stop.
    deadline : float
        Value of time.monotonic() at which to stop.

    Returns
    -------
    optimum : Optimum or None
        The best of all iterates; None if the initial point is infeasible.
    """
    x = problem.initial()
    S = problem.slack(x)
    S_factor, info = torch.linalg.cholesky_ex(S)
    if info:
        return None
    X = torch.cholesky_inverse(S_factor)
    X /= X.diagonal()[: problem.n_inputs].sum()
    state = _State(x, S, S_factor, X, torch.linalg.cholesky(X))
    cost = torch.zeros_like(x)
    cost[0] = 1.0
    best, lower, last_gap, is_safe = x, 0.0, math.inf, False
    for _ in range(_MAX_STEPS):
        gap = float((state.X * state.S).sum())
        residual = float((problem.adjoint(state.X) - cost).abs().max())
        if residual < _DUAL_RESIDUAL:
            lower = max(lower, float(problem.dual_value(state.X)))
            # L is the root of x_0: half the relative gap of x_0.
            if gap < 2.0 * tol * float(state.x[0]):
                break
        if time.monotonic() > deadline:
            break
        # A safe step may keep the gap: it is judged by what the next one gains.
        is_safe = not is_safe and gap > _STALLED * last_gap
        last_gap = gap
        moved = _step(problem, state, cost, gap, is_safe)
        if moved is None and not is_safe:
            is_safe = True
            moved = _step(problem, state, cost, gap, is_safe)
        if moved is None:
            break
        state, X = moved, moved.X
        if state.x[0] < best[0]:
            best = state.x
    return Optimum(best, X, min(lower, float(best[0])))


def _step(problem, state, cost, gap, is_safe):
    """One predictor-corrector step; None where rounding has the last word.

    A safe one goes to the central path, without the predictor's second-order term.
    """
    X, mu = state.X, gap / problem.order
    Z = torch.cholesky_inverse(state.S_factor)
    solve = _scaled_solver(problem.schur(X, Z))
    if solve is None:
        return None
    # Predictor: straight to the optimum.
    dx = solve(-cost)
    dX = -X - _symmetric(problem.times_combination(X, dx) @ Z)
    sigma = _centering(problem, state, dx, dX, gap)
    if is_safe:
        sigma, dX = max(sigma, _SAFE_CENTERING), torch.zeros_like(dX)
    # Corrector: to the central path, with the second-order term of the predictor.
    second = problem.times_combination(dX, dx) @ Z
    target = sigma * mu * problem.adjoint(Z)
    dx = solve(target - problem.adjoint(_symmetric(second)) - cost)
    second.addmm_(problem.times_combination(X, dx), Z)
    dX = (sigma * mu) * Z - X - _symmetric(second)
    a, X, X_factor = _move(
        lambda a: state.X + a * dX, _step_length(state.X, state.X_factor, dX)
    )
    dS = problem.combination(dx)
    b, S, S_factor = _move(
        lambda b: problem.slack(state.x + b * dx),
        _step_length(state.S, state.S_factor, dS),
    )
    if not a or not b:
        return None
    return _State(state.x + b * dx, S, S_factor, X, X_factor)


def _centering(problem, state, dx, dX, gap):
    """Mehrotra's share of the present gap to aim at."""
    dS = problem.combination(dx)
    X = state.X + _step_length(state.X, state.X_factor, dX, tries=2) * dX
    S = state.S + _step_length(state.S, state.S_factor, dS, tries=2) * dS
    return min(max((float((X * S).sum()) / gap) ** 2, 1e-6), 1.0)


def _symmetric(matrix):
    return 0.5 * (matrix + matrix.T)


def _scaled_solver(matrix):
    """Function that solves with a positive definite matrix, Jacobi scaled."""
    scale = matrix.diagonal().rsqrt()
    scaled = matrix * scale[:, None] * scale
    for shift in (0.0, 1e-14, 1e-12, 1e-10):
        scaled.diagonal().add_(shift)
        factor, info = torch.linalg.cholesky_ex(scaled)
        if not info:
            break
    else:
        return None

    def solve(rhs):
        solution = torch.cholesky_solve((rhs * scale)[:, None], factor)
        return solution[:, 0] * scale

    return solve


def _step_length(matrix, factor, direction, tries=5):
    """Damped length a <= 1 that keeps matrix + a * direction definite."""
    if len(matrix) > _BISECT_UP_TO:
        smallest = _smallest_eigenvalue(factor, direction)
        return 1.0 if smallest > -_DAMPING else _DAMPING / -smallest
    # Small factorisations are cheaper than the many calls of Lanczos's method.
    stretched = direction / _DAMPING
    low, high = 0.0, 2.0
    for _ in range(tries):
        middle = 0.5 * (low + high)
        if torch.linalg.cholesky_ex(matrix + middle * stretched)[1]:
            high = middle
        elif middle == 1.0:
            return 1.0
        else:
            low = middle
    return low if low else 0.5 * high


def _smallest_eigenvalue(factor, direction):
    """Lower estimate of that of factor^-1 direction factor^-T, by Lanczos."""
    n = len(direction)
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(n, 1, generator=generator, dtype=torch.float64).to(direction)
    basis = start / start.norm()
    diagonal, off = [], []
    for _ in range(min(_LANCZOS_STEPS, n)):
        image = torch.linalg.solve_triangular(factor.T, basis[:, -1:], upper=True)
        image = torch.linalg.solve_triangular(factor, direction @ image, upper=False)
        diagonal.append(float(basis[:, -1] @ image[:, 0]))
        for _ in range(2):  # twice is enough for orthogonality
            image -= basis @ (basis.T @ image)
        off.append(float(image.norm()))
        if off[-1] < 1e-10 * max(map(abs, diagonal)):
            break
        basis = torch.cat([basis, image / off[-1]], 1)
    values, vectors = eigh_tridiagonal(diagonal, off[:-1])
    # The residual of the Ritz pair bounds how far the eigenvalue may lie below.
    return float(values[0] - off[-1] * abs(vectors[-1, 0]))


def _move(matrix_at, length):
    """Matrix at the largest length, at most this one, where it is definite."""
    while length > _SHORTEST_STEP:
        matrix = matrix_at(length)
        factor, info = torch.linalg.cholesky_ex(matrix)
        if not info:
            return length, matrix, factor
        length *= 0.7
    return 0.0, None, None
