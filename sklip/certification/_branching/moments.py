# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Parts of hard balls by semidefinite bounds: few, each worth some hundred others."""

import heapq
import time
from itertools import count

import numpy as np

from sklip.bounds import has_moments, moment_bound

__all__ = ["Moments"]

# Parts bounded by lines that one of these costs, with so many inputs and neurons, and
# how many times as many are tried before.
_WORTH, _ENTRIES, _BEFORE = 600, 160, 1.7
# Parts of one question, and when the worst bound must have come how far on its way.
_MOST, _EARLY, _PROGRESS = 24, 7, 0.3


class Moments:
    """Settles questions about balls by semidefinite bounds of their parts.

    Parameters
    ----------
    branching : Branching
        Of the samples, split by signs.
    """

    def __init__(self, branching):
        self.branching, self._order = branching, count()
        self.is_possible = has_moments(branching.propagation)
        n_entries = len(branching.moving) + branching.ends[-1]
        self._worth = int(_WORTH * max(1.0, n_entries / _ENTRIES) ** 3)

    def takes_long(self, question, effort):
        """Whether a question is hard, and has the effort left for some of these."""
        left = effort.of_one * effort.rounds - question.n_parts - question.n_more
        hard = question.n_parts >= _BEFORE * self._worth and question.status is None
        return self.is_possible and hard and question.can_go_on and left > self._worth

    def settle(self, question, effort, deadline):
        """Prove what can be proven of a question, once.

        Classes that are excluded from the ball leave the question; of others its parts
        stay as they are.
        """
        left = effort.of_one * effort.rounds - question.n_parts - question.n_more
        room = int(min(_MOST, left // self._worth))
        for other, _ in question.worst_by_class():
            found, n = self._excluded(question, other, room, deadline)
            question.n_parts += n
            question.n_more += n * (self._worth - 1)
            room -= n
            if found is not None:
                question.exclude(other, found)
            elif question.status or room < 1 or time.monotonic() > deadline:
                return

    def _excluded(self, question, other, room, deadline):
        """A proven margin in the whole ball, or None, and the parts that it took."""
        n, least, first = 0, np.inf, None
        signs = np.zeros(question.ends.shape[1])
        queue = [(-np.inf, next(self._order), signs, question.ends)]
        while queue:
            if n >= room or (n >= _EARLY and queue[0][0] < (1.0 - _PROGRESS) * first):
                return None, n
            _, _, signs, ends = heapq.heappop(queue)
            n += 1
            bound = self._bound(question, other, signs, ends, deadline)
            if bound is None or question.status:
                return None, n
            first = bound.lower if first is None else first
            if bound.lower > self._lost(question):
                least = min(least, bound.lower)
                continue
            if bound.choice is None:
                return None, n
            for sign in (1.0, -1.0):
                half = signs.copy()
                half[bound.choice] = sign
                entry = bound.lower, next(self._order), half, bound.ends
                heapq.heappush(queue, entry)
        return least, n

    def _lost(self, question):
        samples, radii = np.array([question.sample]), np.array([question.radius])
        return float(self.branching.lost(samples, radii)[0])

    def _bound(self, question, other, signs, ends, deadline):
        """Bound of one part; a flip where it says that one may be."""
        branching = self.branching
        if time.monotonic() > deadline:
            return None
        target = branching.decisions.target[question.sample]
        row = np.zeros(branching.network.n_outputs)
        row[target], row[other] = 1.0, -1.0
        inputs = branching.decisions.inputs[[question.sample]]
        ball = branching.propagation.balls(inputs, [question.radius])
        told = branching.propagation, ball, row, signs, ends
        bound = moment_bound(*told, self._lost(question), deadline)
        if bound is not None:
            step = np.zeros(inputs.shape[1])
            step[branching.decisions.view.mutable] = question.radius * bound.point
            branching.try_step(question, step)
        return bound
