# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Boxes that are halved until what is asked is settled in each, the worst first."""

import heapq
import time
from itertools import count
from typing import NamedTuple

import numpy as np

from sklip.certification._branching.verification import Verification

__all__ = ["BoxQueue", "Part"]

# Boxes that are bounded together.
_BLOCK = 256


class Part(NamedTuple):
    """A box, and which of the questions are open there."""

    lower: np.ndarray
    upper: np.ndarray
    is_open: np.ndarray


class BoxQueue:
    """Settles questions about one box; a subclass bounds and splits its parts.

    Parameters
    ----------
    lower, upper : ndarray of shape (n_inputs,)
        Ends of the box.
    is_open : ndarray of bool
        The questions.
    block : int
        Parts that fit the memory together.

    Attributes
    ----------
    point : ndarray or None
        What falsifies.
    n_parts : int
        Boxes that were bounded.
    """

    def __init__(self, lower, upper, is_open, block):
        self.point, self.n_parts = None, 0
        self._order, self._block = count(), min(_BLOCK, block)
        self._queue, self._settled, self._is_stuck = [], np.inf, False
        self.push(-np.inf, lower, upper, is_open)

    @property
    def is_done(self):
        """Whether it is answered, or nothing is left to halve."""
        return self.point is not None or not self._queue

    def result(self):
        """What is known by now."""
        if self.point is not None:
            return Verification("falsified", self.point, n_parts=self.n_parts)
        is_open = self._queue or self._is_stuck
        status = "unknown" if is_open else "verified"
        # The queue's first part is its worst.
        lower = min([self._settled, *(entry[0] for entry in self._queue[:1])])
        return Verification(status, None, float(lower), self.n_parts)

    def run(self, deadline):
        """Go on until nothing is left to do or time is over, once at least."""
        while not self.is_done:
            n = min(self._block, len(self._queue))
            parts = [heapq.heappop(self._queue)[2] for _ in range(n)]
            self.n_parts += n
            self.step(*(np.stack(arrays) for arrays in zip(*parts, strict=True)))
            if time.monotonic() > deadline:
                break

    def step(self, lower, upper, is_open):
        """Falsify, settle or halve boxes."""
        raise NotImplementedError

    def push(self, margin, lower, upper, is_open):
        """Put a box with a margin known so far into the queue."""
        entry = margin, next(self._order), Part(lower, upper, is_open)
        heapq.heappush(self._queue, entry)

    def settle(self, margins):
        """Note margins that are proven where questions are settled."""
        self._settled = min(self._settled, margins.min(initial=np.inf))

    def halve(self, lower, upper, is_open, pull, margin):
        """Two halves along the input with the largest product of width and pull."""
        middles = 0.5 * lower + 0.5 * upper
        has_middle = (lower < middles) & (middles < upper)
        axis = np.where(has_middle, pull * (upper - lower), -1.0).argmax()
        middle = middles[axis]
        if not has_middle[axis]:
            # Nothing is left to halve: what rounding leaves open stays open for good.
            self._settled, self._is_stuck = min(self._settled, margin), True
            return
        for ends in ((lower[axis], middle), (middle, upper[axis])):
            low, high = lower.copy(), upper.copy()
            low[axis], high[axis] = ends
            self.push(margin, low, high, is_open)
