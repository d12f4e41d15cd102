# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Both sides of the true robustness: what is proven and what an attack reaches."""

import time
from dataclasses import replace
from functools import partial

import numpy as np

from sklip._arguments import (
    as_generator,
    check_effort,
    check_norm,
    check_positive,
    check_time_limit,
)
from sklip._blocks import (
    FEW_ROWS,
    by_blocks,
    check_jobs,
    joined,
    seeds,
)
from sklip._documentation import documented
from sklip._shared_docs import SHARED
from sklip.bounds import row_check
from sklip.certification._attacks import (
    Counterexamples,
    attack_points,
    nearest_flips,
    nearest_on_ray,
    perturbation_norm,
    tangent_distances,
)
from sklip.certification._branching import Closing, check_splittable
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


@documented(SHARED)
def robustness_bracket(
    model,
    X,
    y=None,
    *,
    norm=2,
    feature_eps=None,
    rtol=None,
    time_limit=None,
    random_state=None,
    effort="normal",
    n_jobs=None,
    verbose=0,
):
    """Bracket the distance at which each sample's prediction changes.

    Parameters
    ----------
    {model, X}
    y : array-like of shape (n_samples,), default=None
        True labels: both sides are 0 where the prediction is wrong. Without y the
        bracket is about the predicted class.
    {norm, feature_eps}
    rtol : float, default=None
        Close the bracket by exact verification until (attacked - certified) / attacked
        is at most this. With "relu", "leaky_relu" or "abs" it takes as long as it
        takes; networks of other activations, whose ranges can be cut without end, may
        stay wider, by ``effort``.
    time_limit : float, default=None
        Seconds for the whole table, after which the bracket is returned as it is. The
        first bound and the first attack are always done.
    {random_state, effort}
        With ``rtol`` of what exact verification leaves open by then.
    {n_jobs, verbose}

    Returns
    -------
    certified : ndarray of shape (n_samples,)
        No perturbation below this changes the prediction.
    attacked : ndarray of shape (n_samples,)
        Distance of the nearest point found with another prediction of
        ``model.predict``; inf if none was. The true distance lies between the two.

    Raises
    ------
    UnsupportedModelError
        With ``rtol``, if the model is a torch module of other than linear layers.

    See Also
    --------
    certification_report : Both sides in a table, with the class and the column.
    nearest_flip : The flips themselves.

    Notes
    -----
    The flips are those of :func:`minimum_norm_attack`, then of projected gradient
    ascent within radii that halve what is left between the two ends. The proof is that
    of method "best". With ``rtol`` a ball that ends just below the nearest flip is
    verified by branch and bound instead: one proof closes the bracket, and where it
    fails it leaves a nearer flip.

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
    if rtol is not None:
        rtol = check_positive(rtol, "rtol")
    effort, time_limit = check_effort(effort), check_time_limit(time_limit)
    check_jobs(n_jobs, verbose)
    rng = as_generator(random_state)
    check = row_check(model, feature_eps)
    ask = partial(_both_sides, model, feature_eps, norm, rtol, effort)
    limits = {"time_limit": time_limit, "n_jobs": n_jobs, "verbose": verbose}
    parts = by_blocks(
        ask,
        check,
        X,
        y,
        step=FEW_ROWS,
        more=seeds(rng),
        **limits,
    )
    certified, attacked = map(joined, zip(*parts, strict=True))
    return certified, attacked


def _both_sides(model, feature_eps, norm, rtol, effort, X, y, block, rng):
    """Both ends for a block of the rows."""
    deadline = block.deadline
    # The first bound is always that of "best".
    told = {"effort": effort, "block": replace(block, until=np.inf)}
    decisions = decide(model, X, y, feature_eps, **told)
    found = Counterexamples(model, X, decisions, norm, keep_whole=False)
    if rtol is not None:
        name = "robustness_bracket with rtol"
        check_splittable(decisions, name, "Leave rtol out")
        certified, search = _closed(decisions, norm, rtol, deadline, rng)
    else:
        certified, search = _bracketed(decisions, norm, deadline, rng)
    steps = np.zeros(len(found.writer.moving), dtype=bool)
    return certified, found.nearest(search.points, search.distance, steps)[1]


def _bracketed(decisions, norm, deadline, rng):
    """Radii of "best", and what attacks find beyond."""
    certified = radii_for(decisions, norm, "best", "immutable")
    search = _Search(decisions, norm, certified, rng)
    search.take(*nearest_flips(decisions, norm, _NEAREST_STEPS, _N_RESTARTS, rng))
    search.look_farther(certified, deadline)
    for _ in range(_N_HALVINGS):
        if time.monotonic() > deadline:
            break
        middle = 0.5 * (search.tried + search.distance)
        search.attack(np.where(np.isfinite(middle), middle, 0.0))
    return certified, search


def _closed(decisions, norm, rtol, deadline, rng):
    """Radii proven right below flips, as far as time allows; else those of "best"."""
    certified = radii_for(decisions, norm, "pairwise", "immutable")
    search = _Search(decisions, norm, certified, rng)
    search.take(*nearest_flips(decisions, norm, _NEAREST_STEPS, _N_RESTARTS, rng))
    search.look_farther(certified, deadline)
    for rows, part in decisions.by_missing():
        closing = Closing(part, norm, certified[rows], search.distance[rows])
        closing.run(rtol, deadline)
        certified[rows] = closing.proven
        for row, point in zip(rows, closing.points, strict=True):
            if point is not None:
                search.found(np.array([row]), point[None])
    with np.errstate(invalid="ignore"):
        wide = search.distance - certified > rtol * search.distance
    rows = np.flatnonzero(search.open & wide)
    if len(rows):
        best = radii_for(decisions.some(rows), norm, "best", "immutable")
        certified[rows] = np.maximum(certified[rows], best)
    return certified, search


class _Search:
    """The nearest flip so far of each sample, and the radius that was tried in vain."""

    def __init__(self, decisions, norm, certified, rng):
        self.decisions, self.norm, self.rng = decisions, norm, rng
        self.tried = np.where(np.isfinite(certified), certified, 0.0)
        self.distance = np.full(len(certified), np.inf)
        self.points = decisions.inputs.copy()
        self.open = np.isfinite(certified)

    def take(self, points, distances):
        """Take flips found by other means."""
        self.distance = np.where(self.open, distances, self.distance)
        self.points = np.where(self.open[:, None], points, self.points)

    def look_farther(self, certified, deadline):
        """Attack where no flip was found nearby, within radii that grow."""
        tangent = tangent_distances(self.decisions, self.norm)
        radii = np.maximum(certified, tangent) * (1.0 + 1e-9)
        for _ in range(_N_GROWTH):
            lost = np.isinf(self.distance)
            if not lost.any() or time.monotonic() > deadline:
                break
            self.attack(np.where(lost, radii, 0.0))
            radii = 4.0 * radii

    def attack(self, radii):
        """Attack the open samples with a radius > 0 and keep what comes nearer."""
        radii = np.where(self.open & np.isfinite(radii), radii, 0.0)
        points, flipped = attack_points(
            self.decisions, radii, self.norm, _N_STEPS, _N_RESTARTS, self.rng
        )
        missed = ~flipped & (radii > 0.0)
        self.tried[missed] = np.maximum(self.tried, radii)[missed]
        rows = np.flatnonzero(flipped)
        self.found(rows, nearest_on_ray(self.decisions, rows, points[rows]))

    def found(self, rows, points):
        """Keep flips of some samples that are nearer than what is known."""
        delta = points - self.decisions.inputs[rows]
        length = perturbation_norm(delta, self.norm, self.decisions.view.shares)
        nearer = length < self.distance[rows]
        self.distance[rows[nearer]] = length[nearer]
        self.points[rows[nearer]] = points[nearer]
