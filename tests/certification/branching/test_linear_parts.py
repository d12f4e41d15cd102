# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Small linear programs whose solutions are known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklip.certification._branching.linear_parts import LinearPart, _linear_program


@pytest.mark.parametrize("norm", [1, np.inf])
@pytest.mark.parametrize(
    "limit, step, multiplier", [(0.3, -0.3, 1.0), (2.0, -1.0, 0.0)]
)
def test_one_constraint_or_the_end_of_the_ball(norm, limit, step, multiplier):
    """The smallest d with d >= -limit: its multiplier is one where that is reached."""
    found = _linear_program(np.ones(1), -np.ones((1, 1)), np.array([limit]), norm)
    assert_allclose(found[0], [multiplier], atol=1e-9)
    assert_allclose(found[1], [step], atol=1e-9)


def test_an_empty_part_is_made_up_for():
    """d <= -2 in the unit ball: as near as it gets, and a multiplier beyond measure."""
    found = _linear_program(np.ones(1), np.ones((1, 1)), np.array([-2.0]), np.inf)
    assert found[0][0] >= 1e4
    assert_allclose(found[1], [-1.0], atol=1e-9)


@pytest.mark.parametrize("norm", [1, 2, np.inf])
@pytest.mark.parametrize("value", [0.0, -3.0])
def test_an_empty_part_of_constant_margin_is_settled(norm, value):
    """Where z <= -0.1 and z >= 0.1 at once the margin is as large as one likes."""
    G, h = np.array([[1.0, 1.0], [-1.0, -1.0]]), np.array([-0.1, -0.1])
    part = LinearPart(np.zeros(2), value, G, h)
    multipliers, _ = part.settle(1.0, norm, 1e-12)
    assert (multipliers >= 0.0).all()
    dual = {1: np.inf, 2: 2, np.inf: 1}[norm]
    reach = np.linalg.norm(G.T @ multipliers, dual)
    assert value - multipliers @ h - reach > 1e-12
