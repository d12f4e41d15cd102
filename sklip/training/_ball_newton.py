# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Newton's method for the projection onto the spectral ball, in factored form.

Trust-region steps by preconditioned conjugate gradients (Steihaug) on the dual of
_spectral_ball. Where a singular value of Z is above one and the factor does not see it,
its vectors join the factor as columns, along which the dual value improves; so a point
where nothing joins is optimal.
"""

import math
from dataclasses import dataclass

import numpy as np

from sklip.training._ball_rounding import NEAR, Feasible, make_feasible
from sklip.training._spectral_ball import Point

__all__ = ["Projection", "project"]

_MAX_ROUNDS = 30
_MAX_PRODUCTS = 100
# Products in all: where targets are a thousand times too large, or the multipliers are
# not those of the network, the last digits of the gap would take ever more of them.
_MAX_TOTAL = 3000
# Share of the tolerated gap that the norm on the columns of P may cause.
_INNER_SHARE = 0.3
# Change of the radius where a step gains little, and how often it may be refused
# before the path is computed again.
_SHRINK = 0.25
_MAX_REFUSED = 4
# Columns of a start that are this small beside the largest one are left out, and those
# of other singular values beside the largest overshoot are left for the next round.
_NEGLIGIBLE = 1e-6
_MINOR = 0.1
# Steps of this length beside the targets need not be resolved any finer.
_SMALLEST_STEP = 1e-6


@dataclass(frozen=True, eq=False)
class Projection:
    """A point, feasible weights, and how good the two are.

    Attributes
    ----------
    point : Point
        Last point.
    feasible : Feasible
        Weights, feasible but for rounding.
    residual : float
        Gap over the squared distance from the targets, halved.
    n_iter : int
        Products with the second derivative.
    """

    point: Point
    feasible: Feasible
    residual: float
    n_iter: int


def project(ball, tol, start=None):
    """Solve a SpectralBall to a relative duality gap.

    Parameters
    ----------
    ball : SpectralBall
        The problem.
    tol : float
        Gap between the objective and its lower bound, over the objective.
    start : ndarray of shape (n_units, rank), default=None
        Factor of the solution of a problem nearby.

    Returns
    -------
    projection : Projection
        Its residual may stay above tol on extreme problems only.
    """
    floor = _SMALLEST_STEP**2 * sum(np.vdot(v, v) for v in ball.targets)
    point, n_iter, share = _start(ball, start), 0, _INNER_SHARE
    low = NEAR if ball.is_dense else 1.0
    for _ in range(_MAX_ROUNDS):
        point, n_products = _minimise(point, share * tol, floor, _MAX_TOTAL - n_iter)
        n_iter += n_products
        values, vectors = ball.outside(point.blocks, low, point.factor.shape[1])
        feasible = make_feasible(point, values, vectors)
        residual = feasible.gap / (0.5 * max(point.step_square, floor, 1e-300))
        if residual <= tol or n_iter >= _MAX_TOTAL:
            break
        is_above = values > 1.0
        columns = _new_columns(point.factor, values[is_above], vectors[:, is_above])
        if columns.shape[1]:
            point = Point(ball, np.hstack([point.factor, columns]))
        elif share < 1e-6:
            break
        else:
            share *= 0.1
    return Projection(point, feasible, float(residual), n_iter)


def _start(ball, factor):
    """A start with orthogonal columns, scaled as is best along its ray."""
    for candidate in (factor, None):
        if candidate is None:
            values, directions = ball.outside(ball.blocks)
            candidate = directions * np.sqrt(values - 1.0)
        else:
            candidate = _orthogonal(candidate)
        point = Point(ball, candidate)
        if point.step_square:
            scale = 1.0 + (point.pull - 0.5 * point.square) / point.step_square
            if scale > 0.0:
                return Point(ball, math.sqrt(scale) * candidate)
    return Point(ball, candidate[:, :0])


def _orthogonal(factor):
    """Orthogonal columns with the same multiplier, but for negligible ones."""
    squares, rotation = np.linalg.eigh(factor.T @ factor)
    kept = squares > _NEGLIGIBLE * np.max(squares, initial=0.0)
    return factor @ rotation[:, kept]


def _new_columns(factor, values, directions):
    """Directions of the largest singular values that lie outside the factor's span."""
    if not len(values):
        return directions
    large = values - 1.0 > _MINOR * (values[-1] - 1.0)
    directions = directions[:, large] * np.sqrt(values[large] - 1.0)
    basis = _orthogonal(factor)
    basis /= np.linalg.norm(basis, axis=0)
    rest = directions - basis @ (basis.T @ directions)
    is_new = np.sum(rest**2, axis=0) > 0.5 * np.sum(directions**2, axis=0)
    return directions[:, is_new]


