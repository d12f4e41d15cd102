# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Feasible weights near a point of the dual: feasible, with a true and small gap."""

import numpy as np
import pytest

from sklip.training._lipschitz_step.newton import project
from sklip.training._lipschitz_step.rounding import NEAR, make_feasible


def near_optimum(ball, error):
    """The optimal factor, perturbed, with what the ball says of it."""
    factor = project(ball, 1e-12).point.factor
    rng = np.random.default_rng(1)
    point = ball.point(factor + error * rng.standard_normal(factor.shape))
    return point, *ball.outside(point.z, NEAR if ball.is_dense else 1.0)


def norm(ball, weights):
    """||Z|| of weights."""
    blocks = [r * w * c.T for w, (r, c) in zip(weights, ball.scales, strict=True)]
    return np.max(ball.outside(ball.assemble(blocks), 0.5)[0])


@pytest.mark.parametrize("sizes", [(6, 4), (4, 7), (6, 9, 3), (5, 6, 4, 3)])
@pytest.mark.parametrize("error", [0.0, 1e-3, 0.1])
def test_feasible_with_the_gap_it_says(problem, sizes, error):
    ball = problem(sizes)
    point, values, directions = near_optimum(ball, error)
    found = make_feasible(point, values, directions)
    assert norm(ball, found.weights) <= 1.0 + 1e-12
    distance = 0.5 * sum(
        np.sum((w - v) ** 2) for w, v in zip(found.weights, ball.targets, strict=True)
    )
    np.testing.assert_allclose(found.distance, distance, rtol=1e-12)
    # The dual value is minus f(P) - f(0).
    np.testing.assert_allclose(found.gap, distance + point.value, atol=1e-9 * distance)
    assert found.gap >= -1e-9 * distance


@pytest.mark.parametrize("sizes", [(6, 4), (6, 9, 3)])
def test_gap_is_of_second_order_in_dense_problems(problem, sizes):
    ball = problem(sizes)
    gaps = []
    for error in (1e-2, 1e-3):
        point, values, directions = near_optimum(ball, error)
        found = make_feasible(point, values, directions)
        divided = point.gap(np.max(values))
        assert found.gap < 0.2 * divided
        gaps.append(found.gap)
    assert gaps[1] < 0.03 * gaps[0]


def test_few_and_many_singular_values_agree(problem):
    ball = problem((6, 9, 3))
    few, many = (ball.outside(ball.z, NEAR, n) for n in (1, None))
    np.testing.assert_allclose(few[0], many[0], rtol=1e-12)
    signs = np.sign(np.sum(few[1] * many[1], axis=0))
    np.testing.assert_allclose(few[1] * signs, many[1], atol=1e-10)
