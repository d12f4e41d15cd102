# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Branch and bound over ranges of neurons, for activations that are not hinges."""

import numpy as np

from sklip.bounds import lower_over_ranges
from sklip.certification._branching.branches import Branching, unsplittable
from sklip.certification._branching.queue import Question

__all__ = ["RangeBranching", "branching_of"]

# Steps of ascent for each part: none starts from its parent's slopes.
_STEPS = 12
# A breakpoint that far from the ends of a range, as a share of it, is where it is cut.
_FROM_ENDS = 0.05


def branching_of(decisions, norm):
    """Branch and bound by signs of neurons, or by ranges where some have no two."""
    splits = RangeBranching if unsplittable(decisions.network) else Branching
    return splits(decisions, norm)


class RangeBranching(Branching):
    """As :class:`Branching`, for networks of any activations of the registry.

    In place of signs a part has the ends of each neuron's range, infinite at first. A
    range is cut where the activation bends, else in the middle.
    """

    def question(self, sample, others, radius):
        """What is to be settled of one sample."""
        whole = np.full((2, self.ends[-1]), np.inf)
        whole[0] = -np.inf
        return Question(sample, others, radius, self.ends[-1], whole)

    def bounds(self, parts):
        """Bounds of each part."""
        *arguments, ranges = self._arguments(parts)
        return lower_over_ranges(
            *arguments,
            [ends.unbind(1) for ends in ranges],
            n_steps=_STEPS,
            enough=self.propagation.tensor(parts.lost),
            given=self._given(parts),
        )

    def halves(self, part, neuron):
        """Ranges of the halves of a part, cut at a neuron."""
        layer = int(np.searchsorted(self.ends, neuron, side="right")) - 1
        shape = self.propagation.layers[layer].shape
        low, high = part.ends[:, neuron]
        place, room = 0.5 * low + 0.5 * high, _FROM_ENDS * (high - low)
        if shape.is_piecewise_linear:
            room = 0.0
        inside = [b for b in shape.breakpoints if low + room < b < high - room]
        if inside:
            place = min(inside, key=lambda b: abs(b - place))
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
