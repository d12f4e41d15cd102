# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What is open of one sample's ball, and when to give it up."""

from typing import NamedTuple

import numpy as np

__all__ = ["Effort", "Part", "Question"]

# Parts of one sample in one round.
_BATCH = 128


class Effort(NamedTuple):
    """Parts that may be bounded, and when to give up before.

    Once ``early`` parts of a sample are bounded the worst bound has come ``progress``
    of its way to zero, or the sample is given up. ``rounds`` is how many times as many
    parts it may get later on.
    """

    of_one: float = np.inf
    of_all: float = np.inf
    early: float = np.inf
    progress: float = 0.0
    rounds: float = 1.0


class Part(NamedTuple):
    """Part of a ball, with the bound of what it is a half of and how that was found.

    ``ends`` are those of all hidden neurons there, None before anything is bounded.
    """

    lower: float
    other: int
    signs: np.ndarray
    start: np.ndarray
    ends: np.ndarray | None = None
    # Shares of the slopes of upper planes, if there are any.
    leaning: np.ndarray | None = None


class Question:
    """Whether any point of a ball changes the prediction, and what is open of it.

    Parameters
    ----------
    sample : int
        Row of the decisions.
    others : ndarray of int
        Classes that may win there.
    radius : float
        Of the ball.
    n_neurons : int
        Neurons whose signs may be fixed.
    signs : ndarray, default=None
        What a part knows of them, at first: zeros by default.

    Attributes
    ----------
    status : {"verified", "falsified", "unknown"} or None
        None while it is open.
    point : ndarray or None
        A flip inside the ball.
    n_parts : int
        Parts bounded so far.
    ends : ndarray of shape (2, n_neurons) or None
        Of the hidden neurons in the whole ball.
    has_planes : bool
        Whether its parts are bounded with upper planes.
    n_more : int
        Further parts that those were worth.
    has_moments : bool
        Whether semidefinite bounds were tried.
    """

    def __init__(self, sample, others, radius, n_neurons, signs=None):
        self.sample, self.radius = sample, radius
        self.status, self.point, self.n_parts = None, None, 0
        signs = np.zeros(n_neurons) if signs is None else signs
        start = np.zeros((n_neurons, 2))
        self._queue = [Part(-np.inf, int(other), signs, start) for other in others]
        self.ends, self._first, self._unsure = None, -np.inf, False
        self._settled, self._taken, self._is_cut_short = np.inf, [], False
        self.has_planes, self._before = False, 0
        self.n_more, self.has_moments = 0, False

    @property
    def is_new(self):
        """Whether nothing has been bounded yet."""
        return self.ends is None and self.n_parts == 0 and self.status is None

    def begin(self, ends):
        """Take bounds of all hidden neurons, an array of shape (2, n_neurons)."""
        self.ends = ends
        self._queue = [part._replace(ends=ends) for part in self._queue]

    def takes_long(self, n_parts):
        """Whether it is open after so many parts without planes."""
        long = self.n_parts >= n_parts and self.status is None
        return long and not self.has_planes and self.can_go_on

    def restart(self, ends):
        """Begin again with tighter ends of all hidden neurons, and with planes."""
        self.ends, self.has_planes, self._before = ends, True, self.n_parts
        signs, start = np.zeros(ends.shape[1]), np.zeros((ends.shape[1], 2))
        self._queue = [
            Part(worst, other, signs, start, ends)
            for other, worst in self.worst_by_class()
        ]

    def worst_by_class(self):
        """Pairs of a class that is open and the worst bound of its parts."""
        lower = {}
        for part in self._queue:
            lower[part.other] = min(part.lower, lower.get(part.other, np.inf))
        return list(lower.items())

    def exclude(self, other, lower):
        """A class wins nowhere in the ball, by this margin at least."""
        self._queue = [part for part in self._queue if part.other != other]
        self.note(lower)

    def take(self, effort):
        """The most doubtful parts."""
        self._queue.sort(key=lambda part: part.lower)
        if not self._queue and self.status is None:
            self.status = "unknown" if self._unsure else "verified"
        elif self._queue and self._is_hopeless(effort):
            self.give_up()
        if self.status is not None:
            return []
        chosen, self._queue = self._queue[:_BATCH], self._queue[_BATCH:]
        self.n_parts += len(chosen)
        self._taken = [part.lower for part in chosen]
        return chosen

    def _is_hopeless(self, effort):
        """Whether the parts left are too few, by now or by the progress so far."""
        if self.n_parts + self.n_more + len(self._queue) > effort.of_one:
            return True
        worst = self._queue[0].lower
        if np.isinf(self._first):
            self._first = worst
        slow = worst < (1.0 - effort.progress) * self._first
        return slow and self.n_parts - self._before >= effort.early

    @property
    def can_go_on(self):
        """Whether all parts that are open are at hand."""
        return bool(self._queue) and not self._is_cut_short and not self._unsure

    def clear(self):
        """Forget the parts."""
        self._queue = []

    def reopen(self):
        """Go on with one that was given up between two rounds, all parts at hand."""
        if self.status == "unknown" and self.can_go_on:
            self.status = None

    def cut_short(self):
        """Give up in the middle of a round."""
        self._is_cut_short = self._is_cut_short or self.status is None
        self.give_up()

    def give_up(self):
        """Leave it unknown, unless it is settled."""
        self.status = self.status or "unknown"

    def note(self, lower):
        """A part is settled, or given up, with this bound."""
        self._settled = min(self._settled, lower)

    @property
    def lower(self):
        """Bound of the least margin in the whole ball, from all its parts."""
        # Given up in the middle of a round, its parts have the bounds of their parents.
        taken = self._taken if self._is_cut_short else []
        open_parts = [part.lower for part in self._queue]
        return min([self._settled, *taken, *open_parts])

    def doubt(self):
        """Of one part nothing can be said."""
        self._unsure = True

    def falsify(self, point):
        """Take a flip."""
        self.status, self.point = "falsified", point

    def split(self, part, halves):
        """Put the halves of a part, given by their signs, into the queue."""
        for signs in halves:
            self._queue.append(part._replace(signs=signs))
