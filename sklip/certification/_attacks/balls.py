# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Norm balls around samples: projection, steepest steps, points exactly inside."""

from dataclasses import dataclass

import numpy as np

from sklip._floats import gamma, lengths, norms

__all__ = ["Ball", "perturbation_norm"]

# Share of the coordinates that one l1 step moves: a step along the single steepest one
# is too slow, one along all of them is not an l1 step.
_L1_SHARE = 0.05


@dataclass(frozen=True)
class Ball:
    """Balls of perturbations, one for each sample, in the mutable coordinates.

    Parameters
    ----------
    norm : {1, 2, numpy.inf}
        Norm of the perturbations.
    radius : ndarray of shape (n_samples, 1)
        Radius of each sample's ball.
    """

    norm: float
    radius: np.ndarray

    def of(self, rows):
        """Balls of some of the samples."""
        return Ball(self.norm, self.radius[rows])

    def project(self, delta):
        """Nearest perturbations inside (Euclidean distance)."""
        if self.norm == np.inf:
            return np.clip(delta, -self.radius, self.radius)
        if self.norm == 2:
            length = lengths(delta)[:, None]
            return delta * (self.radius / np.maximum(length, self.radius)).clip(max=1)
        return _project_l1(delta, self.radius)

    def steepest(self, gradient):
        """Step of length one in the ball's norm along each nonzero gradient."""
        # A saturated network's gradient may be too small to square.
        gradient = gradient / np.abs(gradient).max(axis=1, keepdims=True)
        if self.norm == np.inf:
            return np.sign(gradient)
        if self.norm == 2:
            return gradient / lengths(gradient)[:, None]
        size = np.abs(gradient)
        k = max(1, round(_L1_SHARE * size.shape[1]))
        threshold = np.partition(size, -k, axis=1)[:, [-k]]
        step = np.sign(gradient) * (size >= threshold)
        return step / np.abs(step).sum(axis=1, keepdims=True)

    def sample(self, n_coordinates, rng):
        """Random perturbations, spread over the ball."""
        shape = (len(self.radius), n_coordinates)
        if self.norm == np.inf:
            return rng.uniform(-1.0, 1.0, shape) * self.radius
        draw = rng.standard_normal(shape) if self.norm == 2 else rng.laplace(size=shape)
        length = norms(draw, self.norm)[:, None]
        depth = rng.uniform(size=(len(draw), 1)) ** (1.0 / n_coordinates)
        return draw * (self.radius * depth / length)

    def move(self, points, delta):
        """Points moved by at most delta, inside their balls in exact arithmetic.

        Each coordinate of a rounded sum goes one float back towards where it came from:
        it is then no farther than delta, and every norm grows with the coordinates.
        """
        n = delta.shape[1]
        if self.norm == np.inf:
            delta = np.clip(delta, -self.radius, self.radius)
        else:
            allowed = self.radius * (1.0 - 2.0 * gamma(n))
            length = norms(delta, self.norm)[:, None]
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                delta = np.where(length > allowed, delta * (allowed / length), delta)
        return np.nextafter(points + delta, points)


def perturbation_norm(delta, norm):
    """Norm of each row, rounded up (the differences' own rounding included)."""
    with np.errstate(over="ignore"):
        length = norms(delta, norm) * (1.0 + 2.0 * gamma(delta.shape[1]))
    return np.where(length > 0.0, np.nextafter(length, np.inf), 0.0)


def _project_l1(delta, radius):
    size = np.abs(delta)
    ordered = -np.sort(-size, axis=1)
    excess = (np.cumsum(ordered, axis=1) - radius) / np.arange(1, size.shape[1] + 1)
    # The last index at which the sorted entry still exceeds the common reduction.
    last = np.count_nonzero(ordered > excess, axis=1, keepdims=True) - 1
    cut = np.take_along_axis(excess, np.maximum(last, 0), axis=1).clip(min=0.0)
    return np.sign(delta) * np.maximum(size - cut, 0.0)
