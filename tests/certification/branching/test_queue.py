# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""When a sample is given up: by the parts it took, and by how little they gained."""

import numpy as np
import pytest

from sklip.certification._branching.queue import Effort, Part, Question


def question(lowers, n_parts):
    """One whose open parts have these bounds, after others were taken."""
    asked = Question(0, np.arange(len(lowers)), 1.0, 1)
    none = np.zeros(1), np.zeros((1, 2))
    asked._queue = [Part(lower, k, *none) for k, lower in enumerate(lowers)]
    asked._first, asked.n_parts = -8.0, n_parts
    return asked


@pytest.mark.parametrize("worst, n_parts, hopeless", [
    (-7.0, 9, False),  # slow, but early
    (-7.0, 10, True),
    (-3.0, 10, False),  # more than half of the way
    (-3.0, 98, False),
    (-3.0, 99, True),  # a part more than there may be
])  # fmt: skip
def test_slow_ones_are_given_up_once_it_is_not_early(worst, n_parts, hopeless):
    asked = question([0.0, worst], n_parts)
    taken = asked.take(Effort(of_one=100, early=10, progress=0.5))
    assert (asked.status == "unknown") == hopeless == (not taken)
    if taken:
        assert [part.lower for part in taken] == [worst, 0.0]


def test_without_a_progress_asked_for_none_is_needed():
    assert question([-7.999], 500).take(Effort(early=10))
    # Worse than at first it is slow by any measure.
    assert not question([-8.5], 500).take(Effort(early=10))
