# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Radii by branch and bound, beyond what one bound proves.

Radii are sought on two levels of the grid: every 32nd point, and the points between
with an eighth of the parts, so that what is hard stays coarse. A question at a single
radius may take many more parts, so that its answer is seldom less than exact. The
number of parts is limited, never the time.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from sklip._threads import limit_threads
from sklip.certification._attacks import nearest_flips, perturbation_norm
from sklip.certification._branching.branches import unsplittable
from sklip.certification._branching.queue import Effort
from sklip.certification._branching.ranges import branching_of
from sklip.certification._local_radius import grid_ceil, grid_index, grid_radius

__all__ = ["BranchedRadii", "limits"]

# Parts of one sample at one radius, of all samples of a call, and for each sample the
# least that is worth while.
_MOST_PARTS, _ALL_PARTS, _FEWEST_PARTS = 2000, 100_000, 100
# Multiplications for the parts of one sample at one radius; fewer parts than the second
# number are not worth what precedes them.
_WORK, _FEWEST_OF_LARGE = 1.2e7, 8
# With more hidden neurons it takes more parts to settle anything, so they are fewer.
_MANY_NEURONS = 64
_SHARES = {"low": 0.1, "normal": 1.0, "high": 8.0}
# As many parts of networks whose activations are cut by ranges, in a search for radii.
_OF_RANGES = 0.125
# A search for radii gives up after this share of the parts, without such progress.
_EARLY, _PROGRESS = 0.125, 0.4
# At a single radius. What was not 30 % on its way by then took more parts than that.
_AT_ONE_RADIUS = Effort(of_one=50_000, of_all=250_000, early=256, progress=0.3)
# Steps of the grid between the points of a level, and share of the parts at each.
_LEVELS = ((32, 1.0), (1, 0.125))
_FLIP_STEPS, _FLIP_RESTARTS = 60, 2
# How often a search tries the point right below a flip, before it bisects.
_FROM_ABOVE = 2
_SMALLEST, _LARGEST = 2.0**-400, 2.0**60


class Limits(NamedTuple):
    """Efforts for one sample at one radius: of a search's levels, and when asked."""

    of_levels: tuple
    at_one_radius: Effort


