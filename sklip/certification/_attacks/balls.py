# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Norm balls around samples: projection, steepest steps, points exactly inside."""

from dataclasses import dataclass

import numpy as np

from sklip._floats import UNIT, gamma, lengths, norms

__all__ = ["Ball", "in_shares", "perturbation_norm"]

# Share of the coordinates that one l1 step moves: a step along the single steepest one
# is too slow, one along all of them is not an l1 step.
_L1_SHARE = 0.05


@dataclass(frozen=True)
class Ball:
    """Balls of perturbations, one for each sample, in the mutable coordinates.

    Where coordinates move down and up differently, perturbations are in units of their
    own direction's share; :meth:`move` alone goes back to the coordinates. In a
    direction without a share nothing moves.
    """

    norm: float  # {1, 2, numpy.inf}: norm of the perturbations
    radius: np.ndarray  # of shape (n_samples, 1): radius of each sample's ball
    # Of shape (n_coordinates,): what a unit is worth down and up; one by default.
    shares: tuple | None = None

    @classmethod
    def around(cls, view, norm, radius):
        """Balls in the coordinates of a view that an attack may move."""
        shares = [share[view.attackable] for share in view.shares]
        one = all(np.all(share == 1.0) for share in shares)
        return cls(norm, radius, None if one else tuple(shares))

    def of(self, rows):
        """Balls of some of the samples."""
        return Ball(self.norm, self.radius[rows], self.shares)

    def scaled(self, slopes):
        """Slopes in units of the shares, for moves in the direction of their signs."""
        if self.shares is None:
            return slopes
        return slopes * np.where(slopes > 0.0, self.shares[1], self.shares[0])

    def in_shares(self, steps):
        """Steps in coordinates, in units of the shares; cut where there is none."""
        if self.shares is None:
            return steps
        steps = in_shares(steps, self.shares)
        return np.where(np.isfinite(steps), steps, 0.0)

    def project(self, delta):
        """Nearest perturbations inside (Euclidean distance in units of the shares)."""
        if self.shares is not None:
            delta = np.where(self.scaled(delta) != 0.0, delta, 0.0)
        if self.norm == np.inf:
            return np.clip(delta, -self.radius, self.radius)
        if self.norm == 2:
            length = lengths(delta)[:, None]
            return delta * (self.radius / np.maximum(length, self.radius)).clip(max=1)
        return _project_l1(delta, self.radius)

    def steepest(self, gradient):
        """Step of length one in the ball's norm along each nonzero gradient."""
        gradient = self.scaled(gradient)
        # A saturated network's gradient may be too small to square.
        largest = np.abs(gradient).max(axis=1, keepdims=True)
        # Where nothing may move in its direction there is no step.
        stuck = ~(largest[:, 0] > 0.0) if self.shares is not None else None
        gradient = gradient / np.where(largest > 0.0, largest, 1.0)
        if stuck is not None and stuck.any():
            step = np.zeros_like(gradient)
            step[~stuck] = self._steepest(gradient[~stuck])
            return step
        return self._steepest(gradient)

    def _steepest(self, gradient):
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
        if self.shares is not None:
            shares = [_rounded_down(share) for share in self.shares]
            delta = delta * np.where(delta > 0.0, shares[1], shares[0])
        return np.nextafter(points + delta, points)


def perturbation_norm(delta, norm, shares=None):
    """Norm of each row, rounded up (the differences' own rounding included).

    Parameters
    ----------
    delta : ndarray of shape (n_samples, n_coordinates)
        Perturbations.
    norm : {1, 2, numpy.inf}
        Norm.
    shares : tuple of two ndarray of shape (n_coordinates,), default=None
        Those of a view, where moves down and up count differently.

    Returns
    -------
    length : ndarray of shape (n_samples,)
        Inf where a coordinate moved in a direction without a share.
    """
    if shares is not None:
        delta = in_shares(delta, shares)
    with np.errstate(over="ignore"):
        length = norms(delta, norm) * (1.0 + 2.0 * gamma(delta.shape[1]))
    length = np.where(np.isinf(delta).any(axis=1), np.inf, length)
    return np.where(length > 0.0, np.nextafter(length, np.inf), 0.0)


def in_shares(steps, shares):
    """Steps in units of what their directions are worth; inf where that is nothing."""
    share = np.where(steps > 0.0, _rounded_down(shares[1]), _rounded_down(shares[0]))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(steps == 0.0, 0.0, steps / share)


def _rounded_down(shares):
    """Shares below the exact ones, but zero and one, which are exact."""
    between = (shares > 0.0) & (shares < 1.0)
    return np.where(between, shares * (1.0 - 8.0 * UNIT), shares)


def _project_l1(delta, radius):
    size = np.abs(delta)
    ordered = -np.sort(-size, axis=1)
    excess = (np.cumsum(ordered, axis=1) - radius) / np.arange(1, size.shape[1] + 1)
    # The last index at which the sorted entry still exceeds the common reduction.
    last = np.count_nonzero(ordered > excess, axis=1, keepdims=True) - 1
    cut = np.take_along_axis(excess, np.maximum(last, 0), axis=1).clip(min=0.0)
    return np.sign(delta) * np.maximum(size - cut, 0.0)
