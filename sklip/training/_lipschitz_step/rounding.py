# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Feasible weights near those of a point of the spectral ball's dual, and their gap.

Dividing all weights by ||Z|| makes any of them feasible, but costs as much as the
largest singular value is too large. With at most one hidden layer every entry of Z is
free: the singular values themselves can be set, those above one to one, and those that
the multiplier presses on to what they would rise to. The gap is then of second order in
the point's error, as the dual value is.
"""

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["NEAR", "Feasible", "make_feasible"]

# Singular values below this one are left as they are.
NEAR = 0.8


@dataclass(frozen=True, eq=False)
class Feasible:
    """Weights that are feasible but for rounding."""

    weights: list  # of ndarray: W_0 ... W_l.
    gap: float  # half the squared distance from the targets, less the dual value
    distance: float  # half the squared distance


def make_feasible(point, values, directions, enough=0.0):
    """The better of both ways.

    Parameters
    ----------
    point : BallPoint
        An iterate, which may lie a little outside of the ball.
    values, directions : ndarray
        What the ball's ``outside`` says of the point, from NEAR or one on.
    enough : float, default=0.0
        A gap that need not be any better.

    Returns
    -------
    feasible : Feasible
        Weights and gap.
    """
    is_dense = point.problem.is_dense and len(values)
    rounded = _rounded(point, values, directions) if is_dense else None
    if rounded is not None and rounded.gap <= enough:
        return rounded
    scaled = _divided(point, max(1.0, np.max(values, initial=1.0)))
    return rounded if rounded is not None and rounded.gap < scaled.gap else scaled


def _divided(point, norm):
    distance = 0.5 * point.distance_square(norm)
    return Feasible([w / norm for w in point.weights], point.gap(norm), distance)


def _rounded(point, values, directions):
    ball = point.problem
    directions = math.sqrt(2.0) * directions
    even, odd = directions[: ball.n_even], directions[ball.n_even :]
    # What a unit of each singular value costs in squared weights, and its pressure.
    cost = np.sum(odd**2 * (ball.cost @ even**2), axis=0)
    pressure = np.sum(odd * (point.multiplier @ even), axis=0)
    change = np.minimum(1.0, values + np.maximum(pressure, 0.0) / cost) - values
    moved = (odd * change) @ even.T
    moved /= ball.scale
    step = ball.scale * point.multiplier
    gap = 0.5 * point.square - point.pull
    gap += 0.5 * np.vdot(moved, moved) - np.vdot(step, moved)
    step -= moved
    weights = [v - g for v, g in zip(ball.targets, ball.split(step), strict=True)]
    return Feasible(weights, gap, 0.5 * np.vdot(step, step))
