# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Feasible weights near those of a point of the spectral ball's dual, and their gap.

Dividing all weights by ||Z|| makes any of them feasible, but costs as much as the
largest singular value is too large. With at most one hidden layer every entry of Z is
free: the singular values themselves can be set, those above one to one, and those that
the multiplier presses on to what they would rise to. The gap is then of second order in
the point's error, as the dual value is.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["NEAR", "Feasible", "make_feasible"]

# Singular values below this one are left as they are.
NEAR = 0.8


@dataclass(frozen=True, eq=False)
class Feasible:
    """Weights that are feasible but for rounding.

    Attributes
    ----------
    weights : list of ndarray
        W_0 ... W_l.
    gap : float
        Half the squared distance from the targets, less the dual value.
    distance : float
        Half the squared distance.
    """

    weights: list
    gap: float
    distance: float


def make_feasible(point, values, directions):
    """The better of both ways.

    Parameters
    ----------
    point : Point
        The point.
    values, directions : ndarray
        What the ball's ``outside`` says of the point, from NEAR or one on.

    Returns
    -------
    feasible : Feasible
        Weights and gap.
    """
    scaled = _divided(point, max(1.0, np.max(values, initial=1.0)))
    if not point.problem.is_dense or not len(values):
        return scaled
    rounded = _rounded(point, values, directions)
    return rounded if rounded.gap < scaled.gap else scaled


def _divided(point, norm):
    distance = 0.5 * point.distance_square(norm)
    return Feasible([w / norm for w in point.weights], point.gap(norm), distance)


def _rounded(point, values, directions):
    ball = point.problem
    vectors = [np.sqrt(2.0) * directions[layer] for layer in ball.layers]
    parts = [point.factor[layer] for layer in ball.layers]
    # What a unit of each singular value costs in squared weights, and its pressure.
    cost = sum(
        np.sum(vectors[k + 1] ** 2 / r2, axis=0) * np.sum(vectors[k] ** 2 / c2, axis=0)
        for k, (r2, c2) in enumerate(ball.squares)
    )
    odd, even = (
        sum(p.T @ v for p, v in zip(parts[k::2], vectors[k::2], strict=True))
        for k in (1, 0)
    )
    pressure = np.sum(odd * even, axis=0)
    change = np.minimum(1.0, values + np.maximum(pressure, 0.0) / cost) - values
    weights, gap = [], 0.5 * point.square - point.pull
    distance = 0.0
    for k, (r, c) in enumerate(ball.scales):
        moved = (vectors[k + 1] / r * change) @ (vectors[k] / c).T
        step = (r * parts[k + 1]) @ (c * parts[k]).T
        gap += 0.5 * np.vdot(moved, moved) - np.vdot(step, moved)
        step -= moved
        distance += 0.5 * np.vdot(step, step)
        weights.append(ball.targets[k] - step)
    return Feasible(weights, gap, distance)
