# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Whether an output only rises with an input: bounds of its slope over boxes."""

import numpy as np
import torch

from sklip._floats import gamma
from sklip.bounds import (
    Boxes,
    Propagation,
    forward_error,
    hidden_bounds,
    input_shares,
    lower_rates,
)
from sklip.certification._branching.box_queue import BoxQueue

__all__ = ["MonotoneSplits"]

# Pairs of inputs that are tried before anything is bounded, and in how many steps.
_PAIRS, _STEPS = 64, 16
# A folded matrix whose terms did not cancel: its entries are off relatively.
_NO_CANCELLATION = 1.001


class MonotoneSplits(BoxQueue):
    """Settles whether an output never falls along one input of a box.

    Parameters
    ----------
    view : NetworkView
        Whose coordinates are the columns of X.
    question : Monotone
        What is asked.

    Attributes
    ----------
    point : ndarray of shape (2, n_inputs), or None
        Two inputs that differ in the one asked about, the smaller first, whose outputs
        contradict: by more than rounding, so those of the model do as well.
    """

    def __init__(self, view, question):
        self.view, self.network, self.question = view, view.network, question
        self.column = question.column(view.feature_names)
        self.sign = 1.0 if question.increasing else -1.0
        self.propagation = Propagation(self.network, np.inf)
        block = self.propagation.block_rows()
        is_open = np.ones(1, dtype=bool)
        super().__init__(question.lower, question.upper, is_open, block)
        self._set_ends()
        self._try_at_random()

    def _set_ends(self):
        """What the first and the last matrix say, with what was rounded in them."""
        folding, tensor = self.view.rounding, self.propagation.tensor
        last = self.sign * self.network.weights[-1][self.question.output]
        off = gamma(folding.n_last) * folding.last_size[self.question.output]
        plain = folding.last_size[self.question.output] <= _NO_CANCELLATION * abs(last)
        relative = 1.01 * gamma(folding.n_last) * float(plain.any())
        off = np.where(plain, 0.0, off)
        self.row = tensor(last), relative, tensor(off)
        first = self.network.weights[0][:, self.column]
        if self.propagation.n_hidden == 0:
            first = self.sign * first[[self.question.output]]
            room = off[[self.column]] + relative * abs(first)
        else:
            room = np.zeros_like(first)
        sizes = folding.first[:, self.column]
        if self.propagation.n_hidden == 0:
            sizes = sizes[[self.question.output]]
        room = room + gamma(folding.n_first) * sizes
        self.first = tensor(first - room), tensor(first + room)

    def step(self, lower, upper, is_open):
        """Falsify, settle or halve boxes."""
        margins, pull = self._bounds(lower, upper)
        self._try(*self._faces(lower, upper))
        if self.point is not None:
            return
        settled = margins >= 0.0
        self.settle(margins[settled])
        for k in np.flatnonzero(~settled):
            self.halve(lower[k], upper[k], is_open[k], pull[k], margins[k])

    def _bounds(self, lower, upper):
        """Proven slopes, and how much each input, per width, has to do with them."""
        tensor = self.propagation.tensor
        if self.propagation.n_hidden == 0:
            return np.full(len(lower), float(self.first[0])), np.ones_like(lower)
        boxes = Boxes.between(tensor(lower), tensor(upper))
        n_hidden_roundings = self.view.rounding.n_hidden
        with torch.inference_mode():
            bounds = hidden_bounds(self.propagation, boxes, "crown")
            found, losses = lower_rates(
                self.propagation, bounds, self.row, self.first, n_hidden_roundings
            )
            shares = input_shares(self.propagation, bounds, losses).numpy()
        # Per width: the queue multiplies by it.
        width = np.maximum(upper - lower, 1e-300)
        shares = shares + 1e-9 * shares.max(axis=1, keepdims=True) + 1e-300
        return np.nan_to_num(found.numpy(), nan=-np.inf), shares / width

    def _faces(self, lower, upper):
        """Middles of the faces across the input that is asked about."""
        low, high = 0.5 * lower + 0.5 * upper, 0.5 * lower + 0.5 * upper
        low[:, self.column], high[:, self.column] = (
            lower[:, self.column],
            upper[:, self.column],
        )
        return low, high

    def _try_at_random(self):
        """Walk across the box along the input, from random places."""
        lower, upper = self.question.lower, self.question.upper
        rng = np.random.default_rng(0)
        points = lower + rng.uniform(size=(_PAIRS, len(lower))) * (upper - lower)
        points[0] = 0.5 * lower + 0.5 * upper
        points = np.repeat(np.clip(points, lower, upper)[:, None], _STEPS + 1, axis=1)
        ends = lower[self.column], upper[self.column]
        points[:, :, self.column] = np.linspace(*ends, _STEPS + 1)
        for first, second in (
            (points[:, :-1], points[:, 1:]),
            points[:, [0, -1]].swapaxes(0, 1),
        ):
            if self.point is None:
                shape = -1, len(lower)
                self._try(first.reshape(shape), second.reshape(shape))

    def _try(self, low, high):
        """Keep the pair that contradicts most, if any does."""
        fall, room = 0.0, 0.0
        for side, points in ((1.0, low), (-1.0, high)):
            with np.errstate(all="ignore"):
                outputs = self.network.forward(points)[:, self.question.output]
                error, _ = forward_error(self.network, points, self.view.rounding)
            fall, room = fall + side * self.sign * outputs, room + error
        # Twice, since the model's own outputs are off by as much.
        excess = np.nan_to_num(fall - 2.1 * room, nan=-np.inf)
        best = excess.argmax()
        if excess[best] > 0.0:
            self.point = np.stack([low[best], high[best]])
