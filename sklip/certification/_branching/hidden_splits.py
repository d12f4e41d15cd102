# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Bounds of hidden neurons by branch and bound of their own, over a whole ball.

What the lines of an activation lose is the more the wider its interval is, and so
narrower intervals are worth more than many parts of the outputs' bound. From the second
hidden layer upwards, for each end of each neuron whose sign is open, the ball is split
by the signs of the neurons below: the end is the worst of its parts, and the worst part
is split again and again.
"""

import heapq
import time
from itertools import count
from typing import NamedTuple

import numpy as np
import torch

from sklip.bounds import (
    Propagation,
    hidden_bounds,
    lower_over_parts,
    shape_of,
    tightened,
)
from sklip.certification._branching.smaller import without_zeros
from sklip.networks import FeedForward

__all__ = ["HiddenSplits"]

# Ends whose parts are bounded together.
_ROWS = 64
# Parts of each end in a layer with few of them, in units of those asked for.
_MOST_TIMES = 32
# Of all parts that are kept.
_FLOATS = 2**25
# Steps of ascent for the lines of a ball, for an end over it, and for a part.
_LINE_STEPS, _FIRST_STEPS, _PART_STEPS = 12, 12, 4


class HiddenSplits:
    """Bounds of hidden neurons over balls, tightened by splits.

    Parameters
    ----------
    network : FeedForward
        Of hinges.
    norm : {1, 2, numpy.inf}
        Norm of the balls.
    mutable, shares
        As for :class:`~sklip.bounds.Propagation`.
    """

    def __init__(self, network, norm, mutable, shares):
        self.network, self._ball = network, (norm, mutable, "cpu", shares)

    def is_worth(self, ends):
        """Whether two layers or more have ends to be split.

        With a single one, parts of the outputs' bound gain more.

        Parameters
        ----------
        ends : ndarray of shape (2, n_neurons)
            Of all hidden neurons.
        """
        return sum(n > 0 for n in self._n_open(ends)) > 1

    def _n_open(self, ends):
        """Ends to be split in each layer above the first."""
        sizes = self.network.layer_sizes[1:-1]
        layers = np.split(ends, np.cumsum(sizes)[:-1], axis=1)
        pairs = list(zip(self.network.activations, layers, strict=False))[1:]
        return [2 * len(_open(shape_of(a), *layer)) for a, layer in pairs]

    def tightened(self, center, radius, ends, n_parts, deadline=np.inf):
        """Ends of all hidden neurons, nowhere wider than given ones.

        Parameters
        ----------
        center : ndarray of shape (n_inputs,)
            Of the ball.
        radius : float
            Its radius.
        ends : ndarray of shape (2, n_neurons)
            Proven ends.
        n_parts : int
            Parts of the ball for each end of each neuron, at least.
        deadline : float, default=inf
            Of the monotonic clock: what is known by then is returned.

        Returns
        -------
        ends : ndarray of shape (2, n_neurons)
            Proven.
        """
        network, kept = without_zeros(self.network, ends)
        whole = Propagation(network, *self._ball)
        balls = whole.balls(center[None], [radius])

        # Layers with few open ends get as many parts as the others.
        most = max(self._n_open(ends))

        def further(k, below, low, high):
            neurons = _open(whole.layers[k].shape, low[0].numpy(), high[0].numpy())
            rows = [(side, n) for side in (0, 1) for n in neurons]
            found = [low.clone(), high.clone()]
            below_k = Propagation(_up_to(network, k), *self._ball) if rows else None
            for start in range(0, len(rows), _ROWS):
                if time.monotonic() > deadline:
                    break
                some = rows[start : start + _ROWS]
                search = _Ends(below_k, balls, below, some)
                times = min(max(1, most // len(rows)), _MOST_TIMES)
                search.run(min(times * n_parts, search.most_parts), deadline)
                for (side, n), lower in zip(some, search.lower(), strict=True):
                    # Zero is as good as more: the sign is known.
                    if lower > -np.inf:
                        found[side][0, n] = (1 - 2 * side) * min(lower, 0.0)
            return found

        sizes = list(network.layer_sizes[1:-1])
        with torch.no_grad():
            known = torch.as_tensor(ends[:, kept])[:, None].split(sizes, dim=2)
            bounds = hidden_bounds(whole, balls, "crown", given=[*map(tuple, known)])
            bounds = tightened(whole, bounds, _LINE_STEPS, further=further)
        found = ends.copy()
        found[:, kept] = torch.cat([torch.cat(e) for e in bounds.intervals], dim=1)
        return found


def _up_to(network, k):
    """The network up to the pre-activations of layer k, from 0."""
    parts = network.weights[: k + 1], network.biases[: k + 1]
    return FeedForward(*parts, activation=network.activation[:k])


def _open(shape, low, high):
    """Neurons that bend between their ends."""
    left, right = shape.hinge
    return np.flatnonzero((low < 0.0) & (high > 0.0) & (left < right))


class _Part(NamedTuple):
    """A part of the ball, and what is known of one end there."""

    lower: float
    signs: torch.Tensor
    start: torch.Tensor
    ends: torch.Tensor
    choice: int
    can_split: bool


class _Ends:
    """Some ends of one layer's neurons, each with its parts of the ball.

    Parameters
    ----------
    propagation : Propagation
        Of the network up to that layer, as outputs.
    balls : Balls
        One.
    below : list of (Tensor, Tensor)
        Ends of the hidden layers, of shape (1, n_k).
    rows : list of (int, int)
        Side, 0 lower and 1 upper, and neuron.
    """

    def __init__(self, propagation, balls, below, rows):
        self.propagation, self.balls = propagation, balls
        self.sizes = [low.shape[1] for low, _ in below]
        n, n_neurons = len(rows), sum(self.sizes)
        self.rows = torch.zeros(n, 1, len(propagation.layers[-1].weight)).double()
        for row, (side, neuron) in zip(self.rows, rows, strict=True):
            row[0, neuron] = 1.0 if side == 0 else -1.0
        ends = torch.cat([torch.stack(e, 1) for e in below], 2).expand(n, -1, -1)
        signs = torch.zeros(n, n_neurons).double()
        found = self._bounded(np.arange(n), signs, None, ends, _FIRST_STEPS)
        self._order = count()
        self.parts = [[] for _ in found]
        for i, part in enumerate(found):
            self._put(i, part)

    @property
    def most_parts(self):
        """Parts of each end that fit the memory, with five numbers a neuron."""
        return _FLOATS // (5 * sum(self.sizes) * len(self.parts))

    def run(self, n_parts, deadline):
        """Split the worst parts of each end that is open, until there are so many."""
        while True:
            taken = [
                (i, part)
                for i in range(len(self.parts))
                for part in self._take(i, n_parts)
            ]
            if not taken or time.monotonic() > deadline:
                for i, part in taken:
                    self._put(i, part)
                return
            halves = [(i, part, sign) for i, part in taken for sign in (1.0, -1.0)]
            signs = torch.stack([part.signs for _, part, _ in halves])
            signs[np.arange(len(halves)), [part.choice for _, part, _ in halves]] = (
                torch.tensor([sign for _, _, sign in halves]).double()
            )
            found = self._bounded(
                np.array([i for i, _, _ in halves]),
                signs,
                torch.stack([part.start for _, part, _ in halves]),
                torch.stack([part.ends for _, part, _ in halves]),
                _PART_STEPS,
            )
            for (i, whole, _), part in zip(halves, found, strict=True):
                # A half has the bound of the whole at least.
                self._put(i, part._replace(lower=max(part.lower, whole.lower)))

    def lower(self):
        """Proven lower bounds of the ends, upper ones with the other sign."""
        return [own[0][0] for own in self.parts]

    def _put(self, i, part):
        heapq.heappush(self.parts[i], (part.lower, next(self._order), part))

    def _take(self, i, n_parts):
        """The worst parts of an end that can be split, as many as there is room for."""
        own, taken = self.parts[i], []
        room = min(n_parts - len(own), max(1, _ROWS // len(self.parts)))
        while own and len(taken) < room:
            lower, _, part = own[0]
            if lower >= 0.0 or not part.can_split:
                break
            taken.append(part)
            heapq.heappop(own)
        return taken

    def _bounded(self, rows, signs, start, ends, n_steps):
        found = lower_over_parts(
            self.propagation,
            self.balls[torch.zeros(len(rows), dtype=int)],
            self.rows[rows],
            list(signs.split(self.sizes, 1)),
            n_steps=n_steps,
            enough=torch.zeros(len(rows)).double(),
            start=start,
            given=[e.unbind(1) for e in ends.split(self.sizes, 2)],
        )
        ends = torch.cat([torch.stack(e, 1) for e in found.intervals], 2)
        most = torch.cat(found.gains, 1).amax(1)
        return [
            _Part(float(x), *each, int(choice), bool(gain > 0.0))
            for x, *each, choice, gain in zip(
                found.lower.nan_to_num(-torch.inf),
                signs,
                found.start,
                ends,
                found.choice,
                most,
                strict=True,
            )
        ]
