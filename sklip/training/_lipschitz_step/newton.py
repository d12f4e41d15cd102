# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Newton's method for the projection onto the spectral ball, in factored form.

Trust-region steps by preconditioned conjugate gradients (Steihaug) on the dual of
spectral_ball.py. Where a singular value of Z is above one and the factor does not see
it, its vectors join the factor as columns, along which the dual value improves; so a
point where nothing joins is optimal. Columns that have become negligible leave it then.
"""

import math
from dataclasses import dataclass

import numpy as np

from sklip.training._lipschitz_step.points import BallPoint
from sklip.training._lipschitz_step.rounding import NEAR, Feasible, make_feasible

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
# Relative residual of the linear equations at most: for deep networks, whose products
# are most of the work, and for dense problems, where a further round costs more.
_DEEP_ACCURACY, _DENSE_ACCURACY = 0.2, 0.05
# Columns of a factor whose squares are this small beside the largest leave it as others
# join. With a much larger share two that are needed could evict each other forever.
_NEGLIGIBLE = 1e-12
# Overshoot of a singular value beside the largest from which its vectors join at once.
_MINOR = 0.1
# A start is not scaled for less.
_SAME = 0.05
# Largest factor by which a free L may change at once.
_LARGEST_CHANGE = 4.0
# L's tried for a start, and how far the logarithm of what P_0 is there may be from that
# of what it should be; more are tried where nothing is outside yet.
_TRIALS, _NEAR_ENOUGH, _MOST_TRIALS = 8, 1.0, 400
# Steps of this length beside the targets need not be resolved any finer.
_SMALLEST_STEP = 1e-6


@dataclass(frozen=True, eq=False)
class Projection:
    """A point, feasible weights, and how good the two are."""

    point: BallPoint  # last point
    feasible: Feasible  # weights, feasible but for rounding
    residual: float  # gap over the squared distance from the targets, halved
    n_iter: int  # products with the second derivative


def project(ball, tol, start=None):
    """Solve a SpectralBall to a relative duality gap.

    Parameters
    ----------
    ball : SpectralBall
        The set, and the point that is projected onto it.
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
        point = _at_best_bound(point)
        ball = point.problem
        values, vectors = ball.outside(point.z, low, point.factor.shape[1])
        distance = 0.5 * _scale(point, max(floor, 1e-300))
        feasible = make_feasible(point, values, vectors, tol * distance)
        residual = feasible.gap / distance
        if residual <= tol or n_iter >= _MAX_TOTAL:
            break
        is_above = values > 1.0
        factor = _joined(point.factor, values[is_above], vectors[:, is_above])
        if factor is not None:
            point = ball.point(factor)
        elif share < 1e-6:
            break
        else:
            share *= 0.1
    return Projection(point, feasible, float(residual), n_iter)


def _scale(point, floor):
    """Twice the objective, or what counts as that at least."""
    return max(point.step_square + 2.0 * (point.problem.paid or 0.0), floor)


def _at_best_bound(point):
    """The same multiplier where L is the best one for it."""
    if not point.excess:
        return point
    most = _LARGEST_CHANGE
    change = math.sqrt(min(max(1.0 + point.excess, most**-2), most**2))
    ball, factor = point.problem, point.factor.copy()
    factor[ball.first] *= change
    return ball.moved(change * ball.bound).point(factor)


def _start(ball, factor):
    """The start's factor, or one of the targets, scaled as is best along its ray."""
    if ball.paid is not None:
        return _free_start(ball, factor)
    for candidate in (factor, None):
        if candidate is None:
            values, directions = ball.outside(ball.z)
            candidate = directions * np.sqrt(values - 1.0)
        elif not ball.is_dense:
            # It saves a tenth of the products, which are most of the work there.
            candidate, _ = _orthogonal(candidate)
        point = ball.point(candidate)
        if point.step_square:
            scale = 1.0 + (point.pull - 0.5 * point.square) / point.step_square
            if abs(scale - 1.0) < _SAME:
                return point
            if scale > 0.0:
                return ball.point(math.sqrt(scale) * candidate)
    return ball.point(candidate[:, :0])


def _free_start(ball, factor):
    """A start on the sphere; without one, where the best L is for the targets' own."""
    if factor is not None and np.any(factor[ball.first]):
        factor = factor if ball.is_dense else _orthogonal(factor)[0]
        first = factor[ball.first]
        return ball.point(factor * math.sqrt(2.0 * ball.paid / np.vdot(first, first)))
    for trial in range(_MOST_TRIALS):
        factor = _start(ball.moved(ball.bound, free=False), None).factor
        first = factor[ball.first]
        share = 0.5 * np.vdot(first, first) / ball.paid
        if share and (trial > _TRIALS or abs(math.log(share)) < _NEAR_ENOUGH):
            break
        change = max(share, 1e-300) ** 0.25
        change = min(max(change, 1.0 / _LARGEST_CHANGE), _LARGEST_CHANGE)
        ball = ball.moved(ball.bound * change)
    return ball.point(factor)


