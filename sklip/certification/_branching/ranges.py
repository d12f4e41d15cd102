# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Branch and bound over ranges of neurons, for activations that are not hinges."""

import numpy as np
import torch

from sklip.bounds import cut_places, lower_over_ranges
from sklip.certification._branching.branches import Branching, unsplittable
from sklip.certification._branching.queue import Question

__all__ = ["RangeBranching", "branching_of"]

# Steps of ascent before anything is cut, and for the parts, none of which starts from
# its parent's lines: four such steps may all be too long, and then nothing moves again.
_WHOLE_STEPS, _PART_STEPS = 20, 12


def branching_of(decisions, norm):
    """Branch and bound by signs of neurons, or by ranges where some have no two."""
    splits = RangeBranching if unsplittable(decisions.network) else Branching
    return splits(decisions, norm)


class RangeBranching(Branching):
    """As :class:`Branching`, for networks of any activations of the registry.

    In place of signs a part has the ends of each neuron's range, infinite at first.
    """

    def question(self, sample, others, radius):
        """What is to be settled of one sample."""
        whole = np.full((2, self.ends[-1]), np.inf)
        whole[0] = -np.inf
        return Question(sample, others, radius, self.ends[-1], whole)

    def is_cut(self, knowledge):
        """Whether a part is less than the whole ball."""
        return bool(np.isfinite(knowledge).any())

    def bounds(self, parts):
        """Bounds of each part."""
        *arguments, ranges = self._arguments(parts)
        n_steps = _PART_STEPS if self.is_cut(parts.signs) else _WHOLE_STEPS
        return lower_over_ranges(
            *arguments,
            [ends.unbind(1) for ends in ranges],
            n_steps=n_steps,
            enough=self.propagation.tensor(parts.lost),
            given=self._given(parts),
        )

    def halves(self, part, neuron):
        """Ranges of the halves of a part, cut at a neuron."""
        layer = int(np.searchsorted(self.ends, neuron, side="right")) - 1
        shape = self.propagation.layers[layer].shape
        ends = torch.from_numpy(part.ends[:, [neuron]])
        place = float(cut_places(shape, *ends))
        found = []
        for end in (1, 0):
            ranges = part.signs.copy()
            ranges[end, neuron] = place
            found.append(ranges)
        return found

    def settle_known(self, parts, bounds, some):
        """Give up parts in which nothing is left to cut."""
        for part in some:
            parts.questions[part].note(float(bounds.lower[part]))
            parts.questions[part].doubt()
