# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Points inside balls, found through the model's own predict alone.

Everything is judged by what a user can call; the gradients are finite differences, so
that no code of sklip helps the attack.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import torch

from sklip import FeedForward

__all__ = ["Attack", "outputs", "scores"]

# Shares of the radius: just inside the boundary, and deeper.
_EDGE, _NEAR, _DEEP = 1.0 - 2.0**-48, 1.0 - 1e-9, 0.999
_N_RANDOM, _N_CORNERS, _N_AXES, _N_ASCENTS = 48, 24, 24, 3


def outputs(model, X):
    """What a user gets: labels or numbers, shape (n_rows, n_outputs)."""
    if isinstance(model, FeedForward):
        found = model.forward(X)
        return found.argmax(axis=1)[:, None] if model.n_outputs > 1 else found
    if isinstance(model, torch.nn.Module):
        found = scores(model, X)
        return found.argmax(axis=1)[:, None] if found.shape[1] > 1 else found
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = np.asarray(model.predict(X))
    return found.reshape(len(found), -1)


def scores(model, X):
    """What the decision is made of, or the numbers; shape (n_rows, n_scores)."""
    if isinstance(model, FeedForward):
        return model.forward(X)
    if isinstance(model, torch.nn.Module):
        with torch.no_grad():
            return model(torch.from_numpy(np.ascontiguousarray(X))).numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in ("decision_function", "predict_proba", "predict"):
            if hasattr(model, name):
                found = np.asarray(getattr(model, name)(X), dtype=np.float64)
                return found.reshape(len(found), -1)
    raise TypeError(f"{type(model).__name__} has no scores.")


@dataclass
class Tried:
    """Moved points: how far they are, and what the model says there.

    Attributes
    ----------
    length : ndarray of shape (n_batches, n_rows)
        Exact to a unit of long double, in the norm asked about.
    moved : ndarray of shape (n_batches, n_rows, n_numeric)
        Displacement.
    outputs, scores : ndarray of shape (n_batches, n_rows, ...)
        At the moved points; scores are None where they were not asked for.
    """

    length: np.ndarray
    moved: np.ndarray
    outputs: np.ndarray | None
    scores: np.ndarray | None


