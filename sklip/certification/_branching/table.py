# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Balls around the samples of one table, those that take few parts first."""

import time
from typing import NamedTuple

import numpy as np

from sklip.certification._branching.branches import Branching
from sklip.certification._branching.hidden_splits import HiddenSplits
from sklip.certification._branching.queue import Effort
from sklip.certification._branching.smaller import without_zeros
from sklip.certification._branching.verification import Verification

__all__ = ["LEVELS", "Clock", "Level", "Table"]

# Samples whose parts are kept at a time; of more, the parts are found again.
_KEPT = 32


class Level(NamedTuple):
    """Parts of each sample's ball, and before that of it for each hidden neuron."""

    effort: Effort
    n_hidden: int = 1


# Hard samples are told from easy ones; at the end there is no limit.
LEVELS = tuple(
    Level(Effort(n, rounds=np.inf), n_hidden)
    for n, n_hidden in (
        (64, 1),
        (128, 4),
        (512, 16),
        (2048, 64),
        (8192, 128),
        (np.inf, 256),
    )
)


class Clock:
    """Time that is over and left."""

    def __init__(self, start, deadline):
        self.start, self.deadline = start, deadline

    @property
    def seconds(self):
        """Since the start."""
        return time.monotonic() - self.start


class Table:
    """Samples of one table, those that take few parts first.

    Parameters
    ----------
    branching : Branching
        Of the samples.
    radius : float
        Of the balls.
    results : list of (Verification or None)
        What is known already.
    clock : Clock
        Time.

    Attributes
    ----------
    results : list of Verification
        None where nothing is known yet.
    """

    def __init__(self, branching, radius, results, clock):
        self.branching, self.radius, self.clock = branching, radius, clock
        self.results, self._open = results, {}
        self._others = np.argsort(branching.decisions.gaps(), axis=1)[:, :-1]
        self._hidden = None
        # Only signs are fixed in the bounds of hidden neurons.
        if type(branching) is Branching and len(branching.network.layer_sizes) > 4:
            view = branching.decisions.view
            self._hidden = HiddenSplits(
                branching.network, branching.norm, view.mutable, view.shares
            )

    def run(self, level, is_last):
        """Go on with the open samples until each has taken so many parts."""
        rows = [i for i, result in enumerate(self.results) if result is None]
        # The nearest to a proof first, of those that were tried.
        rows.sort(key=lambda i: -self._open[i].lower if self._open else 0.0)
        keep = len(rows) <= _KEPT
        is_deep = self._hidden is not None and level.n_hidden > 1
        # Each sample has a network of its own then.
        step = 1 if is_deep else _KEPT
        for start in range(0, len(rows), step):
            block = rows[start : start + step]
            tried = [self._tried(i, keep) for i in block]
            if is_deep:
                self._deepen(block[0], tried[0], level.n_hidden)
            told = {"effort": level.effort, "deadline": self.clock.deadline}
            tried[0].branching.settle([one.question for one in tried], **told)
            for i in block:
                self._note(i, is_last)

    def _tried(self, i, keep):
        """A sample with its question, open again."""
        tried = self._open.get(i)
        if tried is None:
            tried = self._open[i] = _Tried(self.branching)
        if tried.question is None or not (keep and tried.question.can_go_on):
            tried.ask(self._question(i, tried))
        tried.question.reopen()
        return tried

    def _question(self, i, tried):
        question = tried.branching.question(i, self._others[i], self.radius)
        if tried.kept is not None:
            question.begin(tried.ends[:, tried.kept])
        return question

    def _deepen(self, i, tried, n_parts):
        """Bounds of the hidden neurons by splits, and the question anew with them."""
        if tried.ends is None:
            tried.ends = tried.question.ends
        if tried.ends is None or not self._hidden.is_worth(tried.ends):
            return
        if time.monotonic() > self.clock.deadline:
            return
        center = self.branching.decisions.inputs[i]
        told = center, self.radius, tried.ends, n_parts, self.clock.deadline
        tried.ends = self._hidden.tightened(*told)
        network, tried.kept = without_zeros(self.branching.network, tried.ends)
        tried.branching = self.branching.of_same(network)
        tried.ask(self._question(i, tried))

    def _note(self, i, is_last):
        tried = self._open[i]
        question = tried.question
        late = self.clock.seconds > self.clock.deadline - self.clock.start
        if (
            question.status == "unknown"
            and question.can_go_on
            and not (is_last or late)
        ):
            return
        lower = -np.inf
        if question.status != "falsified":
            lower = float(tried.lower - self.branching.lost(i, self.radius))
        parts = question.status, question.point, lower, tried.n_parts
        self.results[i] = Verification(*parts, self.clock.seconds)
        question.clear()


class _Tried:
    """A sample that was tried, with the network that its question is about.

    Attributes
    ----------
    ends : ndarray of shape (2, n_neurons) or None
        Of all hidden neurons in the ball, once they were tightened by splits.
    kept : ndarray of bool of shape (n_neurons,) or None
        Neurons of the question's network, where it is a smaller one.
    """

    def __init__(self, branching):
        self.branching, self.question = branching, None
        self.ends = self.kept = None
        self._lower, self._n_parts = -np.inf, 0

    def ask(self, question):
        """Take another question about the same, with what the last one found."""
        if self.question is not None:
            self._lower, self._n_parts = self.lower, self.n_parts
        self.question = question

    @property
    def lower(self):
        """The best bound of the least margin."""
        return max(self._lower, self.question.lower)

    @property
    def n_parts(self):
        """Parts bounded by now."""
        return self._n_parts + self.question.n_parts
