# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Radii of small networks by branch and bound, beyond what one bound proves.

Radii are sought on two levels of the grid: every 32nd point, and the points between
with an eighth of the parts, so that what is hard stays coarse. A question at a single
radius may take many more parts, so that its answer is seldom less than exact. The
number of parts is limited, never the time.
"""

import numpy as np

from sklip._threads import limit_threads
from sklip.certification._attacks import nearest_flips, perturbation_norm
from sklip.certification._branching.branches import Branching, unsplittable
from sklip.certification._branching.queue import Effort
from sklip.certification._local_radius import grid_ceil, grid_index, grid_radius

__all__ = ["BranchedRadii", "part_limit"]

# Hidden neurons up to which it is tried.
_MOST_NEURONS = 64
# Parts of one sample at one radius, of all samples of a call, and for each sample the
# least that is worth while.
_MOST_PARTS, _ALL_PARTS, _FEWEST_PARTS = 2000, 100_000, 100
# A search for radii gives up after this share of the parts, without such progress.
_EARLY, _PROGRESS = 0.125, 0.4
# At a single radius. What was not 30 % on its way by then took more parts than that.
_AT_ONE_RADIUS = Effort(of_one=50_000, of_all=250_000, early=128, progress=0.3)
# Steps of the grid between the points of a level, and share of the parts at each.
_LEVELS = ((32, 1.0), (1, 0.125))
_FLIP_STEPS, _FLIP_RESTARTS = 60, 2
# How often a search tries the point right below a flip, before it bisects.
_FROM_ABOVE = 2
_SMALLEST, _LARGEST = 2.0**-400, 2.0**60


def part_limit(network, n_samples):
    """Parts that each of so many samples may take at one radius; 0: no branching."""
    n_neurons = sum(network.layer_sizes[1:-1])
    is_small = 0 < n_neurons <= _MOST_NEURONS and not unsplittable(network)
    limit = min(_MOST_PARTS, _ALL_PARTS // n_samples)
    return limit if is_small and limit >= _FEWEST_PARTS else 0


class BranchedRadii:
    """What branch and bound adds to known radii.

    Parameters
    ----------
    margins : LocalMargins
        The samples and their bounds.

    Attributes
    ----------
    max_parts : int
        Limit for one sample at one radius; without parts nothing is added.
    """

    def __init__(self, margins):
        decisions = margins.decisions
        self.margins = margins
        self.max_parts = part_limit(decisions.network, len(decisions.target))
        if self.max_parts:
            self.branching = Branching(decisions, margins.norm)

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
        if not self.max_parts:
            return known
        known, radius = known.copy(), grid_ceil(needed)
        radii = np.full(len(rows), radius)
        proven = _proven(self.settle(rows, radii, known, _AT_ONE_RADIUS))
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
        if len(rows) == 0 or not self.max_parts:
            return radii
        decisions, norm = self.margins.decisions, self.margins.norm
        effort = _FLIP_STEPS, _FLIP_RESTARTS, np.random.default_rng(0)
        flips = nearest_flips(decisions, norm, *effort)[1][rows]
        search = _Search(self, known, rows, radii[rows], flips)
        for stride, share in _LEVELS:
            parts = share * self.max_parts
            search.run(stride, Effort(parts, np.inf, _EARLY * parts, _PROGRESS))
        radii = radii.copy()
        radii[rows] = search.proven
        return radii

    def settle(self, rows, radii, known, effort):
        """Whether samples keep their class within radii: settled or given up."""
        passed = known[rows] >= radii[:, None]
        for method in ("crown", "local"):
            lower = self.margins.lower(rows, radii, method, passed)
            passed = passed | (lower > 0.0)
        passed[np.arange(len(rows)), self.margins.decisions.target[rows]] = True
        questions = [
            self.branching.question(sample, np.flatnonzero(~done), radius)
            for sample, done, radius in zip(rows, passed, radii, strict=True)
        ]
        with limit_threads(self.branching.propagation.work):
            self.branching.settle(questions, effort=effort)
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
            if len(some) == 0:
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