def limits(effort, network, n_samples, n_table=None, *, ranges=False):
    """What each of so many samples of a table may take; None: no branching.

    Networks of other activations than hinges, whose parts cost several times as much,
    branch with ``ranges``, or where "high" or a number is asked.
    """
    n_table = n_table or n_samples
    if sum(network.layer_sizes[1:-1]) == 0 or effort == 0:
        return None
    if not isinstance(effort, str):
        return Limits((Effort(effort),) * len(_LEVELS), Effort(effort))
    share = _SHARES[effort]
    if not ranges and unsplittable(network):
        share *= _OF_RANGES
        if share < 1.0:
            return None
    most = min(_MOST_PARTS, _ALL_PARTS // n_table)
    # Smaller networks take no more parts: then it is the steps around that cost.
    size = min(1.0, _WORK / _MOST_PARTS / _multiplications(network))
    size = min(size, _MANY_NEURONS / sum(network.layer_sizes[1:-1]))
    parts = share * min(most, _MOST_PARTS * size)
    if most < _FEWEST_PARTS or parts < _FEWEST_OF_LARGE:
        return None
    of_levels = [
        Effort(of * parts, np.inf, _EARLY * of * parts, _PROGRESS) for _, of in _LEVELS
    ]
    of_one, of_all, early, progress, _ = _AT_ONE_RADIUS
    of_all = of_all * n_samples / n_table
    at_one = Effort(share * size * of_one, share * size * of_all, early, progress)
    return Limits(tuple(of_levels), at_one)


def _multiplications(network):
    """Of a bound that is propagated through the network once."""
    sizes = network.layer_sizes
    # Rows over many inputs are shortened before, or are but one product of each part.
    return sum(min(a, b) * b for a, b in pairwise(sizes))


class BranchedRadii:
    """What branch and bound adds to known radii.

    Parameters
    ----------
    margins : LocalMargins
        The samples and their bounds.

    Attributes
    ----------
    limits : Limits or None
        Without any nothing is added.
    """

    def __init__(self, margins):
        decisions = margins.decisions
        self.margins = margins
        size = len(decisions.target), decisions.block.n_table
        self.limits = limits(decisions.effort, decisions.network, *size)
        if self.limits:
            self.branching = branching_of(decisions, margins.norm)

    def reach(self, known, needed, rows):
        """Known radii, raised to ``needed`` or just above for samples that reach it.

        Parameters
        ----------
        known : ndarray of shape (n_samples, n_classes)
            Radii that are proven for each pair of target and other class.
        needed : float
            The radius in question.
        rows : ndarray of int
            Samples that are asked about.

        Returns
        -------
        radii : ndarray of shape (n_samples, n_classes)
            Of other samples as they were.
        """
        if not self.limits:
            return known
        known, radius = known.copy(), grid_ceil(needed)
        radii = np.full(len(rows), radius)
        effort = self.limits.at_one_radius
        if self.margins.decisions.block.asks_often:
            effort = self.limits.of_levels[0]
        proven = _proven(self.settle(rows, radii, known, effort))
        known[rows[proven]] = np.maximum(known[rows[proven]], radius)
        return known

    def rise(self, known, radii):
        """Proven radii, raised as far as branching proves.

        Parameters
        ----------
        known : ndarray of shape (n_samples, n_classes)
            Radii that are proven for each pair of target and other class.
        radii : ndarray of shape (n_samples,)
            Proven already.

        Returns
        -------
        radii : ndarray of shape (n_samples,)
            Never below those.
        """
        wide = (radii > _SMALLEST) & (radii < _LARGEST)
        rows = np.flatnonzero(self.margins.possible & wide)
        if len(rows) == 0 or not self.limits:
            return radii
        decisions, norm = self.margins.decisions, self.margins.norm
        effort = _FLIP_STEPS, _FLIP_RESTARTS, np.random.default_rng(0)
        flips = nearest_flips(decisions, norm, *effort)[1][rows]
        search = _Search(self, known, rows, radii[rows], flips)
        for (stride, _), effort in zip(_LEVELS, self.limits.of_levels, strict=True):
            search.run(stride, effort)
        radii = radii.copy()
        radii[rows] = search.proven
        return radii

    def settle(self, rows, radii, known, effort):
        """Whether samples keep their class within radii: settled or given up."""
        passed = known[rows] >= radii[:, None]
        passed = passed | (self.margins.lower(rows, radii, "best", passed) > 0.0)
        passed[np.arange(len(rows)), self.margins.decisions.target[rows]] = True
        questions = [
            self.branching.question(sample, np.flatnonzero(~done), radius)
            for sample, done, radius in zip(rows, passed, radii, strict=True)
        ]
        with limit_threads(self.branching.propagation.work):
            deadline = self.margins.decisions.block.deadline
            self.branching.settle(questions, effort=effort, deadline=deadline)
        return questions

    def distances(self, questions):
        """How far the flips are that were found; inf where none was."""
        inputs = self.margins.decisions.inputs
        nowhere = np.full(inputs.shape[1], np.inf)
        steps = [
            nowhere if q.point is None else q.point - inputs[q.sample]
            for q in questions
        ]
        shares = self.margins.decisions.view.shares
        return perturbation_norm(np.array(steps), self.margins.norm, shares)


def _proven(questions):
    return np.array([q.status == "verified" for q in questions], dtype=bool)


class _Search:
    """The last points that are proven, for many samples at once.

    ``end`` is where a trial failed or, if ``is_flip``, the prediction changes.
    """

    def __init__(self, branched, known, rows, proven, flips):
        self.branched, self.known, self.rows = branched, known, rows
        self.proven, self.end, self.is_flip = proven, flips, np.isfinite(flips)

    def run(self, stride, effort):
        """Try points of a level until none is left between."""
        low = np.floor(grid_index(self.proven) / stride)
        n_tops, growth = np.zeros(len(low)), 16.0
        while True:
            high = np.ceil(_index(self.end) / stride)
            some = np.flatnonzero((high - low > 1.0) & (self.proven < _LARGEST))
            if len(some) == 0 or self.branched.margins.decisions.block.is_late:
                return
            # Right below a flip, in the middle, or farther out.
            top = self.is_flip[some] & (n_tops[some] < _FROM_ABOVE)
            n_tops[some] += top
            places = np.floor(0.5 * (low + high)[some])
            places = np.where(top, high[some] - 1.0, places)
            places = np.where(np.isinf(high[some]), low[some] + growth, places)
            growth = 2.0 * growth
            good = self._try(some, grid_radius(stride * places), effort)
            low[some[good]] = places[good]

    def _try(self, some, radii, effort):
        """Move one end of each to a radius; True where that was proven."""
        questions = self.branched.settle(self.rows[some], radii, self.known, effort)
        good = _proven(questions)
        self.proven[some[good]] = radii[good]
        flips = self.branched.distances(questions)
        found = flips <= radii
        self.end[some[~good]] = np.where(found, flips, radii)[~good]
        self.is_flip[some[~good]] = found[~good]
        return good


def _index(radius):
    """Place on the grid, or inf."""
    return np.where(np.isinf(radius), np.inf, grid_index(radius))
