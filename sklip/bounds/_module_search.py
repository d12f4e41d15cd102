# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Pairs of inputs of a torch module that are far apart behind it: a search."""

import numpy as np

from sklip._floats import lengths
from sklip.bounds._modules import ShapedModule, shaped_errors
from sklip.exceptions import UnsupportedModelError

__all__ = ["steepest_pair"]

_SHAKES = (0.3, 0.1, 0.03, 0.01, 0.003)
# Samples that are looked at, and entries of their Jacobians.
_MOST_SAMPLES, _ENTRIES = 200, 2**24
# Units of roundoff that a module of which nothing is known is allowed.
_UNKNOWN_ROUNDINGS = 2.0**12


def steepest_pair(view, X, n_restarts, rng, is_difference):
    """Largest quotient of a pair that was found, less what rounding may add.

    Parameters
    ----------
    view : ModuleView
        Of the module, with what stands in front of it.
    X : array-like or None
        Samples to start from.
    n_restarts : int
        Points that are improved.
    rng : RandomState
        Of the starts and steps.
    is_difference : bool
        Whether the difference of two outputs is meant.
    """
    search = _Search(view, rng, is_difference)
    if not view.mutable.any():
        return 0.0
    n = view.network.n_inputs
    points = rng.standard_normal((2 * n_restarts, n)) / view.units
    if X is not None:
        samples = view.encode(X)
        if len(samples) > _MOST_SAMPLES:
            rows = rng.choice(len(samples), _MOST_SAMPLES, replace=False)
            samples = samples[rows]
        points = np.concatenate([samples, points])
    norms, vectors = search.slopes(points)
    best = np.argsort(-norms)[:n_restarts]
    points, norms, vectors = points[best], norms[best], vectors[best]
    for shake in _SHAKES:
        size = shake * (lengths(points)[:, None] / np.sqrt(n) + 1e-3)
        moved = points + size * rng.standard_normal(points.shape) * view.mutable
        found, directions = search.slopes(moved)
        better = found > norms
        points[better], norms[better] = moved[better], found[better]
        vectors[better] = directions[better]
    return search.best_pair(points, vectors)


class _Search:
    def __init__(self, view, rng, is_difference):
        self.view, self.network = view, view.network
        k = self.network.n_outputs
        self.rows = np.array([[-1.0, 1.0]]) if is_difference else np.eye(k)

    def slopes(self, points):
        """l2 norms of the Jacobians, and their first right singular vectors."""
        n_rows, n = len(self.rows), self.network.n_inputs
        step = max(1, _ENTRIES // (n_rows * n))
        norms, vectors = [], []
        for start in range(0, len(points), step):
            block = points[start : start + step]
            _, pull_back = self.network.linearise(block)
            jacobians = np.stack(
                [pull_back(np.tile(row, (len(block), 1))) for row in self.rows], axis=1
            )
            jacobians = jacobians * self.view.mutable
            # Of few rows: the eigenvectors of J J' are enough.
            grams = jacobians @ jacobians.transpose(0, 2, 1)
            values, left = np.linalg.eigh(grams)
            norms.append(np.sqrt(np.maximum(values[:, -1], 0.0)))
            vectors.append((left[:, None, :, -1] @ jacobians)[:, 0])
        vectors = np.concatenate(vectors)
        sizes = np.maximum(lengths(vectors), 1e-300)[:, None]
        return np.concatenate(norms), vectors / sizes

    def best_pair(self, points, vectors):
        """Largest quotient of pairs around the points."""
        best = 0.0
        for step in 2.0 ** -np.arange(0.0, 24.0, 2.0):
            left, right = points + step * vectors, points - step * vectors
            change = self.network.forward(left) - self.network.forward(right)
            change = lengths(change @ self.rows.T)
            change = change - self._rounding(left) - self._rounding(right)
            distance = lengths(left - right) * (1.0 + 1e-12)
            with np.errstate(invalid="ignore", divide="ignore"):
                quotients = np.where(distance > 0.0, change / distance, 0.0)
            best = max(best, float(np.nan_to_num(quotients).max(initial=0.0)))
        return best * (1.0 - 1e-12)

    def _rounding(self, points):
        """What rounding may add to the outputs' change, in l2."""
        network = self.network
        rows = network.rows(points)
        shaped = ShapedModule(network.module, network.input_shape)
        try:
            constant, rate = shaped_errors(shaped)[0]
        except (UnsupportedModelError, ValueError):
            size = lengths(network.forward(points)) + 1.0
            return _UNKNOWN_ROUNDINGS * network.unit * size
        factor = 1.0 if len(self.rows) > 1 else 2.0**0.5
        return 1.01 * factor * (constant + rate * lengths(rows))