def _orthogonal(factor):
    """Orthogonal columns of the same multiplier but negligible ones; their squares."""
    squares, rotation = np.linalg.eigh(factor.T @ factor)
    kept = squares > _NEGLIGIBLE * np.max(squares, initial=0.0)
    return factor @ rotation[:, kept], squares[kept]


def _joined(factor, values, directions):
    """The factor and directions of the largest values that lie outside its span.

    None if there are none. Its columns become orthogonal, and negligible ones leave.
    """
    if not len(values):
        return None
    large = values - 1.0 > _MINOR * (values[-1] - 1.0)
    directions = directions[:, large] * np.sqrt(values[large] - 1.0)
    basis, squares = _orthogonal(factor)
    rest = directions - basis @ ((basis.T @ directions) / squares[:, None])
    is_new = np.sum(rest**2, axis=0) > 0.5 * np.sum(directions**2, axis=0)
    return np.hstack([basis, directions[:, is_new]]) if np.any(is_new) else None


def _minimise(point, tol, floor, budget):
    """Newton's method with the number of columns fixed; the point and its cost."""
    radius, n_products = None, 0
    while n_products < budget:
        square = np.vdot(point.gradient, point.preconditioned(point.gradient))
        if _is_stationary(point, square, tol, floor):
            break
        size = math.sqrt(square)
        radius = 2.0 * size if radius is None else radius
        is_dense = point.problem.is_dense
        accuracy = _DENSE_ACCURACY if is_dense else _DEEP_ACCURACY
        accuracy = min(accuracy, (square / point.square) ** 0.25)
        if is_dense:
            allowed = tol * _scale(point, floor)
            accuracy = max(accuracy, math.sqrt(_INNER_SHARE * allowed / square))
        steps, n_more = _steihaug(point, radius, accuracy)
        n_products += n_more
        point, radius = _first_accepted(point, steps, radius)
        # In units of an L that is far off the problem is badly scaled. A square of L
        # below zero says nothing of L.
        if point.excess > 1.0 or -1.0 < point.excess < -0.5:
            point, radius = _at_best_bound(point), None
    return point, n_products


def _first_accepted(point, steps, radius):
    """The point after the longest step that gains, and the next radius."""
    for k, (step, predicted, edge) in enumerate(steps):
        radius = radius if edge is None else edge
        trial = point.problem.point(point.factor + step)
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
    allowed = tol * _scale(point, floor)
    if point.problem.is_dense:
        return square <= allowed
    if square > allowed or abs(np.vdot(point.factor, point.gradient)) > allowed:
        return False
    return point.overshoot() * point.square <= allowed


def _steihaug(point, radius, accuracy):
    """Steps as (step, predicted gain, radius if on its edge), and products needed.

    The first is the step within the radius, the others are those of the radii that
    follow where it is refused: earlier points of the same path.
    """
    residual = point.gradient.copy()
    scaled = point.preconditioned(residual)
    direction = -scaled
    step = np.zeros_like(direction)
    rho = np.vdot(residual, scaled)
    enough = accuracy**2 * rho
    radii = [radius * _SHRINK**k for k in range(_MAX_REFUSED, -1, -1)]
    gain = inside = cross = 0.0
    along, n_products, steps = rho, 0, []
    while n_products < _MAX_PRODUCTS:
        n_products += 1
        curved = point.hessian(direction)
        bend = np.vdot(direction, curved)
        while radii:
            to_edge = _root(along, cross, inside - radii[0] ** 2)
            if rho < to_edge * bend:
                break
            at_edge = gain + to_edge * (rho - 0.5 * to_edge * bend)
            steps.append((step + to_edge * direction, at_edge, radii.pop(0)))
        if not radii:
            break
        length = rho / bend
        step += length * direction
        gain += 0.5 * length * rho
        inside += 2.0 * length * cross + length**2 * along
        curved *= length
        residual += curved
        scaled = point.preconditioned(residual)
        previous, rho = rho, np.vdot(residual, scaled)
        if rho <= enough:
            break
        # The residual is conjugate to the step so far in the diagonal's product.
        ratio = rho / previous
        cross = ratio * (cross + length * along)
        along = rho + ratio**2 * along
        direction *= ratio
        direction -= scaled
    if radii:
        steps.append((step, gain, None))
    return steps[::-1], n_products


def _root(a, b, c):
    """The positive root of a x^2 + 2 b x + c for a > 0 >= c."""
    return (-b + math.sqrt(max(0.0, b * b - a * c))) / a
