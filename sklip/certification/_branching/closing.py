# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Proofs right below the nearest flips: the exact radius to a stated accuracy."""

import time

import numpy as np

from sklip._threads import limit_threads
from sklip.certification._attacks import nearest_on_ray, perturbation_norm
from sklip.certification._branching.branches import unsplittable
from sklip.certification._branching.queue import Effort
from sklip.certification._branching.radius import limits
from sklip.certification._branching.ranges import branching_of

__all__ = ["Closing"]

# Share of the accuracy that is used: distances are rounded after this.
_SHARE = 0.9
# Samples whose parts are kept at a time.
_ROWS = 128
# Without any flip: up to 4^8 times what is proven.
_N_GROWTH = 8


class Closing:
    """Raises what is proven of some samples up to the nearest flip.

    Parameters
    ----------
    decisions : Decisions
        Samples that all move in the same coordinates.
    norm : {1, 2, numpy.inf}
        Norm of the balls.
    proven : ndarray of shape (n_samples,)
        Radii that are proven.
    attacked : ndarray of shape (n_samples,)
        Distances of flips; inf where none is known.

    Attributes
    ----------
    points : list of (ndarray or None)
        Flips that were found on the way, nearer than those.
    """

    def __init__(self, decisions, norm, proven, attacked):
        self.decisions, self.norm = decisions, norm
        self.proven, self.attacked = proven.copy(), attacked.copy()
        self.points = [None] * len(proven)
        self.branching = branching_of(decisions, norm)
        self.limits = _limits_of_ranges(decisions)
        self.others = np.argsort(decisions.gaps(), axis=1)[:, :-1]
        # Where rounding leaves a ball unsettled no other try can help.
        self.stuck = ~(decisions.correct & np.isfinite(proven))
        self.n_falsified = np.zeros(len(proven), dtype=int)
        self.n_grown = np.zeros(len(proven), dtype=int)

    def run(self, rtol, deadline):
        """Verify balls until every bracket is that narrow, or time is up."""
        for start in range(0, len(self.proven), _ROWS):
            block = np.arange(start, min(start + _ROWS, len(self.proven)))
            while time.monotonic() < deadline:
                rows = block[self._is_open(block, rtol)]
                if not len(rows):
                    break
                self._try(rows, self._radii(rows, rtol), deadline)

    def _is_open(self, rows, rtol):
        known = np.isfinite(self.attacked[rows])
        gap = np.where(known, self.attacked[rows], 0.0) - self.proven[rows]
        wide = np.where(known, gap > rtol * self.attacked[rows], True)
        return wide & ~self.stuck[rows] & (self.n_grown[rows] < _N_GROWTH)

    def _radii(self, rows, rtol):
        """Right below the flip; in the middle each second time after a failure."""
        proven, attacked = self.proven[rows], self.attacked[rows]
        below = attacked * (1.0 - _SHARE * min(rtol, 0.5))
        is_middle = self.n_falsified[rows] % 3 == 2
        radii = np.where(is_middle, 0.5 * (proven + attacked), below)
        return np.where(np.isfinite(attacked), radii, 4.0 * np.maximum(proven, 1e-300))

    def _try(self, rows, radii, deadline):
        questions = [
            self.branching.question(row, self.others[row], radius)
            for row, radius in zip(rows, radii, strict=True)
        ]
        with limit_threads(self.branching.propagation.work):
            self.branching.settle(questions, deadline=deadline, **self.limits)
        for row, question in zip(rows, questions, strict=True):
            if np.isinf(self.attacked[row]):
                self.n_grown[row] += 1
            if question.status == "verified":
                self.proven[row] = max(self.proven[row], question.radius)
                self.n_falsified[row] += self.n_falsified[row] % 3 == 2
            elif question.status == "falsified":
                self.n_falsified[row] += 1
                self._take(row, question.point)
            else:
                self.stuck[row] = True

    def _take(self, row, point):
        """Keep a flip, drawn in towards its sample."""
        (point,) = nearest_on_ray(self.decisions, np.array([row]), point[None])
        step = point - self.decisions.inputs[row]
        shares = self.decisions.view.shares
        length = perturbation_norm(step[None], self.norm, shares)[0]
        if length < self.attacked[row]:
            self.points[row], self.attacked[row] = point, length


def _limits_of_ranges(decisions):
    """The work at one radius where ranges are cut, which has no end as signs have."""
    if not unsplittable(decisions.network):
        return {}
    size = len(decisions.target), decisions.block.n_table
    found = limits(decisions.effort, decisions.network, *size, ranges=True)
    return {"effort": found.at_one_radius if found else Effort(0)}
