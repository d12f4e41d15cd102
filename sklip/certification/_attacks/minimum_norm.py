# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The nearest flip that gradient descent finds: an attack without a given radius."""

from dataclasses import replace
from functools import partial

import numpy as np

from sklip._arguments import as_generator, check_count, check_norm
from sklip._blocks import (
    SOME_ROWS,
    by_blocks,
    check_jobs,
    joined,
    seeds,
)
from sklip._documentation import documented
from sklip._floats import norms
from sklip._shared_docs import SHARED
from sklip.bounds import row_check
from sklip.certification._attacks.balls import Ball, perturbation_norm
from sklip.certification._attacks.found import Counterexamples
from sklip.certification._attacks.pgd import linearise
from sklip.certification._attacks.whole_steps import away
from sklip.certification._decisions import decide

__all__ = ["found_flips", "minimum_norm_attack", "nearest_flips", "nearest_on_ray"]

_BLOCK_ROWS = 1024
_N_HALVINGS = 30
# Largest relative change of the radius in one step.
_RADIUS_STEP = 0.1


@documented(SHARED)
def minimum_norm_attack(
    model,
    X,
    y=None,
    *,
    norm=2,
    feature_eps=None,
    n_steps=100,
    n_restarts=3,
    random_state=None,
    n_jobs=None,
    verbose=0,
):
    """Search for the nearest point with another prediction.

    Parameters
    ----------
    {model, X}
    y : array-like of shape (n_samples,), default=None
        True labels; without y the predicted ones.
    norm : {1, 2, numpy.inf}, default=2
        Norm of the distance, in the units of X (or of feature_eps).
    {feature_eps}
    n_steps : int, default=100
        Gradient steps from each start.
    n_restarts : int, default=3
        Starts: the sample itself against the nearest other class, then against each of
        the runners-up from a random point nearby.
    {random_state, n_jobs, verbose}

    Returns
    -------
    rows : ndarray, sparse matrix or DataFrame of shape (n_samples, n_features)
        The nearest flips found, else the samples, as rows of the table X: its kind,
        names, index and types. ``model.predict(rows)`` gives another class wherever
        the distance is finite and not 0.
    distances : ndarray of shape (n_samples,)
        Their distances, rounded up; 0 where the prediction is wrong, inf where no flip
        was found.

    See Also
    --------
    nearest_flip : With bounds and columns that take whole steps.
    robustness_bracket : These distances beside what is proven.

    Notes
    -----
    Steps down the gradient of the margin, projected to a radius that shrinks while the
    point flips and grows while it does not (Pintor et al., Fast minimum-norm
    adversarial attacks, NeurIPS 2021); the first radius is that of the linearised
    margin (DeepFool). The last stretch is bisected. Categories, missing entries and
    columns behind a curved map stay as they are; a column whose type holds whole
    numbers only takes whole steps.

    Examples
    --------
    >>> from sklip.certification import minimum_norm_attack
    >>> from sklip.networks import FeedForward
    >>> net = FeedForward([[[1.5, 2.0], [-1.5, -2.0]]])
    >>> _, distance = minimum_norm_attack(net, [[1.0, 0.5]], random_state=0)
    >>> distance.round(4)
    array([1.])
    """
    norm = check_norm(norm)
    n_steps = check_count(n_steps, "n_steps")
    n_restarts = check_count(n_restarts, "n_restarts")
    rng = as_generator(random_state)
    check_jobs(n_jobs, verbose)
    check = row_check(model, feature_eps)
    ask = partial(_nearest, model, feature_eps, norm, (n_steps, n_restarts))
    jobs = {"n_jobs": n_jobs, "verbose": verbose, "more": seeds(rng)}
    parts = by_blocks(ask, check, X, y, step=SOME_ROWS, **jobs)
    rows, distances = map(joined, zip(*parts, strict=True))
    return rows, distances


def _nearest(model, feature_eps, norm, effort, X, y, block, rng):
    """The nearest flips of a block of the rows, and their distances."""
    decisions = decide(model, X, y, feature_eps, block=block)
    found = Counterexamples(model, X, decisions, norm)
    values, distances = found_flips(found, (*effort, rng))
    return found.rows(values), distances