class Attack:
    """An attack on all rows of a case at once.

    Parameters
    ----------
    case : Case
        Model and rows.
    norm : {1, 2, inf}
        Norm of the moves.
    units : ndarray of shape (n_numeric,) or (2, n_numeric)
        Tolerance of each numeric column, or of its moves down and up; 0 where it does
        not move.
    flip : bool
        Whether categories may take any value.
    """

    def __init__(self, case, norm, units, flip=False):
        self.case, self.norm, self.flip = case, norm, flip
        self.table = case.table
        self.base = np.nan_to_num(self.table.values)
        self.gaps = np.isnan(self.table.values)
        self.down, self.up = np.broadcast_to(units, (2, self.gaps.shape[1]))
        self.units = np.where(self.gaps, 0.0, np.maximum(self.down, self.up))

    def run(self, radii, rng, *, labels=True, score=False):
        """Try points within the radii; those of infinite radius are tried far out."""
        far = 10.0 ** rng.uniform(-1, 4, len(radii))
        self.radii = np.where(np.isfinite(radii), radii, far)[:, None]
        found = [self._push(d, s) for d in self._blind(rng) for s in (_EDGE, 0.7)]
        found += self._ascend(rng)
        model, parts = self.case.judged, []
        for form in self.table.forms:
            moves = [self.table.held(self.base + m, self.base, form) for m in found]
            points = np.where(self.gaps, np.nan, np.array(moves))
            X = self._wrapped(points, rng, form)
            shape = (len(moves), len(self.base), -1)
            there = outputs(model, X).reshape(shape) if labels else None
            value = scores(model, X).reshape(shape) if score else None
            exact = np.array(moves, np.longdouble) - self.base.astype(np.longdouble)
            parts.append(Tried(self._length(exact), exact, there, value))
        return parts

    def _wrapped(self, points, rng, form=None):
        """Batches of rows as one X."""
        n_batches = len(points)
        flat = points.reshape(-1, points.shape[-1])
        categories = {}
        for name, column in self.table.categories.items():
            categories[name] = np.tile(column, n_batches)
            if self.flip:
                chosen = rng.choice(self.table.levels[name], len(flat))
                stays = rng.random(len(flat)) < 0.5
                categories[name] = np.where(stays, categories[name], chosen)
        return self.table.wrap(flat, categories, form)

    def _length(self, exact):
        units = np.where(exact > 0, self.up, self.down).astype(np.longdouble)
        with np.errstate(divide="ignore", invalid="ignore"):
            steps = np.where(exact == 0, 0, np.abs(exact) / units)
        if self.norm == 1:
            return steps.sum(axis=-1)
        if self.norm == np.inf:
            return steps.max(axis=-1, initial=0.0)
        top = steps.max(axis=-1, keepdims=True, initial=0.0)
        top = np.where(np.isfinite(top), top, np.finfo(np.longdouble).max)
        shares = steps / np.where(top > 0.0, top, 1.0)
        return top[..., 0] * np.sqrt((shares * shares).sum(axis=-1))

    def _push(self, direction, share):
        """The move to this share of the radius; directions count in units."""
        size = np.linalg.norm(direction, ord=self.norm, axis=1, keepdims=True)
        unit = direction / np.where(size > 0.0, size, 1.0)
        units = np.where(self.gaps, 0.0, np.where(unit > 0.0, self.up, self.down))
        return share * self.radii * unit * units

    def _blind(self, rng):
        """Random directions, corners and axes."""
        shape = self.base.shape
        mask = self.units > 0.0
        found = [rng.standard_normal(shape) * mask for _ in range(_N_RANDOM)]
        for _ in range(_N_CORNERS):
            found.append(rng.choice([-1.0, 1.0], shape) * mask)
        for _ in range(_N_AXES):
            axis = np.eye(shape[1])[rng.integers(shape[1], size=len(self.base))]
            found.append(rng.choice([-1.0, 1.0], (len(self.base), 1)) * axis * mask)
        return found

    def _ascend(self, rng):
        """Steepest moves, again and again from where they lead; for every score."""
        found = []
        start = self._score(np.zeros((1, *self.base.shape)), rng)[0]
        goals = self._goals(start)
        moves = [np.zeros(self.base.shape) for _ in goals]
        for step in range(_N_ASCENTS):
            slopes = [self._slope(move, rng) for move in moves]
            for k, goal in enumerate(goals):
                slope = np.einsum("nks,ns->nk", slopes[k], goal)
                direction = self._steepest(slope)
                share = _NEAR if step else _EDGE
                moves[k] = self._push(direction, share)
                found += [moves[k], self._push(direction, _DEEP)]
        return found

    def _goals(self, start):
        """Combinations of scores to be raised, for each row."""
        if start.shape[1] == 1:
            up = np.ones(start.shape)
            return [-np.where(start >= 0, up, -up), np.where(start >= 0, up, -up)]
        order = np.argsort(-start, axis=1)
        eye = np.eye(start.shape[1])
        return [eye[order[:, k]] - eye[order[:, 0]] for k in range(1, start.shape[1])]

    def _steepest(self, slope):
        towards = np.where(slope > 0.0, self.up, self.down)
        slope = np.nan_to_num(slope * np.where(self.gaps, 0.0, towards))
        size = np.abs(slope).max(axis=1, keepdims=True, initial=0.0)
        slope = slope / np.where(size > 0.0, size, 1.0)
        if self.norm == np.inf:
            return np.sign(slope)
        if self.norm == 1:
            best = np.abs(slope).argmax(axis=1)
            return np.sign(slope) * np.eye(slope.shape[1])[best]
        return slope

    def _slope(self, move, rng):
        """Differences of the scores in every column; (n_rows, n_columns, n_scores)."""
        n = self.base.shape[1]
        step = 0.01 * self.radii * self.units
        ahead = np.array([move + step * np.eye(n)[j] for j in range(n)])
        behind = np.array([move - step * np.eye(n)[j] for j in range(n)])
        change = self._score(ahead, rng) - self._score(behind, rng)
        size = np.where(step > 0.0, step, 1.0).T[:, :, None]
        return np.swapaxes(change / size, 0, 1)

    def _score(self, moves, rng):
        points = np.where(self.gaps, np.nan, self.base + moves)
        flip, self.flip = self.flip, False
        form = "array" if len(self.table.forms) > 1 else None
        X = self._wrapped(points, rng, form)
        self.flip = flip
        with np.errstate(all="ignore"):
            return scores(self.case.judged, X).reshape(*moves.shape[:2], -1)
