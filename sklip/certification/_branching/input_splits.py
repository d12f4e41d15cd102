# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Branch and bound over boxes of inputs: every bound tightens when a box is halved.

For few moving inputs and many neurons this beats splitting the neurons' signs. A part
is done when each unsafe polyhedron is excluded from it by one of its rows.
"""

import numpy as np
import torch

from sklip.bounds import Boxes, Propagation, forward_error, rows_over_boxes
from sklip.certification._branching.box_queue import BoxQueue

__all__ = ["InputSplits"]


class InputSplits(BoxQueue):
    """Settles one box of a specification.

    Parameters
    ----------
    network : FeedForward
        Takes the boxes that are split.
    case : Specification
        Of one box.
    folding : FoldRounding
        What was rounded when the network was made.
    """

    def __init__(self, network, case, folding):
        self.folding = folding
        self.propagation = Propagation(network, np.inf)
        self._ask(network, case, self.propagation.block_rows)

    def _ask(self, network, case, block_rows):
        self.network, self.case = network, case
        self.matrix = np.concatenate([a for a, _ in case.clauses])
        self.limits = np.concatenate([b for _, b in case.clauses])
        sizes = [len(b) for _, b in case.clauses]
        self.owner = np.repeat(np.arange(len(sizes)), sizes)
        self.row_norms = np.linalg.norm(self.matrix, axis=1)
        block = block_rows(len(self.matrix))
        is_open = np.ones(len(sizes), dtype=bool)
        super().__init__(case.lower, case.upper, is_open, block)

    def step(self, lower, upper, is_open):
        """Falsify, exclude polyhedra or halve boxes."""
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
        self.settle(best[excluded])
        is_open = is_open & ~excluded
        worst = np.where(is_open, best, np.inf)
        for k in np.flatnonzero(is_open.any(axis=1)):
            clause = worst[k].argmin()
            rows = np.flatnonzero(self.owner == clause)
            pull = np.zeros(lower.shape[1])
            if len(rows):
                pull = np.abs(directions[k, rows[margins[k, rows].argmax()]])
            # The root, since a bound also loses by the mere width of a box: the pull
            # alone takes up to a hundred times as many parts, the width alone up to
            # five times.
            pull = np.sqrt(pull + 1e-6 * pull.max(initial=0.0) + 1e-300)
            self.halve(lower[k], upper[k], is_open[k], pull, worst[k, clause])

    def _bounds(self, lower, upper):
        """Proven margins of each row, and its coefficients of the inputs."""
        tensor = self.propagation.tensor
        boxes = Boxes.between(tensor(lower), tensor(upper))
        with torch.inference_mode():
            found, directions = rows_over_boxes(
                self.propagation, boxes, tensor(self.matrix)
            )
        rounding = forward_error(self.network, boxes.centers.numpy(), self.folding)
        margins = self._margins(found.numpy(), boxes.halves.numpy(), rounding)
        return margins, directions.numpy()

    def _margins(self, found, halves, rounding):
        """What is left of proven bounds, less what the model's own pass may lose."""
        error, growth = rounding
        radii = np.linalg.norm(halves, axis=1)
        lost = 1.01 * self.row_norms * (error + growth * radii)[:, None]
        size = np.abs(found) + np.abs(self.limits)
        margins = found - self.limits - (lost + 2.0**-51 * size)
        return np.nan_to_num(margins, nan=-np.inf)

    def _try(self, lower, upper, directions):
        """Look for an unsafe output at centers and where the bounds are attained."""
        corners = np.where(directions > 0.0, lower[:, None], upper[:, None])
        points = np.concatenate([0.5 * lower + 0.5 * upper, *corners.swapaxes(0, 1)])
        points = np.clip(points, self.case.lower, self.case.upper)
        with np.errstate(all="ignore"):
            outputs = self.network.forward(points)
        self.keep(points, outputs)

    def keep(self, points, outputs):
        """Take the first of the points that violates the specification by itself."""
        for k in np.flatnonzero(self.case.is_violated(points, outputs)):
            # Products of many rows at once may be rounded otherwise.
            alone = self.network.forward(points[k : k + 1])
            if self.case.is_violated(points[k : k + 1], alone)[0]:
                self.point = points[k]
                return