def found_flips(found, effort, whole=None):
    """Values of the nearest flips, where some columns may take whole steps only.

    Parameters
    ----------
    found : Counterexamples
        The samples; its limits hold.
    effort : tuple
        Steps, restarts and generator of the attack.
    whole : ndarray of bool of shape (n_moving,), default=None
        Columns that take whole steps; by default those of whole numbers.

    Returns
    -------
    values : ndarray of shape (n_samples, n_moving)
        Those of the samples where no flip was found.
    distances : ndarray of shape (n_samples,)
        Of the values.
    """
    if whole is None:
        whole = found.writer.whole & found.keep_whole
    room = found.room()
    points, distances = nearest_flips(found.decisions, found.norm, *effort, room)
    if whole.any() and not whole.all():
        points, distances = _beside(found, points, distances, effort, whole, room)
    return found.nearest(points, distances, whole)


def _beside(found, points, distances, effort, whole, room):
    """The nearest flips whose steps in whole columns are rounded ones of others.

    All other columns are attacked anew beside each rounding.
    """
    decisions, writer = found.decisions, found.writer
    samples = np.arange(len(points))
    step = (writer.values(points, samples) - writer.origin)[:, whole]
    low, high = (limit[whole] for limit in found.limits)
    columns, units = writer.moving[whole], writer.units[whole]
    still = np.zeros(len(decisions.view.mutable), dtype=bool)
    still[columns] = True
    rest = None if room is None else [limit[:, ~whole] for limit in room]
    nearest, best = np.where(decisions.correct, np.inf, 0.0), points.copy()
    for rounded in (np.zeros_like, np.trunc, np.rint, away):
        origin = writer.origin[:, whole]
        there = np.clip(origin + rounded(step), low, high)
        moved = there != origin
        inputs = decisions.inputs.copy()
        inputs[:, columns] = np.where(moved, there / units, inputs[:, columns])
        shifted = replace(
            decisions,
            inputs=inputs,
            logits=decisions.network.forward(inputs),
            view=decisions.view.frozen(still),
        )
        flips, reach = nearest_flips(shifted, found.norm, *effort, rest)
        length = found.distances(writer.values(flips, samples), samples)
        nearer = np.isfinite(reach) & (length < nearest)
        best[nearer], nearest[nearer] = flips[nearer], length[nearer]
    lost = np.isinf(nearest)
    return best, np.where(lost, distances, nearest)


def nearest_flips(decisions, norm, n_steps, n_restarts, rng, limits=None):
    """Nearest flips in coordinates, else the samples, and their distances.

    ``limits`` are the least and largest coordinates that may be reached, two arrays of
    shape (n_samples, n_moving) around the samples.
    """
    points = decisions.inputs.copy()
    distances = np.where(decisions.correct, np.inf, 0.0)
    if not decisions.view.attackable.any():
        return points, distances
    right = np.flatnonzero(decisions.correct & decisions.movable().any(axis=1))
    for restart in range(n_restarts):
        for start in range(0, len(right), _BLOCK_ROWS):
            rows = right[start : start + _BLOCK_ROWS]
            room = None if limits is None else [limit[rows] for limit in limits]
            descent = _Descent(decisions, rows, norm, n_steps, room)
            found, hit = descent.run(restart, rng)
            rows, found = rows[hit], found[hit]
            found = nearest_on_ray(decisions, rows, found)
            reach = perturbation_norm(
                found - decisions.inputs[rows], norm, decisions.view.shares
            )
            nearer = reach < distances[rows]
            points[rows[nearer]] = found[nearer]
            distances[rows[nearer]] = reach[nearer]
    return points, distances


def nearest_on_ray(decisions, rows, flips):
    """Bisect between each sample and its flip, always keeping a flip."""
    near, far = decisions.inputs[rows], flips
    for _ in range(_N_HALVINGS):
        middle = 0.5 * (near + far)
        wrong = decisions.flips(middle, rows)
        far = np.where(wrong[:, None], middle, far)
        near = np.where(wrong[:, None], near, middle)
    return far


