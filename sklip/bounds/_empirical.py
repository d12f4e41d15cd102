# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Lower bounds of the Lipschitz constant: pairs of inputs that reach them."""

import numpy as np
from sklearn.utils import check_random_state

from sklip.bounds._certificate import LipschitzEstimate
from sklip.bounds._chain import UNIT
from sklip.bounds._norms import layer_norms
from sklip.networks import network_view

__all__ = ["lipschitz_lower_bound"]

_MAX_SAMPLES = 1000
_STEPS = 15
_JACOBIAN_FLOATS = 2**21


def lipschitz_lower_bound(model, X=None, *, n_restarts=10, random_state=None):
    """Bound the global l2 Lipschitz constant from below, by a search.

    Parameters
    ----------
    model : FeedForward or fitted model
        As for :func:`lipschitz_bound`; only mutable columns move.
    X : {array-like, DataFrame} of shape (n_samples, n_features), default=None
        Samples to start from, at most 1000 of them; None starts from random points
        where the first layer's units switch.
    n_restarts : int, default=10
        Number of random starts, and of best samples, that are improved.
    random_state : int, RandomState instance or None, default=None
        Seed of the starts and steps.

    Returns
    -------
    estimate : LipschitzEstimate
        Of kind ``"lower"``: ``||f(x) - f(y)|| / ||x - y||`` of a pair found, less what
        rounding may have added to it.

    Raises
    ------
    ValueError
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
    if not isinstance(n_restarts, int | np.integer) or n_restarts < 1:
        raise ValueError(f"n_restarts must be a positive integer, got {n_restarts!r}.")
    rng = check_random_state(random_state)
    view = network_view(model)
    search = _Search(view.network, view.mutable, rng)
    points = search.starts(n_restarts)
    if X is not None:
        samples = view.encode(X)
        if len(samples) > _MAX_SAMPLES:
            samples = samples[rng.choice(len(samples), _MAX_SAMPLES, replace=False)]
        points = np.concatenate([points, search.steepest(samples, n_restarts)])
    value = search.best_pair(search.climb(points)) if view.mutable.any() else 0.0
    return LipschitzEstimate(value, "lower", "search")


class _Search:
    """Ascent of the Jacobian's norm over the mutable coordinates."""

    def __init__(self, network, mutable, rng):
        self.network, self.mutable, self.rng = network, mutable, rng
        first = network.weights[0]
        sizes = np.linalg.norm(first, axis=0)
        # Coordinates in units that change the first layer by about one.
        self.units = 1.0 / np.where(sizes > 0.0, sizes, 1.0)
        # The centre undoes the offset of data that a scaler would have centred.
        scaled = np.linalg.lstsq(first * self.units, -network.biases[0], rcond=1e-8)[0]
        self.centre = scaled * self.units

    def starts(self, n_starts):
        """The steepest of many random points, at all distances from the centre."""
        n_drawn = 50 * n_starts
        directions = self.rng.standard_normal((n_drawn, len(self.units)))
        distances = 10.0 ** self.rng.uniform(-1.0, 2.5, (n_drawn, 1))
        return self.steepest(
            self.centre + distances * directions * self.units, n_starts
        )

    def steepest(self, points, n_points):
        """The points with the largest Jacobian norms."""
        return points[np.argsort(self.slopes(points)[0])[-n_points:]]

    def slopes(self, points):
        """Norm of the Jacobian at each point and its right singular vector."""
        n_floats = self.network.n_outputs * max(self.network.layer_sizes)
        block = max(1, _JACOBIAN_FLOATS // n_floats)
        norms, vectors = [np.empty(0)], [np.empty((0, points.shape[1]))]
        for start in range(0, len(points), block):
            jacobian = self.network.jacobian(points[start : start + block])
            jacobian *= self.mutable
            _, s, vt = np.linalg.svd(jacobian, full_matrices=False)
            norms.append(s[:, 0])
            vectors.append(vt[:, 0])
        return np.concatenate(norms), np.concatenate(vectors)

    def climb(self, points):
        """Move every point along its steepest or a random direction while it helps."""
        norms, vectors = self.slopes(points)
        for step in np.geomspace(3.0, 1e-2, _STEPS):
            noise = self.rng.standard_normal((2, *points.shape))
            noise *= self.mutable * self.units
            steepest = vectors / np.linalg.norm(vectors / self.units, axis=1)[:, None]
            steepest *= np.sqrt(points.shape[1])
            for move in (steepest, -steepest, *noise):
                candidates = points + step * move
                found, directions = self.slopes(candidates)
                better = found > norms
                points = np.where(better[:, None], candidates, points)
                vectors = np.where(better[:, None], directions, vectors)
                norms = np.where(better, found, norms)
        return points[np.argsort(norms)[-3:]]

    def best_pair(self, points):
        """Largest proven quotient of pairs around the points."""
        _, vectors = self.slopes(points)
        lengths = np.linalg.norm(self.units) * 2.0 ** -np.arange(0.0, 30.0, 1.5)
        offsets = lengths[:, None, None] * (vectors * self.mutable)
        left = (points + offsets).reshape(-1, points.shape[1])
        right = (points - offsets).reshape(-1, points.shape[1])
        change = np.linalg.norm(
            self.network.forward(left) - self.network.forward(right), axis=1
        )
        change -= _rounding(self.network, left) + _rounding(self.network, right)
        distance = np.linalg.norm(left - right, axis=1) * (1.0 + 1e-12)
        with np.errstate(invalid="ignore", divide="ignore"):
            quotients = np.where(distance > 0.0, change / distance, 0.0)
        return float(max(0.0, np.max(quotients) * (1.0 - 1e-12)))


def _rounding(network, points):
    """Bound of the l2 rounding error of the forward pass at each point."""
    norms = layer_norms(network, 2)
    first = network.weights[0]
    gamma = 1.01 * (first.shape[1] + 4) * UNIT
    size = np.abs(points) @ np.abs(first).T + np.abs(network.biases[0])
    error = gamma * np.linalg.norm(size, axis=1)
    z = points @ first.T + network.biases[0]
    for k, activation in enumerate(network.activations, start=1):
        # 16 roundings an activation, relative to its own size.
        scale = 16.0 * UNIT * max(1.0, activation.lipschitz)
        size = np.sqrt(z.shape[1]) + np.linalg.norm(z, axis=1) + error
        error = activation.lipschitz * error + scale * size
        a = activation.function(z)
        weight, bias = network.weights[k], network.biases[k]
        gamma = 1.01 * (weight.shape[1] + 4) * UNIT
        size = np.linalg.norm(weight) * (np.linalg.norm(a, axis=1) + error)
        error = norms[k] * error + gamma * (size + np.linalg.norm(bias))
        z = a @ weight.T + bias
    return 1.01 * error
