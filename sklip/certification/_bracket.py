# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Both sides of the true robustness: what is proven and what an attack reaches."""

import numpy as np

from sklip._arguments import as_generator, check_norm
from sklip.certification._attacks import (
    attack_points,
    nearest_flips,
    nearest_on_ray,
    perturbation_norm,
    tangent_distances,
)
from sklip.certification._categories import radii_for
from sklip.certification._decisions import decide

__all__ = ["robustness_bracket"]

_N_STEPS = 20
_N_RESTARTS = 5
_NEAREST_STEPS = 100
# Where no flip was found nearby: up to 4^8 times the linearised distance.
_N_GROWTH = 8
# Then the gap is halved by attacks within a radius.
_N_HALVINGS = 8


def robustness_bracket(model, X, *, norm=2, feature_eps=None, random_state=None):
    """Bracket the distance at which each sample's prediction changes.

    Parameters
    ----------
    model : FeedForward, fitted classifier or Pipeline
        As for :func:`certified_radius`.
    X : array-like or DataFrame of shape (n_samples, n_features)
        Samples, as the model takes them.
    norm : {1, 2, numpy.inf}, default=2
        Norm of the perturbation.
    feature_eps : dict, default=None
        Feature name or index to its tolerance; other features do not move.
    random_state : int, RandomState or Generator, default=None
        Of the attack's random starts. Global generators are not touched.

    Returns
    -------
    certified : ndarray of shape (n_samples,)
        No perturbation below this changes the prediction (method "best").
    attacked : ndarray of shape (n_samples,)
        Distance of the nearest point found with another prediction; inf if none was.
        The true distance lies between the two.

    Notes
    -----
    The flips are those of :func:`minimum_norm_attack`, then of projected gradient
    ascent within radii that halve what is left between the two ends.

    Examples
    --------
    >>> from sklip.certification import robustness_bracket
    >>> from sklip.networks import FeedForward
    >>> net = FeedForward([[[1.5, 2.0], [-1.5, -2.0]]])
    >>> certified, attacked = robustness_bracket(net, [[1.0, 0.5]], random_state=0)
    >>> certified.round(6), attacked.round(6)
    (array([1.]), array([1.]))
    """
    norm = check_norm(norm)
    rng = as_generator(random_state)
    decisions = decide(model, X, None, feature_eps)
    certified = radii_for(decisions, norm, "best", "immutable")
    search = _Search(decisions, norm, certified, rng)
    search.take(nearest_flips(decisions, norm, _NEAREST_STEPS, _N_RESTARTS, rng)[1])
    radii = np.maximum(certified, tangent_distances(decisions, norm)) * (1.0 + 1e-9)
    for _ in range(_N_GROWTH):
        lost = np.isinf(search.distance)
        if not lost.any():
            break
        search.attack(np.where(lost, radii, 0.0))
        radii = 4.0 * radii
    for _ in range(_N_HALVINGS):
        middle = 0.5 * (search.tried + search.distance)
        search.attack(np.where(np.isfinite(middle), middle, 0.0))
    return certified, search.distance


class _Search:
    """The nearest flip so far of each sample, and the radius that was tried in vain."""

    def __init__(self, decisions, norm, certified, rng):
        self.decisions, self.norm, self.rng = decisions, norm, rng
        self.tried = np.where(np.isfinite(certified), certified, 0.0)
        self.distance = np.full(len(certified), np.inf)
        self.open = np.isfinite(certified)

    def take(self, distances):
        """Take flips found by other means."""
        self.distance = np.where(self.open, distances, self.distance)

    def attack(self, radii):
        """Attack the open samples with a radius > 0 and keep what comes nearer."""
        radii = np.where(self.open & np.isfinite(radii), radii, 0.0)
        points, flipped = attack_points(
            self.decisions, radii, self.norm, _N_STEPS, _N_RESTARTS, self.rng
        )
        missed = ~flipped & (radii > 0.0)
        self.tried[missed] = np.maximum(self.tried, radii)[missed]
        rows = np.flatnonzero(flipped)
        found = nearest_on_ray(self.decisions, rows, points[rows])
        delta = found - self.decisions.inputs[rows]
        length = perturbation_norm(delta, self.norm)
        self.distance[rows] = np.minimum(self.distance[rows], length)
