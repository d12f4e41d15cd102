# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Branch and bound over boxes of inputs: every bound tightens when a box is halved.

For few moving inputs and many neurons this beats splitting the neurons' signs. A part
is done when each unsafe polyhedron is excluded from it by one of its rows.
"""

import heapq
import time
from itertools import count
from typing import NamedTuple

import numpy as np
import torch

from sklip.bounds import Boxes, Propagation, forward_error, rows_over_boxes
from sklip.certification._branching.verification import Verification

__all__ = ["InputSplits"]

# Boxes that are bounded together.
_BLOCK = 256


class _Part(NamedTuple):
    """A box, which polyhedra are not excluded yet, and what is known of its margin."""

    lower: np.ndarray
    upper: np.ndarray
    is_open: np.ndarray


class InputSplits:
    """Settles one box of a specification.

    Parameters
    ----------
    network : FeedForward
        The network.
    case : Specification
        Of one box.
    folding : FoldRounding
        What was rounded when the network was made.

    Attributes
    ----------
    point : ndarray of shape (n_inputs,), or None
        An input of the box with an unsafe output.
    n_parts : int
        Boxes that were bounded.
    """

    def __init__(self, network, case, folding):
        self.network, self.case, self.folding = network, case, folding
        self.propagation = Propagation(network, np.inf)
        self.matrix = np.concatenate([a for a, _ in case.clauses])
        self.limits = np.concatenate([b for _, b in case.clauses])
        sizes = [len(b) for _, b in case.clauses]
        self.owner = np.repeat(np.arange(len(sizes)), sizes)
        self.row_norms = np.linalg.norm(self.matrix, axis=1)
        self.point, self.n_parts, self._order = None, 0, count()
        self._queue, self._settled = [], np.inf
        self._push(-np.inf, case.lower, case.upper, np.ones(len(sizes), dtype=bool))

    @property
    def is_done(self):
        """Whether the question is answered."""
        return self.point is not None or not self._queue

    def result(self):
        """What is known by now."""
        if self.point is not None:
            return Verification("falsified", self.point, n_parts=self.n_parts)
        status = "verified" if self.is_done else "unknown"
        # The queue's first part is its worst.
        lower = min([self._settled, *(entry[0] for entry in self._queue[:1])])
        return Verification(status, None, float(lower), self.n_parts)

    def _push(self, margin, lower, upper, is_open):
        entry = margin, next(self._order), _Part(lower, upper, is_open)
        heapq.heappush(self._queue, entry)

    def run(self, deadline):
        """Go on until the question is answered or time is over, once at least."""
        block = min(_BLOCK, self.propagation.block_rows(len(self.matrix)))
        while not self.is_done:
            n = min(block, len(self._queue))
            self._step([heapq.heappop(self._queue)[2] for _ in range(n)])
            if time.monotonic() > deadline:
                break

    def _step(self, parts):
        lower = np.stack([part.lower for part in parts])
        upper = np.stack([part.upper for part in parts])
        is_open = np.stack([part.is_open for part in parts])
        self.n_parts += len(parts)
        margins, directions = self._bounds(lower, upper)
        self._try(lower, upper, directions)
        if self.point is not None:
            return
        # A polyhedron is excluded by its best row; the part by its worst polyhedron.
        best = np.full(is_open.shape, -np.inf)
        for clause in range(is_open.shape[1]):
            best[:, clause] = margins[:, self.owner == clause].max(
                axis=1, initial=-np.inf
            )
        excluded = is_open & (best > 0.0)
        self._settled = min(self._settled, best[excluded].min(initial=np.inf))
        is_open &= ~excluded
        worst = np.where(is_open, best, np.inf)
        for k in np.flatnonzero(is_open.any(axis=1)):
            clause = worst[k].argmin()
            rows = np.flatnonzero(self.owner == clause)
            pull = np.zeros(lower.shape[1])
            if len(rows):
                pull = np.abs(directions[k, rows[margins[k, rows].argmax()]])
            self._halve(lower[k], upper[k], is_open[k], pull, worst[k, clause])

    def _halve(self, lower, upper, is_open, pull, margin):
        """Two halves along the input that moves the bound most."""
        # The root, since a bound also loses by the mere width of a box: the pull alone
        # takes up to a hundred times as many parts, the width alone up to five times.
        pull = np.sqrt(pull + 1e-6 * pull.max(initial=0.0) + 1e-300)
        axis = (pull * (upper - lower)).argmax()
        middle = 0.5 * (lower[axis] + upper[axis])
        if not lower[axis] < middle < upper[axis]:
            # Nothing is left to halve: the part stays open for good.
            self._push(-np.inf, lower, upper, is_open)
            return
        for ends in ((lower[axis], middle), (middle, upper[axis])):
            low, high = lower.copy(), upper.copy()
            low[axis], high[axis] = ends
            self._push(margin, low, high, is_open)

    def _bounds(self, lower, upper):
        """Proven margins of each row, and its coefficients of the inputs."""
        tensor = self.propagation.tensor
        boxes = Boxes.between(tensor(lower), tensor(upper))
        with torch.inference_mode():
            found, directions = rows_over_boxes(
                self.propagation, boxes, tensor(self.matrix)
            )
        centers = boxes.centers.numpy()
        error, growth = forward_error(self.network, centers, self.folding)
        radii = np.linalg.norm(boxes.halves.numpy(), axis=1)
        lost = 1.01 * self.row_norms * (error + growth * radii)[:, None]
        margins = found.numpy() - self.limits
        size = np.abs(found.numpy()) + np.abs(self.limits)
        margins -= lost + 2.0**-51 * size
        return np.nan_to_num(margins, nan=-np.inf), directions.numpy()

    def _try(self, lower, upper, directions):
        """Look for an unsafe output at centers and where the bounds are attained."""
        corners = np.where(directions > 0.0, lower[:, None], upper[:, None])
        points = np.concatenate([0.5 * lower + 0.5 * upper, *corners.swapaxes(0, 1)])
        points = np.clip(points, self.case.lower, self.case.upper)
        with np.errstate(all="ignore"):
            outputs = self.network.forward(points)
        found = np.flatnonzero(self.case.is_violated(points, outputs))
        if len(found):
            self.point = points[found[0]]
