# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Branch and bound over the signs of neurons, for many samples at once.

Each sample has its own parts, and a part's bound does not depend on the others beside
it: what is settled, and after how many parts, is the same in any company.
"""

import time
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch

from sklip.bounds import (
    Propagation,
    has_planes,
    hidden_bounds,
    lower_by_multipliers,
    lower_over_parts,
    shape_of,
    tightened,
)
from sklip.certification._attacks import Ball
from sklip.certification._branching.linear_parts import linear_part
from sklip.certification._branching.moments import Moments
from sklip.certification._branching.queue import Effort, Part, Question
from sklip.certification._pairs import norm_ratio

__all__ = ["Branching", "unsplittable"]

# Parts that are bounded together, and rows of coefficients of each at a time.
_BLOCK, _ROWS = 512, 16
# Steps of ascent before anything is split, and for the parts.
_WITHOUT_LIMIT = Effort()
_ROOT_STEPS, _PART_STEPS = 20, 4
# For each bound of each hidden neuron in the whole ball, of at most so many neurons.
_HIDDEN_STEPS, _OPEN_PER_PART = 12, 4.0
# Parts after which a ball is begun again with upper planes: so many at least, and one
# for so many slopes, of which all cost the more.
_PLAIN_PARTS, _SLOPES_PER_PART = 256, 4
# Steps for planes of hidden neurons, and slopes of all parts of a block.
_PLANE_STEPS, _SLOPES = 24, 2**21


@dataclass(frozen=True, eq=False)
class _Parts:
    """Some parts, of any samples, as arrays."""

    questions: list
    samples: np.ndarray
    others: np.ndarray
    radii: np.ndarray
    signs: np.ndarray
    lost: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    leaning: list

    def __getitem__(self, rows):
        arrays = self.samples, self.others, self.radii
        arrays += self.signs, self.lost, self.starts, self.ends
        questions, leaning = (
            [own[row] for row in rows] for own in (self.questions, self.leaning)
        )
        return _Parts(questions, *(array[rows] for array in arrays), leaning)


def unsplittable(network):
    """Names of the activations that are not linear on either side of zero, bent up."""
    found = {a.name for a in network.activations if shape_of(a).hinge is None}
    return sorted(found)


class Branching:
    """Bounds, attacks and splits of the parts of balls around samples.

    Parameters
    ----------
    decisions : Decisions
        The samples, of a network with nothing :func:`unsplittable`.
    norm : {1, 2, numpy.inf}
        Norm of the balls.
    network : FeedForward, default=None
        One that is exactly the same in the balls in question; by default that of the
        decisions.
    """

    def __init__(self, decisions, norm, network=None):
        self.decisions, self.norm = decisions, norm
        self.network = decisions.network if network is None else network
        view = decisions.view
        self.propagation = Propagation(
            self.network, norm, view.mutable, shares=view.shares
        )
        self.error, growth = decisions.rounding()
        ratio = norm_ratio(2, norm, decisions.n_mutable) if decisions.n_mutable else 0.0
        self.growth = growth * ratio
        self.moving = np.flatnonzero(view.attackable)
        self._whole = Ball.around(view, norm, None)
        self.ends = np.cumsum([0, *self.network.layer_sizes[1:-1]])
        self._n_plain = np.inf
        if type(self) is Branching and has_planes(self.propagation):
            n_slopes = self.propagation.moving.numel()
            self._n_plain = max(_PLAIN_PARTS, n_slopes // _SLOPES_PER_PART)
        self._moments = Moments(self) if type(self) is Branching else None

    def lost(self, samples, radii):
        """What a computed margin may lack of the exact one, anywhere in the balls."""
        return 1.5 * (self.error[samples] + self.growth * radii)

    def of_same(self, network):
        """The same with another network, which is exactly the same in some balls."""
        return type(self)(self.decisions, self.norm, network)

    def question(self, sample, others, radius):
        """What is to be settled of one sample."""
        return Question(sample, others, radius, self.ends[-1])

    def is_cut(self, knowledge):
        """Whether a part is less than the whole ball."""
        return bool(knowledge.any())

    def settle(self, questions, *, effort=_WITHOUT_LIMIT, deadline=np.inf):
        """Go on until each question is settled or given up.

        Parameters
        ----------
        questions : list of Question
            They are changed in place.
        effort : Effort, default=_WITHOUT_LIMIT
            How many parts may be bounded, those of all classes together.
        deadline : float, default=inf
            Of the monotonic clock.
        """
        self._begin([q for q in questions if q.is_new], effort, deadline)
        while True:
            self._bend(questions, deadline)
            self._weigh(questions, effort, deadline)
            chosen = [(q, part) for q in questions for part in q.take(effort)]
            if not chosen:
                return
            is_over = sum(q.n_parts + q.n_more for q in questions) > effort.of_all
            for block in self._blocks(chosen):
                if is_over or time.monotonic() > deadline:
                    for question in questions:
                        question.cut_short()
                    return
                some = [c for c in block if not c[0].status]
                if some:
                    self._bound(self._parts(some))

    def _blocks(self, chosen):
        """Parts that are bounded together, in the same way: halves beside halves."""
        size = min(_BLOCK, self.propagation.block_rows(_ROWS, hidden=False))
        kinds = [(q.has_planes, self.is_cut(part.signs)) for q, part in chosen]
        for kind in sorted(set(kinds)):
            some = [c for c, its in zip(chosen, kinds, strict=True) if its == kind]
            step = size
            if kind[0]:
                step = max(1, min(size, _SLOPES // self.propagation.moving.numel()))
            for start in range(0, len(some), step):
                yield some[start : start + step]

    def _begin(self, questions, effort, deadline):
        """Bounds of all hidden neurons in the whole balls."""
        block = min(_BLOCK, self.propagation.block_rows())
        for start in range(0, len(questions), block):
            some = questions[start : start + block]
            if time.monotonic() > deadline:
                for question in some:
                    question.cut_short()
                continue
            inputs = self.decisions.inputs[[q.sample for q in some]]
            balls = self.propagation.balls(inputs, [q.radius for q in some])
            with torch.no_grad():
                bounds = hidden_bounds(self.propagation, balls, "crown")
                worth = _worth_tightening(bounds, effort.of_one * effort.rounds)
                bounds = tightened(self.propagation, bounds, _HIDDEN_STEPS, worth)
            ends = _joined(bounds.intervals, len(some))
            for question, own in zip(some, ends, strict=True):
                question.begin(own)

    def _bend(self, questions, deadline):
        """Ask again with upper planes what took many parts without."""
        for question in questions:
            if not question.takes_long(self._n_plain) or time.monotonic() > deadline:
                continue
            inputs = self.decisions.inputs[[question.sample]]
            balls = self.propagation.balls(inputs, [question.radius])
            known = self._by_layer(self.propagation.tensor(question.ends)[:, None])
            with torch.no_grad():
                told = self.propagation, balls, "crown", [*map(tuple, known)]
                bounds = hidden_bounds(*told)
                told = self.propagation, bounds, _PLANE_STEPS
                bounds = tightened(*told, planes=True)
            question.restart(_joined(bounds.intervals, 1)[0])

    def _weigh(self, questions, effort, deadline):
        """Try semidefinite bounds once where many parts did not do."""
        for question in questions if self._moments else ():
            if question.has_moments or not self._moments.takes_long(question, effort):
                continue
            question.has_moments = True
            self._moments.settle(question, effort, deadline)

    def _parts(self, chosen):
        questions = [question for question, _ in chosen]
        samples = np.array([question.sample for question in questions])
        radii = np.array([question.radius for question in questions])
        lost = self.lost(samples, radii)
        others = np.array([part.other for _, part in chosen])
        signs = np.stack([part.signs for _, part in chosen])
        starts = np.stack([part.start for _, part in chosen])
        ends = np.stack([part.ends for _, part in chosen])
        arrays = samples, others, radii, signs, lost, starts, ends
        return _Parts(questions, *arrays, [part.leaning for _, part in chosen])

    def _arguments(self, parts):
        """Of the bounds over parts."""
        each = np.arange(len(parts.samples))
        rows = np.zeros((len(each), self.network.n_outputs))
        rows[each, self.decisions.target[parts.samples]] = 1.0
        rows[each, parts.others] = -1.0
        tensor, inputs = self.propagation.tensor, self.decisions.inputs[parts.samples]
        balls = self.propagation.balls(inputs, parts.radii)
        signs = [tensor(s) for s in self._by_layer(parts.signs)]
        return self.propagation, balls, tensor(rows)[:, None], signs

    def _by_layer(self, signs):
        return [signs[..., a:b] for a, b in pairwise(self.ends)]

    def _given(self, parts):
        """Ends of the hidden neurons, layer by layer."""
        ends = self._by_layer(self.propagation.tensor(parts.ends))
        return [e.unbind(1) for e in ends]

    def bounds(self, parts):
        """Bounds of each part."""
        n_steps, start, leaning = _ROOT_STEPS, None, None
        if self.is_cut(parts.signs):
            n_steps, start = _PART_STEPS, self.propagation.tensor(parts.starts)
            if parts.leaning[0] is not None:
                leaning = torch.from_numpy(np.stack(parts.leaning))
        return lower_over_parts(
            *self._arguments(parts),
            n_steps=n_steps,
            enough=self.propagation.tensor(parts.lost),
            start=start,
            given=self._given(parts),
            planes=parts.questions[0].has_planes,
            leaning=leaning,
        )

    def halves(self, part, neuron):
        """Signs of the halves of a part, split at a neuron."""
        found = []
        for sign in (1.0, -1.0):
            signs = part.signs.copy()
            signs[neuron] = sign
            found.append(signs)
        return found

    def _bound(self, parts):
        """Bound parts; falsify, split or drop each."""
        bounds = self.bounds(parts)
        self._attack(parts, bounds.directions.numpy())
        # NaN (an overflow on the way) proves nothing.
        lower = np.nan_to_num(bounds.lower.numpy(), nan=-np.inf)
        choice = bounds.choice.numpy()
        start, ends = bounds.start.numpy(), _joined(bounds.intervals, len(lower))
        tilt = None if bounds.leaning is None else bounds.leaning.numpy()
        for part in np.flatnonzero(lower > parts.lost):
            parts.questions[part].note(lower[part])
        # Without hidden layers there is nothing to split.
        gains = np.zeros((len(lower), 0))
        gains = np.concatenate([gains, *(g.numpy() for g in bounds.gains)], axis=1)
        left = [
            part
            for part in np.flatnonzero(~(lower > parts.lost))
            if not parts.questions[part].status
        ]
        can_split = gains.max(axis=1, initial=0.0) > 0.0
        for part in left:
            if can_split[part]:
                other, signs = int(parts.others[part]), parts.signs[part]
                leaning = None if tilt is None else tilt[part].copy()
                told = start[part], ends[part], leaning
                whole = Part(lower[part], other, signs, *told)
                halves = self.halves(whole, choice[part])
                parts.questions[part].split(whole, halves)
        known = [part for part in left if not can_split[part]]
        if known:
            self.settle_known(parts, bounds, known)

    def settle_known(self, parts, bounds, some):
        """Bound parts without open neurons; try where they say a flip is."""
        parts, slopes = parts[some], [s[some].numpy() for s in bounds.slopes]
        arguments = self._arguments(parts)
        spread = np.zeros_like(parts.signs)
        steps = np.zeros((len(spread), len(self.moving)))
        for i, signs in enumerate(parts.signs):
            linear = linear_part(
                self.network,
                arguments[2][i, 0].numpy(),
                self.decisions.inputs[parts.samples[i]],
                self.moving,
                [s[i] for s in slopes],
                self._by_layer(signs),
            )
            linear, shift, scale = linear.centered(parts.radii[i], self._whole)
            found = linear.settle(parts.radii[i], self.norm, 2.0 * parts.lost[i])
            spread[i, signs != 0.0], step = found
            steps[i] = self._whole.in_shares(shift + scale * step)
        self._flip(parts, steps)
        spread = [self.propagation.tensor(s) for s in self._by_layer(spread)]
        lower = lower_by_multipliers(*arguments, spread, self._given(parts)).numpy()
        for part, found in enumerate(np.nan_to_num(lower, nan=-np.inf)):
            parts.questions[part].note(found)
            if not found > parts.lost[part]:
                parts.questions[part].doubt()

    def _attack(self, parts, directions):
        """Try the points where the bounds are attained."""
        if len(self.moving) == 0:
            return
        downhill = -directions[:, self.moving]
        rows = self._whole.scaled(downhill).any(axis=1)
        step, downhill = np.zeros_like(downhill), downhill[rows]
        if self.norm == 1:
            best = np.abs(self._whole.scaled(downhill)).argmax(axis=1)[:, None]
            slope = np.take_along_axis(downhill, best, 1)
            downhill = np.zeros_like(downhill)
            np.put_along_axis(downhill, best, slope, 1)
        if len(downhill):
            ball = replace(self._whole, radius=parts.radii[rows, None])
            step[rows] = ball.radius * ball.steepest(downhill)
        self._flip(parts, step)

    def try_step(self, question, step):
        """Falsify where a step of all inputs, cut to the ball, flips the prediction."""
        ball = replace(self._whole, radius=np.array([[question.radius]]))
        samples, step = np.array([question.sample]), step[None, self.moving]
        points = self.decisions.inputs[samples]
        step = self._whole.in_shares(step)
        points[:, self.moving] = ball.move(points[:, self.moving], step)
        if self.decisions.flips(points, samples)[0]:
            question.falsify(points[0])

    def _flip(self, parts, steps):
        """Falsify where a step, cut to the ball, changes the prediction."""
        ball = replace(self._whole, radius=parts.radii[:, None])
        points = self.decisions.inputs[parts.samples]
        points[:, self.moving] = ball.move(points[:, self.moving], steps)
        for part in np.flatnonzero(self.decisions.flips(points, parts.samples)):
            parts.questions[part].falsify(points[part])


def _joined(intervals, n_parts):
    """Ends of all layers, of shape (n_parts, 2, n_neurons)."""
    if not intervals:
        return np.zeros((n_parts, 2, 0))
    return torch.cat([torch.stack(ends, 1) for ends in intervals], 2).numpy()


def _worth_tightening(bounds, n_parts):
    """Of each ball, whether its open neurons cost less than the parts."""
    n_open = torch.zeros(len(bounds.balls))
    for low, high in bounds.intervals[1:]:
        n_open += ((low < 0.0) & (high > 0.0)).sum(dim=1)
    return n_open <= _OPEN_PER_PART * n_parts
