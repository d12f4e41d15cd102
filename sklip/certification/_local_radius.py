# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The largest radius at which bounds inside the ball still prove the class.

Radii are sought on a grid of equal ratios, for all samples at once. On a grid the
question "certified at this radius?" has the same answer wherever it is asked: a score
at one radius and the radius itself agree, but for branch and bound.
"""

import numpy as np

from sklip.certification._attacks import tangent_distances

__all__ = [
    "best_radii",
    "grid_ceil",
    "grid_index",
    "grid_radius",
    "local_radii",
    "settled_pairs",
]

# Steps of the grid in one octave: radii are low by at most 0.14 %.
_PER_OCTAVE = 512
_MOST_ROUNDS = 60
# Then bisection, which cannot dawdle.
_FALSE_POSITIONS = 4
_SMALLEST, _LARGEST = 2.0**-900, 2.0**60
# Ratio of the ends from which on slopes are optimised.
_COARSE = 1.03
# How far past the end of a search its bounds are tried once more.
_BEYOND = 1.02
# Largest step to where a margin is heading, and how much of the way there, in ratios,
# is taken from one margin alone: they fall ever faster.
_FARTHEST = 1.5
_OF_THE_WAY = 0.78
# Steps up that go by where margins are heading; then they grow by themselves.
_SURE_STEPS = 4
# Largest step up: what saturates may be certified very far out.
_FASTEST = 2.0**8


def grid_ceil(radius):
    """Smallest radius of the grid that is >= radius (> 0)."""
    index = np.ceil(grid_index(radius))
    # What was rounded off the index must not be rounded off the radius.
    return grid_radius(index + (grid_radius(index) < radius))


def grid_radius(index):
    """The radius at a place of the grid."""
    return np.exp2(index / _PER_OCTAVE)


def local_radii(margins, method, known, needed=np.inf):
    """Radii of a local method, and of what is known already.

    Parameters
    ----------
    margins : LocalMargins
        The samples and their bounds.
    method : {"ibp", "crown", "local"}
        Which bounds.
    known : ndarray of shape (n_samples, n_classes)
        Radii that are proven for each pair of target and other class.
    needed : float, default=inf
        Radius at which the question is settled: only that one is tried.

    Returns
    -------
    radii : ndarray of shape (n_samples,)
        Never below those that are known.
    """
    proven = known.min(axis=1)
    rows = np.flatnonzero(margins.possible & (proven < needed))
    if len(rows) == 0:
        return proven
    if np.isfinite(needed):
        return settled_pairs(margins, method, known, needed).min(axis=1)
    start = tangent_distances(margins.decisions, margins.norm)[rows]
    start = np.maximum(0.8 * start, known[rows].min(axis=1))
    search = _Search(margins, method, known, rows)
    search.run(np.where((start > 0.0) & np.isfinite(start), start, 1.0))
    proven[rows] = np.maximum(proven[rows], search.low)
    return proven


def best_radii(margins, known):
    """Radii that are known, and of all local methods together, pair by pair.

    Parameters
    ----------
    margins : LocalMargins
        The samples and their bounds.
    known : ndarray of shape (n_samples, n_classes)
        Radii that are proven for each pair of target and other class.

    Returns
    -------
    radii : ndarray of shape (n_samples,)
        Never below what is known; found by far fewer bounds than :func:`local_radii`
        of each method takes, and no smaller.
    """
    proven = known.min(axis=1)
    rows = np.flatnonzero(margins.possible & (proven < _LARGEST))
    if len(rows) == 0:
        return proven
    # What proves no more at the next radius proves no more farther out.
    start = _above(proven[rows])
    passed = known[rows] >= start[:, None]
    by_lines = np.zeros_like(passed)
    lower = margins.lower(rows, start, "best", passed, by_lines=by_lines)
    # From where on slopes are not optimised for a pair: they did not help there.
    ends = np.where(by_lines | passed, np.inf, start[:, None])
    good, by_lines = (lower > 0.0).all(axis=1), by_lines.all(axis=1)
    proven[rows[good]] = start[good]
    ends[by_lines], lower[by_lines] = _rise_by_lines(
        margins, known, proven, rows[by_lines], lower[by_lines]
    )
    rows, ends, lower = rows[good], ends[good], lower[good]
    if len(rows):
        search = _Search(margins, "best", known, rows)
        search.lines_end = ends
        search.rise(proven[rows], lower)
        search.rise_beyond((search.low > proven[rows]) & ~search.by_rates)
        proven[rows] = np.maximum(proven[rows], search.low)
    return proven


def _rise_by_lines(margins, known, proven, rows, lower):
    """Search on by "crown" alone from proven radii, in place.

    ``lower`` are the margins there. Samples that rates prove where lines are about to
    end are left there. Returns where the lines end, and the margins at the new radii.
    """
    ends = np.full((len(rows), known.shape[1]), np.inf)
    if len(rows) == 0:
        return ends, lower
    search = _Search(margins, "crown", known, rows)
    search.begin(proven[rows], lower)
    ahead = search.ahead()
    found = margins.lower(rows, ahead, "local", known[rows] >= ahead[:, None])
    left = (found <= 0.0).any(axis=1)
    proven[rows[~left]] = ahead[~left]
    found, lower = np.where(left[:, None], lower, found), lower[left]
    if not left.any():
        return ends, found
    rows = rows[left]
    start = 0.8 * tangent_distances(margins.decisions.some(rows), margins.norm)
    search = _Search(margins, "crown", known, rows)
    search.begin(proven[rows], lower)
    search.run(np.where(np.isfinite(start) & (start > 0.0), start, 1.0))
    proven[rows] = np.maximum(proven[rows], search.low)
    ends[left] = search.lines_end
    # All are shifted by what the worst one fell.
    found[left] += (search.low_value - lower.min(axis=1))[:, None]
    return ends, found


def settled_pairs(margins, method, known, needed):
    """Known radii, raised to ``needed`` or just above for pairs that reach it.

    Parameters
    ----------
    margins : LocalMargins
        The samples and their bounds.
    method : {"ibp", "crown", "local", "best"}
        Which bounds.
    known : ndarray of shape (n_samples, n_classes)
        Radii that are proven for each pair of target and other class.
    needed : float
        The radius in question.

    Returns
    -------
    radii : ndarray of shape (n_samples, n_classes)
        Of samples that are settled already, as they were.
    """
    known = known.copy()
    radius = float(grid_ceil(needed))
    rows = np.flatnonzero(margins.possible & (known < needed).any(axis=1))
    passed = known[rows] >= radius
    lower = margins.lower(
        rows, np.full(len(rows), radius), method, passed, together=False
    )
    known[rows] = np.where((lower > 0.0) & ~passed, radius, known[rows])
    return known


class _Search:
    """False position on the worst margin as a function of the radius."""

    def __init__(self, margins, method, known, rows):
        self.margins, self.method = margins, method
        self.known, self.rows = known[rows], rows
        self.low = np.zeros(len(rows))
        self.gap = margins.gaps[rows].min(axis=1)
        self.low_value = self.gap.copy()
        # The last two radii that were tried and the worst margins there.
        self.tried = np.full((2, len(rows)), np.nan)
        self.found = np.full((2, len(rows)), np.nan)
        # The least radius at which the optimised slopes of a pair prove nothing.
        self.lines_end = np.full_like(self.known, np.inf)
        self._open_upwards()

    def _open_upwards(self):
        self.high = np.full(len(self.rows), np.inf)
        self.high_value = np.full(len(self.rows), -np.inf)
        self.moved = np.zeros(len(self.rows), dtype=int)
        # How often a radius between both ends was tried.
        self.n_between = np.zeros(len(self.rows), dtype=int)
        # Samples whose last end was proven by rates, as the next may well be.
        self.by_rates = np.zeros(len(self.rows), dtype=bool)

    def run(self, start):
        """Find the largest certified radii of the grid; 0 where there is none."""
        if self.method in ("ibp", "local"):
            return self._narrow(start, 1.0, growth=1.5)
        # Optimised slopes are dear: they are left to the last steps of the way up.
        self._narrow(start, _COARSE, growth=1.5, refine=False)
        self._open_upwards()
        first = np.where(self.low > 0.0, _COARSE * self.low, 0.25 * start)
        return self._narrow(first, 1.0, growth=_COARSE)

    def begin(self, proven, lower):
        """Take radii as proven, with the margins there."""
        self.low, self.low_value = np.minimum(proven, _LARGEST), lower.min(axis=1)
        self._remember(np.arange(len(proven)), self.low, lower)

    def rise(self, proven, lower):
        """Go on from proven radii, whose margins are given, by better bounds."""
        self.begin(proven, lower)
        self._narrow(self.ahead(), 1.0, growth=_COARSE)

    def ahead(self):
        """Radii of the grid near which the worst margins may end."""
        return self._between(self._where_it_ends())

    def _remember(self, active, radii, lower):
        """Take note of a trial; of the pair that is worst where it was."""
        worst = lower.argmin(axis=1)
        self.gap[active] = self.margins.gaps[self.rows[active], worst]
        for kept, now in ((self.tried, radii), (self.found, lower.min(axis=1))):
            kept[0, active], kept[1, active] = kept[1, active], now

    def rise_beyond(self, some):
        """Try some samples past their ends: lines in a larger ball may be tighter."""
        some = np.flatnonzero(some & (self.low < 0.5 * _LARGEST))
        if len(some) == 0 or self.margins.decisions.block.is_late:
            return
        low, farther = self.low.copy(), self._grid(_BEYOND * self.low)
        self._open_upwards()
        self._evaluate(some, farther[some], refine=True)
        risen = self.low > low
        if risen.any():
            # What is left where it was is settled already.
            self.high[~risen] = 0.0
            self._narrow(self.low, 1.0, growth=_COARSE)

    @staticmethod
    def _grid(radius):
        return grid_radius(np.floor(grid_index(radius)))

    def _narrow(self, start, ratio, growth, refine=True):
        """Try radii until the ends are neighbours, or their ratio is small enough."""
        trial = self._between(start)
        active = np.flatnonzero(~self._settled(np.arange(len(self.rows)), ratio))
        for n_rounds in range(_MOST_ROUNDS):
            if len(active) == 0 or self.margins.decisions.block.is_late:
                break
            self._evaluate(active, trial[active], refine)
            active = active[~self._settled(active, ratio)]
            heading = self._where_it_ends()
            # A margin that fell off a cliff is heading nowhere.
            smooth = self.found.min(axis=0) > -self.gap
            inside = smooth & (heading > self.low) & (heading < self.high)
            middle = self._middle(bisect=self.n_between >= _FALSE_POSITIONS)
            middle = np.where(inside & (self.n_between < 2), heading, middle)
            sure = inside & (heading < _FARTHEST * self.low) & (n_rounds < _SURE_STEPS)
            farther = np.where(sure, heading, np.maximum(growth * self.low, heading))
            middle = np.where(np.isfinite(self.high), middle, farther)
            trial, growth = self._between(middle), min(growth**1.5, _FASTEST)

    def _where_it_ends(self):
        """Where the worst margin would be zero; NaN where nothing is known.

        What it loses per unit of distance is thought to grow steadily, as it did
        between the last two radii. Of one radius it is thought to grow as is usual.
        """
        with np.errstate(all="ignore"):
            before, last = (self.gap - self.found) / self.tried
            growth = (last - before) / (self.tried[1] - self.tried[0])
            start = last - growth * self.tried[1]
            root = np.sqrt(start**2 + 4.0 * growth * self.gap)
            end = 2.0 * self.gap / (start + root)
            usual = self.gap / last / self.low
            end = np.where(end > 0.0, end, self.low * usual**_OF_THE_WAY)
        return np.where(end < _FARTHEST * self.low, end, _FARTHEST * self.low)

    def _evaluate(self, active, radii, refine):
        passed = self.known[active] >= radii[:, None]
        rows = self.rows[active]
        self.n_between[active] += np.isfinite(self.high[active])
        ends, by_lines = self.lines_end[active], np.zeros_like(passed)
        lower = self.margins.lower(
            rows,
            radii,
            self.method,
            passed,
            refine=refine,
            by_lines=by_lines,
            given_up=ends <= radii[:, None],
            likely=np.ones(len(active), bool),
        )
        if refine:
            tried = np.where(by_lines | passed, np.inf, radii[:, None])
            self.lines_end[active] = np.minimum(ends, tried)
        self._remember(active, radii, lower)
        value = lower.min(axis=1)
        good = value > 0.0
        up, down = active[good], active[~good]
        self.by_rates[up] = ~(by_lines | passed)[good].all(axis=1)
        self.low[up], self.low_value[up] = radii[good], value[good]
        self.high[down], self.high_value[down] = radii[~good], value[~good]
        # An end that stays a second time is weighted less (Illinois).
        again = self.moved[active] == np.where(good, 1, -1)
        self.high_value[active[good & again]] *= 0.5
        self.low_value[active[~good & again]] *= 0.5
        self.moved[active] = np.where(good, 1, -1)

    def _settled(self, active, ratio):
        low, high = self.low[active], self.high[active]
        neighbours = _above(low) >= high
        close = high <= ratio * low
        return neighbours | close | (low >= _LARGEST) | (high <= _SMALLEST)

    def _middle(self, bisect):
        with np.errstate(all="ignore"):
            share = self.low_value / (self.low_value - self.high_value)
            share = np.clip(np.nan_to_num(share, nan=0.5), 0.05, 0.9)
            middle = self.low + share * (self.high - self.low)
            halves = np.sqrt(self.low) * np.sqrt(self.high)
        return np.where(bisect & (self.low > 0.0), halves, middle)

    def _between(self, radius):
        """The nearest radius of the grid strictly between the ends."""
        below = grid_radius(
            np.ceil(grid_index(np.minimum(self.high, 2.0 * _LARGEST))) - 1
        )
        trial = self._grid(radius)
        return np.maximum(np.minimum(trial, below), _above(self.low))


def _above(radius):
    """The next radius of the grid."""
    return grid_radius(np.floor(grid_index(radius)) + 1.0)


def grid_index(radius):
    """Place on the grid; whole numbers for radii of the grid."""
    index = _PER_OCTAVE * np.log2(np.clip(radius, _SMALLEST, 4.0 * _LARGEST))
    nearest = np.round(index)
    return np.where(np.abs(index - nearest) < 1e-6, nearest, index)
