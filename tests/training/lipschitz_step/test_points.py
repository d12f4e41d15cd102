# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Points of the spectral ball's dual: derivatives, and two ways that agree."""

import numpy as np
import pytest

from sklip.training._lipschitz_step.points import BlockPoint, MatrixPoint

DENSE = [(6, 4), (4, 7), (6, 9, 3), (3, 2, 5)]
DEEP = [(5, 6, 4, 3), (3, 4, 5, 4, 2)]
CASES = [(BlockPoint, s) for s in DENSE + DEEP] + [(MatrixPoint, s) for s in DENSE]


def factor_and_step(ball, rank=3):
    rng = np.random.default_rng(1)
    return rng.standard_normal((2, ball.n_units, rank))


@pytest.mark.parametrize("kind, sizes", CASES)
def test_value_is_the_dual_objective(problem, kind, sizes):
    ball = problem(sizes)
    point = kind(ball, factor_and_step(ball)[0])
    pairs = list(zip(point.weights, ball.targets, strict=True))
    objective = 0.5 * sum(np.vdot(w, w) - np.vdot(v, v) for w, v in pairs)
    assert point.value == pytest.approx(objective + 0.5 * point.square)
    steps = [v - w for w, v in pairs]
    assert point.step_square == pytest.approx(sum(np.vdot(g, g) for g in steps))
    inner = [np.vdot(g, w) for g, (w, _) in zip(steps, pairs, strict=True)]
    assert point.pull == pytest.approx(sum(inner))
    # Where L is free, P_0 has its size, and the best L^2 is <W_0, G_0> over the square.
    free = problem(sizes, price=0.7)
    scaled = free.point(point.factor).factor
    point = kind(free, scaled)
    first = np.vdot(point.weights[0], free.targets[0] - point.weights[0])
    square = np.vdot(scaled[free.first], scaled[free.first])
    assert square == pytest.approx(2.0 * free.paid)
    assert 1.0 + point.excess == pytest.approx(first / square)


@pytest.mark.parametrize("kind, sizes", CASES)
def test_derivatives(problem, kind, sizes):
    ball = problem(sizes)
    factor, step = factor_and_step(ball)
    point, h = kind(ball, factor), 1e-5
    after, before = (kind(ball, factor + s * h * step) for s in (1, -1))
    slope = (after.value - before.value) / (2 * h)
    assert np.vdot(point.gradient, step) == pytest.approx(slope, rel=1e-6)
    np.testing.assert_allclose(
        point.curvature(step), (after.gradient - before.gradient) / (2 * h), atol=1e-6
    )
    # K has no diagonal, so that the diagonal is that of the second derivative.
    units = np.eye(factor.size).reshape(-1, *factor.shape)
    diagonal = [np.vdot(unit, point.curvature(unit)) for unit in units]
    np.testing.assert_allclose(point.diagonal.ravel(), diagonal, rtol=1e-10)


@pytest.mark.parametrize("kind, sizes", CASES)
def test_derivatives_along_the_sphere_of_a_free_bound(problem, kind, sizes):
    ball = problem(sizes, price=0.7)
    factor, step = factor_and_step(ball)
    factor, first = ball.point(factor).factor, ball.first

    def moved(length):
        along = factor + length * step
        return kind(ball, ball.point(along).factor).value

    normal = factor[first]
    step[first] -= np.vdot(normal, step[first]) / np.vdot(normal, normal) * normal
    point, h = kind(ball, factor), 1e-4
    slope = (moved(h) - moved(-h)) / (2 * h)
    assert np.vdot(point.gradient, step) == pytest.approx(slope, rel=1e-5)
    bend = (moved(h) - 2.0 * point.value + moved(-h)) / h**2
    assert np.vdot(step, point.hessian(step)) == pytest.approx(bend, rel=1e-3)
    # What is preconditioned is the direction along the sphere that gains most.
    scaled = point.preconditioned(step)
    assert np.vdot(scaled[first], normal) == pytest.approx(0.0, abs=1e-10)
    metric = np.vdot(scaled, scaled / point._inverse)
    assert np.vdot(scaled, step) == pytest.approx(metric)


@pytest.mark.parametrize("kind, sizes", CASES)
def test_gradient_is_that_of_the_symmetric_matrix(problem, kind, sizes):
    """(I - K) P, K holding each scaled block of the weights and its transpose."""
    ball = problem(sizes)
    point = kind(ball, factor_and_step(ball)[0])
    k_matrix = np.zeros((ball.n_units, ball.n_units))
    for k, (w, (r, c)) in enumerate(zip(point.weights, ball.scales, strict=True)):
        k_matrix[ball.layers[k + 1], ball.layers[k]] = r * w * c.T
    k_matrix += k_matrix.T
    expected = point.factor - k_matrix @ point.factor
    np.testing.assert_allclose(point.gradient, expected, atol=1e-10)
    np.testing.assert_allclose(point.z, k_matrix[ball.n_even :, : ball.n_even])


def test_small_dense_problems_use_the_whole_matrix(problem):
    small, large, deep = (problem(s) for s in ((6, 9, 3), (200, 200, 9), (5, 6, 4, 3)))
    kinds = [type(b.point(np.ones((b.n_units, 1)))) for b in (small, large, deep)]
    assert kinds == [MatrixPoint, BlockPoint, BlockPoint]
