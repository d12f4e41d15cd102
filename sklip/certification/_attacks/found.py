# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What an attack found, as rows that the model's own predict was asked about."""

import warnings
from dataclasses import replace

import numpy as np

from sklip._copies import own_copy
from sklip._floats import UNIT, gamma, norms
from sklip.certification._attacks.balls import in_shares, perturbation_norm
from sklip.certification._attacks.whole_steps import WholeSteps
from sklip.exceptions import UnsupportedModelError
from sklip.networks import RowWriter

__all__ = ["Counterexamples", "predictions"]

# How much farther to go, relatively, where rounding undoes a flip on the boundary.
_BEYOND = 2.0 ** np.arange(-44.0, -7.0, 4.0)


class Counterexamples:
    """Turns points in coordinates into rows of the user's table that do flip.

    Parameters
    ----------
    model : object
        The user's model.
    X : array-like or DataFrame
        The user's samples.
    decisions : Decisions
        What the model decides there.
    norm : {1, 2, numpy.inf}
        Norm of the distances.
    keep_whole : bool, default=True
        Whether columns of whole numbers keep their type; else they may get fractions.
    limits : tuple of ndarray of shape (n_moving,), default=None
        Least and largest value of each moving column; by default those of its type.
    """

    def __init__(self, model, X, decisions, norm, *, keep_whole=True, limits=None):
        self.model, self.decisions, self.norm = model, decisions, norm
        self.writer = RowWriter(decisions.view, X)
        self.keep_whole = keep_whole
        self.limits = limits or self.writer.limits(keep_whole)

    def flips(self, values, samples):
        """Whether predict gives another class than the target for these values."""
        if not len(samples):
            return np.zeros(0, dtype=bool)
        found = predictions(
            self.model, self.decisions.view, self.writer.rows(samples, values)
        )
        return found != self.decisions.target[samples]

    def settle(self, there, samples, whole=None, radii=None):
        """Storable values near others, and whether predict gives another class there.

        What rounding may undo, in the table's types or in a batch of another size, is
        sought a little farther on the ray from the sample, inside balls of ``radii`` if
        given. Whole steps stay.
        """
        step = there - self.writer.origin[samples]
        if whole is not None:
            step[:, whole] = 0.0
        values = self._storable(there, samples)
        flipped = self._inside(values, samples, radii) & self.flips(values, samples)
        sure = flipped & self._sure(values, samples)
        for beyond in _BEYOND:
            rows = np.flatnonzero(~sure)
            if len(rows) == 0:
                break
            farther = there[rows] + beyond * step[rows]
            trial = self._storable(farther, samples[rows])
            good = self._inside(trial, samples[rows], radii, rows)
            good &= self.flips(trial, samples[rows])
            certain = good & self._sure(trial, samples[rows])
            # The nearest flip, unless one farther out is sure.
            better = certain | (good & ~flipped[rows])
            values[rows[better]] = trial[better]
            flipped[rows] |= good
            sure[rows] = certain
        return values, flipped

    def _sure(self, values, samples):
        """Whether no rounding of predict can undo a flip of the network."""
        decisions, moving = self.decisions, self.writer.moving
        points = decisions.inputs[samples]
        there = values / self.writer.units
        moved = values != self.writer.origin[samples]
        points[:, moving] = np.where(moved, there, points[:, moving])
        logits = decisions.network.forward(points)
        here = replace(
            decisions.some(samples), inputs=points, logits=logits, missing=None
        )
        try:
            error = here.rounding()[0]
        except UnsupportedModelError:
            return np.ones(len(samples), dtype=bool)
        return here.gaps().min(axis=1) < -3.0 * error

    def room(self):
        """The limits around each sample, in coordinates; None if there are none."""
        if not np.isfinite(self.limits).any():
            return None
        here = self.decisions.inputs[:, self.writer.moving]
        low, high = (limit / self.writer.units for limit in self.limits)
        return np.minimum(low, here), np.maximum(high, here)

    def nearest(self, points, distances, whole):
        """Values of the nearest flips of all samples, and their distances.

        Parameters
        ----------
        points : ndarray of shape (n_samples, n_coordinates)
            Flips by steps of any size, or the samples.
        distances : ndarray of shape (n_samples,)
            Theirs; 0 where the prediction is wrong, inf where none was found.
        whole : ndarray of bool of shape (n_moving,)
            Columns that take whole steps.

        Returns
        -------
        values : ndarray of shape (n_samples, n_moving)
            Those of the samples where no flip is left.
        distances : ndarray of shape (n_samples,)
            Of the values.
        """
        writer = self.writer
        there = writer.values(points, np.arange(len(points)))
        samples = np.flatnonzero(np.isfinite(distances) & (distances > 0.0))
        if whole.any():
            samples = np.flatnonzero(distances > 0.0)
            steps = self._whole_steps(whole)
            there[samples], found = steps.nearest(samples, there[samples])
            samples = samples[found]
        values = writer.origin.copy()
        reach = np.where(distances > 0.0, np.inf, 0.0)
        found, flipped = self.settle(there[samples], samples, whole)
        values[samples[flipped]] = found[flipped]
        reach[samples] = np.where(flipped, self.distances(found, samples), np.inf)
        return values, reach

    def inside(self, points, samples, radii):
        """Values inside balls where predict gives another class, and where it does.

        Parameters
        ----------
        points : ndarray of shape (n_rows, n_coordinates)
            Flips inside the balls by steps of any size.
        samples : ndarray of int of shape (n_rows,)
            Rows of X.
        radii : ndarray of shape (n_rows,)
            Of the balls.
        """
        writer = self.writer
        there = writer.values(points, samples)
        whole = writer.whole & self.keep_whole
        if whole.any():
            steps = self._whole_steps(whole)
            there, _ = steps.nearest(samples, there)
        return self.settle(there, samples, whole, radii)

    def _inside(self, values, samples, radii, rows=slice(None)):
        """Whether values lie in balls, but for what may be rounded in their length."""
        if radii is None:
            return np.ones(len(samples), dtype=bool)
        steps = (values - self.writer.origin[samples]) / self.writer.units
        length = norms(in_shares(steps, self.writer.shares), self.norm)
        return length <= radii[rows] * (1.0 + 4.0 * gamma(values.shape[1]))

    def distances(self, values, samples):
        """Distances of values from their samples in the tolerances, rounded up."""
        step = (values - self.writer.origin[samples]) / self.writer.units
        step = step * (1.0 + 4.0 * UNIT)
        return perturbation_norm(step, self.norm, self.writer.shares)

    def rows(self, values):
        """One row for each sample of X."""
        return self.writer.rows(np.arange(len(values)), values)

    def _whole_steps(self, whole):
        return WholeSteps(self.decisions, self.writer, self.norm, whole, self.limits)

    def _storable(self, values, samples):
        origin = self.writer.origin[samples]
        inside = np.clip(values, *self.limits)
        values = np.where(values != origin, inside, origin)
        return self.writer.storable(values, samples, keep_whole=self.keep_whole)


def predictions(model, view, rows):
    """Positions in ``view.classes`` of what the model predicts; -1 for another label.

    Parameters
    ----------
    model : object
        A fitted model with ``predict``, or a network or view without one.
    view : NetworkView
        Of the model.
    rows : array-like or DataFrame
        Rows as the model takes them.

    Returns
    -------
    codes : ndarray of int
        One for each row.
    """
    if not hasattr(model, "predict"):
        return view.decided(view.predicting().forward(view.encode(rows)))
    with warnings.catch_warnings():
        # Of names that X lacks, as in the user's own calls.
        warnings.simplefilter("ignore")
        labels = np.asarray(model.predict(own_copy(rows))).ravel()
    position = {label: k for k, label in enumerate(np.asarray(view.classes).tolist())}
    return np.array([position.get(label, -1) for label in labels.tolist()])
