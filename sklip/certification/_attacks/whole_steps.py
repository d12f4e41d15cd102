# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Flips in columns that move by whole steps: rounded, drawn in, or gone through."""

from itertools import product

import numpy as np

from sklip._floats import norms
from sklip.certification._attacks.balls import in_shares

__all__ = ["WholeSteps", "away"]

# How much farther than the flip of real steps the rounded ones are sought.
_SCALES = (1.0, 1.05, 1.1, 1.2, 1.35, 1.5, 2.0, 3.0, 5.0, 9.0)
_MOST_PASSES = 12
# With more columns each is drawn in fewer times.
_MANY_COLUMNS = 64
_N_HALVINGS = 20
# Grids up to so many points are gone through: of one sample, and of all in a call.
_MOST_POINTS, _ALL_POINTS = 20_000, 2_000_000


class WholeSteps:
    """Near flips whose steps in some columns are whole numbers.

    Parameters
    ----------
    decisions : Decisions
        Of the samples that the flips are near to.
    writer : RowWriter
        Of the table that they came from.
    norm : {1, 2, numpy.inf}
        Norm of the distances.
    whole : ndarray of bool of shape (n_moving,)
        Columns that take whole steps.
    limits : tuple of ndarray of shape (n_moving,)
        Least and largest value of each column, in its own units.
    """

    def __init__(self, decisions, writer, norm, whole, limits):
        self.decisions, self.writer, self.norm = decisions, writer, norm
        self.whole, self.units = whole, writer.units
        self.free = decisions.movable()
        low, high = (limit - writer.origin for limit in limits)
        self.low = np.where(whole, np.ceil(low), low).clip(max=0.0)
        self.high = np.where(whole, np.floor(high), high).clip(min=0.0)
        self.low[~self.free] = self.high[~self.free] = 0.0
        for end, share in zip((self.low, self.high), writer.shares, strict=True):
            end[:, share == 0.0] = 0.0

    def nearest(self, samples, values):
        """Near flips by whole steps, from flips by any steps.

        Parameters
        ----------
        samples : ndarray of int of shape (n_rows,)
            Rows of X.
        values : ndarray of shape (n_rows, n_moving)
            Values of the moving columns where attacks by any steps ended.

        Returns
        -------
        values : ndarray of shape (n_rows, n_moving)
            Those of the nearest flips found, else the sample's own.
        found : ndarray of bool of shape (n_rows,)
            Whether there is one.
        """
        step = values - self.writer.origin[samples]
        best, length = self._rounded(samples, step)
        rows = np.flatnonzero(np.isfinite(length))
        if len(rows):
            best[rows] = self._drawn_in(samples[rows], best[rows])
            length[rows] = self._length(best[rows])
        if self.whole.all():
            self._go_through(samples, best, length)
        return self.writer.origin[samples] + best, np.isfinite(length)

    def _flips(self, samples, steps):
        points = self.decisions.inputs[samples]
        there = (self.writer.origin[samples] + steps) / self.units
        moving = self.writer.moving
        points[:, moving] = np.where(steps != 0.0, there, points[:, moving])
        return self.decisions.flips(points, samples)

    def _length(self, steps):
        return norms(in_shares(steps / self.units, self.writer.shares), self.norm)

    def _rounded(self, samples, step):
        """The nearest flip among rounded multiples of the steps."""
        best, length = np.zeros_like(step), np.full(len(step), np.inf)
        for scale in _SCALES:
            for rounded in (np.rint, away):
                trial = scale * step
                trial[:, self.whole] = rounded(trial[:, self.whole])
                trial = np.clip(trial, self.low[samples], self.high[samples])
                there = self._length(trial)
                nearer = np.flatnonzero(there < length)
                nearer = nearer[self._flips(samples[nearer], trial[nearer])]
                best[nearer], length[nearer] = trial[nearer], there[nearer]
        return best, length

    def _drawn_in(self, samples, steps):
        """Flips whose steps back towards the sample, one by one, are none any more."""
        columns = np.flatnonzero(self.whole)
        n_passes = _MOST_PASSES if len(columns) <= _MANY_COLUMNS else 2
        for _ in range(n_passes):
            before = steps.copy()
            for share in (1.0, 0.0):
                for column in columns:
                    trial = steps.copy()
                    step = trial[:, column]
                    trial[:, column] = step - np.sign(step) if share == 0.0 else 0.0
                    self._take(samples, steps, trial)
            self._draw_in_the_rest(samples, steps)
            if np.array_equal(before, steps):
                break
        return steps

    def _draw_in_the_rest(self, samples, steps):
        """Bisect the steps of all other columns at once."""
        rest = ~self.whole
        if not rest.any():
            return
        near, far = np.zeros(len(steps)), np.ones(len(steps))
        full = steps[:, rest].copy()
        for _ in range(_N_HALVINGS):
            middle = 0.5 * (near + far)
            trial = steps.copy()
            trial[:, rest] = middle[:, None] * full
            flips = self._flips(samples, trial)
            far, near = np.where(flips, middle, far), np.where(flips, near, middle)
        steps[:, rest] = far[:, None] * full

    def _take(self, samples, steps, trial):
        """Keep the trials that differ and flip still, in place."""
        rows = np.flatnonzero((trial != steps).any(axis=1))
        if len(rows):
            rows = rows[self._flips(samples[rows], trial[rows])]
            steps[rows] = trial[rows]

    def _go_through(self, samples, best, length):
        """All grid points nearer than what is known, where they are few; in place."""
        most = min(_MOST_POINTS, _ALL_POINTS // max(1, len(samples)))
        for row, sample in enumerate(samples):
            reach = length[row] * self.units
            low = np.maximum(self.low[sample], np.ceil(-reach))
            high = np.minimum(self.high[sample], np.floor(reach))
            if not np.prod(high - low + 1.0) <= most:
                continue
            ranges = [np.arange(a, b + 1.0) for a, b in zip(low, high, strict=True)]
            steps = np.array(list(product(*ranges))).reshape(-1, len(ranges))
            there = self._length(steps)
            nearer = np.flatnonzero(there < length[row])
            nearer = nearer[np.argsort(there[nearer], kind="stable")]
            flips = self._flips(np.full(len(nearer), sample), steps[nearer])
            if flips.any():
                first = nearer[flips.argmax()]
                best[row], length[row] = steps[first], there[first]


def away(steps):
    """Rounded away from zero."""
    return np.sign(steps) * np.ceil(np.abs(steps))