def _minimise(point, tol, floor, budget):
    """Newton's method with the number of columns fixed; the point and its cost."""
    radius, n_products = None, 0
    while n_products < budget:
        square = np.vdot(point.gradient, point.gradient / point.diagonal)
        if _is_stationary(point, square, tol, floor):
            break
        size = math.sqrt(square)
        radius = 2.0 * size if radius is None else radius
        accuracy = min(0.2, (square / point.square) ** 0.25)
        if point.problem.is_dense:
            allowed = tol * max(point.step_square, floor)
            accuracy = max(accuracy, math.sqrt(_INNER_SHARE * allowed / square))
        steps, n_more = _steihaug(point, radius, accuracy)
        n_products += n_more
        point, radius = _first_accepted(point, steps, radius)
    return point, n_products


def _first_accepted(point, steps, radius):
    """The point after the longest step that gains, and the next radius."""
    for k, (step, predicted, edge) in enumerate(steps):
        radius = radius if edge is None else edge
        trial = Point(point.problem, point.factor + step)
        ratio = (point.value - trial.value) / predicted
        if predicted <= 1e-13 * abs(point.value):
            ratio = 1.0  # below rounding
        if ratio > 0.75 and edge is not None and not k:
            radius *= 2.5
        elif ratio < 0.25:
            radius *= _SHRINK
        if ratio > 1e-3:
            return trial, radius
    return point, radius


def _is_stationary(point, square, tol, floor):
    """Whether what is left of the gradient costs no more than tol."""
    if square <= 1e-28 * point.square:
        return True
    if square > math.sqrt(tol) * point.square:
        return False
    allowed = tol * max(point.step_square, floor)
    if point.problem.is_dense:
        return square <= allowed
    if square > allowed or abs(point.square - 2.0 * point.pull) > allowed:
        return False
    return point.overshoot() * point.square <= allowed


def _steihaug(point, radius, accuracy):
    """Steps as (step, predicted gain, radius if on its edge), and products needed.

    The first is the step within the radius, the others are those of the radii that
    follow where it is refused: earlier points of the same path.
    """
    gradient, diagonal = point.gradient, point.diagonal
    step, product = np.zeros_like(gradient), np.zeros_like(gradient)
    residual = gradient.copy()
    scaled = residual / diagonal
    direction = -scaled
    rho = np.vdot(residual, scaled)
    enough = accuracy**2 * rho
    radii = [radius * _SHRINK**k for k in range(_MAX_REFUSED, -1, -1)]
    inside = cross = 0.0
    along, n_products, steps = rho, 0, []
    while n_products < _MAX_PRODUCTS:
        n_products += 1
        curved = point.curvature(direction)
        bend = np.vdot(direction, curved)
        while radii:
            to_edge = _root(along, cross, inside - radii[0] ** 2)
            if rho < to_edge * bend:
                break
            edge = step + to_edge * direction
            gain = _gain(gradient, edge, product + to_edge * curved)
            steps.append((edge, gain, radii[0]))
            radii.pop(0)
        if not radii:
            break
        length = rho / bend
        step += length * direction
        product += length * curved
        inside += 2.0 * length * cross + length**2 * along
        residual += length * curved
        scaled = residual / diagonal
        previous, rho = rho, np.vdot(residual, scaled)
        if rho <= enough:
            break
        # The residual is conjugate to the step so far in the diagonal's product.
        cross = (rho / previous) * (cross + length * along)
        along = rho + (rho / previous) ** 2 * along
        direction = (rho / previous) * direction - scaled
    if radii:
        steps.append((step, _gain(gradient, step, product), None))
    return steps[::-1], n_products


def _gain(gradient, step, product):
    return -(np.vdot(gradient, step) + 0.5 * np.vdot(step, product))


def _root(a, b, c):
    """The positive root of a x^2 + 2 b x + c for a > 0 >= c."""
    return (-b + math.sqrt(max(0.0, b * b - a * c))) / a
