# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Lower bounds of the Lipschitz constant: pairs of inputs that reach them."""

import numpy as np

from sklip._arguments import as_random_state, check_count
from sklip._floats import lengths
from sklip.bounds._ascent import JacobianAscent
from sklip.bounds._estimate import LipschitzEstimate
from sklip.bounds._module_search import steepest_pair
from sklip.bounds._modules import ModuleView, view_of
from sklip.bounds._rounding import forward_error
from sklip.networks import network_view

__all__ = ["lipschitz_lower_bound"]

_MAX_SAMPLES = 1000
# First and last step and width of the climbs (see _ascent): long ones from the starts,
# short ones from what they found, shaken.
_CLIMBS = (
    {"step": (0.3, 0.03), "width": (0.3, 0.01), "far": True},
    {"step": (0.3, 0.03), "width": (0.3, 0.01), "far": False},
    {"step": (0.3, 0.01), "width": (0.1, 0.003), "far": False},
)
_SHAKES = (0.3, 0.3, 0.1, 0.1, 0.03, 0.03)
_STEPS = 150
_FLIPPED = 4
# Norms closer than this mean the same linear piece.
_SAME = 1e-7


def lipschitz_lower_bound(model, X=None, *, n_restarts=10, random_state=None):
    """Bound the global l2 Lipschitz constant from below, by a search.

    Parameters
    ----------
    model : FeedForward or fitted model
        As for :func:`lipschitz_bound`, or any torch module; only mutable columns move.
    X : {array-like, DataFrame} of shape (n_samples, n_features), default=None
        Samples to start from, at most 1000 of them; None starts from random points
        where the first layer's units switch.
    n_restarts : int, default=10
        Half the number of random starts, and number of best samples, that are improved.
    random_state : int, RandomState instance or None, default=None
        Seed of the starts and steps.

    Returns
    -------
    estimate : LipschitzEstimate
        Of kind ``"lower"``: ``||f(x) - f(y)|| / ||x - y||`` of a pair found, less what
        rounding may have added to it.

    Raises
    ------
    TypeError, ValueError
        If ``n_restarts`` is not a positive integer.

    Notes
    -----
    The constant is the supremum of the Jacobian's norm (Theorem 1 of paper 000, A4); a
    norm at one point bounds it from below only (A5).

    Examples
    --------
    >>> from sklip.bounds import lipschitz_bound, lipschitz_lower_bound
    >>> from sklip.networks import random_network
    >>> network = random_network([4, 16, 1], random_state=0)
    >>> lower = lipschitz_lower_bound(network, random_state=0)
    >>> 0.0 < float(lower) <= float(lipschitz_bound(network))
    True
    """
    n_restarts = check_count(n_restarts, "n_restarts")
    rng = as_random_state(random_state)
    view = view_of(model, X).as_score()
    if isinstance(view, ModuleView):
        value = steepest_pair(view, X, n_restarts, rng, view.is_score)
        return LipschitzEstimate(value, "lower", "search")
    search = _Search(view.network, view.mutable, rng)
    # What overflows on the way is no better point.
    with np.errstate(over="ignore", invalid="ignore"):
        points = search.starts(2 * n_restarts)
        if X is not None:
            samples = view.encode(X)
            if len(samples) > _MAX_SAMPLES:
                samples = samples[rng.choice(len(samples), _MAX_SAMPLES, replace=False)]
            points = np.concatenate([points, search.steepest(samples, n_restarts)])
        value = search.best_pair(search.improve(points)) if view.mutable.any() else 0.0
    return LipschitzEstimate(value, "lower", "search")


class _Search:
    """Starts of the ascent, its schedule, and the proof of what it found."""

    def __init__(self, network, mutable, rng):
        self.network, self.mutable, self.rng = network, mutable, rng
        self.rounding = network_view(network).rounding
        first = network.weights[0]
        sizes = lengths(first, axis=0)
        # Coordinates in units that change the first layer by about one.
        self.units = 1.0 / np.where(sizes > 0.0, sizes, 1.0)
        # The centre undoes the offset of data that a scaler would have centred.
        scaled = np.linalg.lstsq(first * self.units, -network.biases[0], rcond=1e-8)[0]
        self.centre = scaled * self.units
        self.ascent = JacobianAscent(network, self.units * mutable)

    def starts(self, n_starts):
        """The steepest of many random points, at all distances from the centre."""
        n_drawn = 100 * n_starts
        directions = self.rng.standard_normal((n_drawn, len(self.units)))
        distances = 10.0 ** self.rng.uniform(-1.0, 2.5, (n_drawn, 1))
        return self.steepest(
            self.centre + distances * directions * self.units, n_starts
        )

    def steepest(self, points, n_points):
        """The points with the largest Jacobian norms, which differ; largest first."""
        norms, _ = self.ascent.estimates(points, n_steps=4)
        order = np.argsort(-norms)
        drops = -np.diff(norms[order], prepend=np.inf)
        return points[order[drops > _SAME * norms[order]][:n_points]]

    def improve(self, points):
        """A few of the steepest points that can be reached from these."""
        if not self.network.activations:
            return points[:1]
        n_points = max(1, len(points) // 2)
        pool = [points]
        for schedule in _CLIMBS:
            pool.append(self.ascent.climb(points, n_steps=_STEPS, **schedule))
        points = self._flipped(np.concatenate(pool), n_points)
        for k, shake in enumerate(_SHAKES):
            noise = self.rng.standard_normal(points.shape) * self.units * self.mutable
            found = self.ascent.climb(
                points + shake * noise,
                n_steps=_STEPS // 2,
                step=(shake, 0.01),
                width=(0.1, 0.003),
                far=k % 2 == 0,
            )
            points = self._flipped(np.concatenate([points, found]), n_points)
        return points[:_FLIPPED]

    def _flipped(self, points, n_points):
        """The steepest points, the first of them improved neuron by neuron."""
        points = self.steepest(points, n_points)
        flipped = [self.ascent.flip(point) for point in points[:_FLIPPED]]
        return self.steepest(np.concatenate([flipped, points]), n_points)

    def best_pair(self, points):
        """Largest proven quotient of pairs around the points."""
        _, vectors = self.ascent.slopes(points)
        steps = lengths(self.units) * 2.0 ** -np.arange(0.0, 32.0)
        offsets = steps[:, None, None] * (vectors * self.mutable)
        left = (points + offsets).reshape(-1, points.shape[1])
        right = (points - offsets).reshape(-1, points.shape[1])
        change = lengths(self.network.forward(left) - self.network.forward(right))
        for end in (left, right):
            change -= forward_error(self.network, end, self.rounding)[0]
        distance = lengths(left - right) * (1.0 + 1e-12)
        with np.errstate(invalid="ignore", divide="ignore"):
            quotients = np.where(distance > 0.0, change / distance, 0.0)
        return float(max(0.0, np.max(quotients) * (1.0 - 1e-12)))
