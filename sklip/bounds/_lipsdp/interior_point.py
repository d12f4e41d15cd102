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

__all__ = [
    "CENTRAL",
    "Optimum",
    "interior_point",
    "move",
    "scaled_solver",
    "smallest_eigenvalue",
]

_MAX_STEPS = 100
# Share of the way to the boundary that a step takes.
_DAMPING = 0.95
# Least share of the gap that a step aims at.
_CENTERING = 0.02
# A step that leaves more than this share of the gap has stalled near the boundary; the
# next one aims at the central path, with at least this share of the gap.
_STALLED, _SAFE_CENTERING = 0.98, 0.5
# Order up to which the boundary is found by bisection, above it by Lanczos's method.
_BISECT_UP_TO = 300
_BISECTIONS = 4
# Steps of Lanczos's method that find the boundary, and the shortest useful step.
_LANCZOS_STEPS = 20
_SHORTEST_STEP = 1e-6
# What is added to a scaled diagonal until a factor exists, in double and in single.
_SHIFTS, _COARSE_SHIFTS = (0.0, 1e-14, 1e-12, 1e-10), (0.0, 1e-7, 1e-6)
# The dual value counts once its equations hold to this.
_DUAL_RESIDUAL = 1e-7
# Gap, relative to x_0, up to which a point of the central path is far enough from the
# boundary to be feasible, and nearly central, for a network nearby.
CENTRAL = 0.03


@dataclass(frozen=True, eq=False)
class Optimum:
    """What the method found."""

    x: torch.Tensor  # of shape (n_variables,): feasible point with the smallest x_0
    # Tensor of shape (order, order), or None: last dual matrix, of a method that keeps
    # one.
    X: torch.Tensor | None
    lower: float  # largest dual value; 0 if none was found
    # Point near the central path with a gap of about CENTRAL, or as wide as it was
    # left: where a network nearby is begun. None where the method did not follow it.
    central: torch.Tensor | None = None


@dataclass(frozen=True, eq=False)
class _State:
    """An iterate: x, S = S(x), the dual X, the Cholesky factors of both.

    And the length of the step that led to it.
    """

    x: torch.Tensor
    S: torch.Tensor
    S_factor: torch.Tensor
    X: torch.Tensor
    X_factor: torch.Tensor
    length: float


def interior_point(problem, tol, deadline, *, x=None, X=None):
    """Minimise x_0 subject to S(x) >= 0 from a feasible point.

    Parameters
    ----------
    problem : LipSDPProblem
        Gives S(x) and its derivatives.
    tol, deadline : float
        As for the barrier method.
    x : tensor, default=None
        Start; the problem's initial point by default.
    X : tensor, default=None
        Dual matrix to start with; a multiple of S^-1 by default.

    Returns
    -------
    optimum : Optimum or None
        The best of all iterates; None if the start is infeasible.
    """
    x = problem.initial() if x is None else x
    S = problem.slack(x)
    S_factor, info = torch.linalg.cholesky_ex(S)
    if info:
        return None
    X = torch.cholesky_inverse(S_factor) if X is None else X
    X /= X.diagonal()[: problem.n_inputs].sum()
    state = _State(x, S, S_factor, X, torch.linalg.cholesky(X), 0.5)
    cost = torch.zeros_like(x)
    cost[0] = 1.0
    best, lower, last_gap, is_safe = x, 0.0, math.inf, False
    central, begun = None, None
    for _ in range(_MAX_STEPS):
        gap = float((state.X * state.S).sum())
        if central is None and gap < CENTRAL * float(state.x[0]):
            central = state.x
        residual = float((problem.adjoint(state.X) - cost).abs().max())
        if residual < _DUAL_RESIDUAL:
            lower = max(lower, float(problem.dual_value(state.X)))
            # L is the root of x_0: half the relative gap of x_0.
            if gap < 2.0 * tol * float(state.x[0]):
                break
        # The next step takes as long as the last one.
        last, begun = begun, time.monotonic()
        if begun + (0.0 if last is None else begun - last) > deadline:
            break
        # A safe step may keep the gap: it is judged by what the next one gains.
        is_safe = not is_safe and gap > _STALLED * last_gap
        last_gap = gap
        # The last step's length tells how well the next one will follow the path.
        sigma = max((1.0 - state.length) ** 2, _CENTERING)
        moved = None
        if not is_safe:
            moved = _step(problem, state, cost, sigma * gap / problem.order, False)
        if moved is None:
            is_safe = True
            sigma = max(sigma, _SAFE_CENTERING)
            moved = _step(problem, state, cost, sigma * gap / problem.order, True)
        if moved is None:
            break
        state = moved
        if state.x[0] < best[0]:
            best = state.x
    lower, central = min(lower, float(best[0])), best if central is None else central
    return Optimum(best, state.X, lower, central)


def _step(problem, state, cost, mu, is_safe):
    """One predictor-corrector step towards mu; None where rounding has the last word.

    A safe one leaves out the predictor's second-order term.
    """
    X, Z = state.X, torch.cholesky_inverse(state.S_factor)
    solve = scaled_solver(problem.schur(X, Z))
    if solve is None:
        return None
    target = mu * Z
    if not is_safe:
        # Predictor: straight to the optimum.
        dx = solve(-cost)
        dS = problem.combination(dx)
        dX = -X - _symmetric(problem.product(X, dx, dS) @ Z)
        target -= _symmetric(problem.product(dX, dx, dS) @ Z)
    # Corrector: to the central path.
    dx = solve(problem.adjoint(target) - cost)
    dS = problem.combination(dx)
    dX = target - X - _symmetric(problem.product(X, dx, dS) @ Z)
    a, X, X_factor = move(X, state.X_factor, dX)
    b, S, S_factor = move(state.S, state.S_factor, dS)
    if not a or not b:
        return None
    return _State(state.x + b * dx, S, S_factor, X, X_factor, min(a, b))


def _symmetric(matrix):
    return 0.5 * (matrix + matrix.T)


def scaled_solver(matrix, *, coarse=False):
    """Function that solves with a positive definite matrix, Jacobi scaled.

    None if even a shifted one has no factor; a coarse one is in single precision.
    """
    scale = matrix.diagonal().rsqrt()
    scaled = matrix * scale[:, None] * scale
    for shift in _COARSE_SHIFTS if coarse else _SHIFTS:
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


def _step_length(matrix, factor, direction, damping):
    """Damped length a <= 1 that keeps matrix + a * direction definite."""
    if len(matrix) > _BISECT_UP_TO:
        smallest = smallest_eigenvalue(factor, direction)
        return 1.0 if smallest > -damping else damping / -smallest
    # Small factorisations are cheaper than the many calls of Lanczos's method.
    low, high, length = 0.0, 1.0, 1.0
    for _ in range(_BISECTIONS):
        tried = torch.add(matrix, direction, alpha=length / damping)
        if torch.linalg.cholesky_ex(tried)[1]:
            high = length
        elif length == 1.0:
            return 1.0
        else:
            low = length
        # Most steps are long.
        length = 0.5 * (low + high) if low else 0.75 * high
    return low if low else 0.75 * high


def smallest_eigenvalue(factor, direction):
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


def move(matrix, factor, direction, damping=_DAMPING):
    """Length of the step, and where it leads: a definite matrix and its factor."""
    length = _step_length(matrix, factor, direction, damping)
    while length > _SHORTEST_STEP:
        moved = torch.add(matrix, direction, alpha=length)
        factor, info = torch.linalg.cholesky_ex(moved)
        if not info:
            return length, moved, factor
        length *= 0.7
    return 0.0, None, None