class _Descent:
    """Descent of the margin of some samples within radii that adapt."""

    def __init__(self, decisions, rows, norm, n_steps, limits=None):
        self.decisions, self.rows = decisions, rows
        self.network, self.norm, self.n_steps = decisions.network, norm, n_steps
        self.moving = np.flatnonzero(decisions.view.attackable)
        self.limits = limits
        # An entry that is missing stays missing.
        self.free = decisions.movable()[rows]
        self.origin, self.target = decisions.inputs[rows], decisions.target[rows]
        self.classes = np.eye(self.network.n_outputs)
        own = self.classes[self.target] > 0.0
        self.others = np.where(own, -np.inf, decisions.logits[rows])
        self.dual = {1: np.inf, 2: 2, np.inf: 1}[norm]
        self.whole = Ball.around(decisions.view, norm, None)

    def run(self, restart, rng):
        """Nearest flips on the way and which samples have one."""
        n = len(self.origin)
        delta = np.zeros((n, len(self.moving)))
        radius = np.full(n, np.inf)
        best, nearest = self.origin.copy(), np.full(n, np.inf)
        chosen = None
        if restart:
            ranked = np.argsort(-self.others, axis=1)
            # Each restart aims at another class, the likeliest first.
            chosen = ranked[:, (restart - 1) % (self.others.shape[1] - 1)]
        for step in range(self.n_steps):
            here = self._points(delta, radius)
            margin, gradient = self._margins(here, chosen)
            if self.limits is not None:
                moved = here[:, self.moving] - self.origin[:, self.moving]
                delta = self.whole.in_shares(moved)
                gradient = self._without_blocked(here, gradient)
            flips = self.decisions.flips(here, self.rows)
            length = norms(delta, self.norm)
            nearer = flips & (length < nearest)
            best[nearer], nearest[nearer] = here[nearer], length[nearer]
            # Radii change much at first and settle at the end.
            ease = 0.5 * (1.0 + np.cos(np.pi * step / self.n_steps))
            radius = self._radii(radius, length, nearest, flips, margin, gradient, ease)
            # Where no unit responds every way is as good as another.
            flat = ~gradient.any(axis=1)
            noise = rng.standard_normal((flat.sum(), gradient.shape[1]))
            gradient[flat] = noise * self.free[flat]
            ball = replace(self.whole, radius=radius[:, None])
            size = np.maximum(ease, 0.02) * radius[:, None]
            # From the sample itself all restarts would go the same way.
            if step == 0 and restart:
                delta = 0.3 * ball.sample(delta.shape[1], rng) * self.free
            delta = ball.project(delta + size * ball.steepest(-gradient))
        return best, np.isfinite(nearest)

    def _points(self, delta, radius):
        here = self.origin.copy()
        finite = np.where(np.isfinite(radius), radius, 0.0)
        ball = replace(self.whole, radius=finite[:, None])
        moved = ball.move(here[:, self.moving], delta)
        if self.limits is not None:
            moved = np.clip(moved, *self.limits)
        here[:, self.moving] = moved
        return here

    def _without_blocked(self, here, gradient):
        """Gradients without what points down out of the limits."""
        low, high = self.limits
        moved = here[:, self.moving]
        blocked = (moved <= low) & (gradient > 0.0) | (moved >= high) & (gradient < 0.0)
        return np.where(blocked, 0.0, gradient)

    def _margins(self, here, chosen):
        logits, pull_back = linearise(self.network, here)
        rows = np.arange(len(here))
        rest = np.where(self.classes[self.target] > 0.0, -np.inf, logits)
        other = rest.argmax(axis=1) if chosen is None else chosen
        margin = logits[rows, self.target] - logits[rows, other]
        slopes = self.classes[self.target] - self.classes[other]
        return margin, pull_back(slopes)[:, self.moving] * self.free

    def _radii(self, radius, length, nearest, flips, margin, gradient, ease):
        """Shrink where the point flips, grow where it does not."""
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            slope = self.whole.scaled(-gradient)
            tangent = np.abs(margin) / norms(slope, self.dual)
        # A little beyond where the margin would vanish if it were linear.
        tangent = np.where(np.isfinite(tangent), 1.05 * tangent, length + 1.0)
        shrunk = np.minimum(radius, nearest) * (1.0 - _RADIUS_STEP * ease)
        grown = np.minimum(radius * (1.0 + _RADIUS_STEP * ease), nearest)
        unknown = np.isinf(nearest)
        outward = np.where(unknown, length + tangent, grown)
        return np.maximum(np.where(flips, shrunk, outward), 1e-290)
