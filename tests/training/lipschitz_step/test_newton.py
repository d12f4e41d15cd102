# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Newton's method on the spectral ball's dual: its steps, and where it ends.

Also tests of ``training/_lipschitz_step/spectral_ball.py``.
"""

import numpy as np
import pytest

from sklip.training._lipschitz_step.newton import _steihaug, project
from sklip.training._lipschitz_step.spectral_ball import SpectralBall


@pytest.mark.parametrize("sizes", [(6, 9, 3), (5, 6, 4, 3)])
@pytest.mark.parametrize("radius", [0.1, 3.0, 1e6])
@pytest.mark.parametrize("size", [0.1, 1.0])
@pytest.mark.parametrize("price", [None, 0.7])
def test_steps_gain_in_the_model_what_they_say(problem, sizes, radius, size, price):
    """With large targets the second derivative is indefinite at a small factor."""
    ball = problem(sizes, size, price)
    rng = np.random.default_rng(1)
    point = ball.point(0.1 * rng.standard_normal((ball.n_units, 3)))
    steps, n_products = _steihaug(point, radius, 1e-3)
    assert n_products >= 1
    for step, gain, edge in steps:
        curved = point.hessian(step)
        change = np.vdot(point.gradient, step) + 0.5 * np.vdot(step, curved)
        assert gain == pytest.approx(-change, rel=1e-9)
        assert gain > 0.0
        length = np.sqrt(np.vdot(step, step / point._inverse))
        assert length <= radius * (1.0 + 1e-9)
        if edge is not None:
            assert length == pytest.approx(edge)
    gains = [gain for _, gain, _ in steps]
    assert gains == sorted(gains, reverse=True)


@pytest.mark.parametrize("sizes", [(6, 4), (6, 9, 3), (9, 4, 6), (5, 6, 4, 3)])
def test_end_is_a_stationary_point_inside(problem, sizes):
    ball = problem(sizes)
    found = project(ball, 1e-10)
    assert found.residual <= 1e-10
    point = found.point
    assert np.abs(point.gradient).max() < 1e-4 * np.abs(point.factor).max()
    assert np.linalg.norm(point.z, 2) <= 1.0 + 1e-4
    assert point.pull == pytest.approx(0.5 * point.square, rel=1e-4)


@pytest.mark.parametrize("sizes", [(6, 4), (6, 9, 3), (9, 4, 6), (5, 6, 4, 3)])
@pytest.mark.parametrize("far", [1e-3, 1.0, 1e3])
def test_a_free_bound_ends_where_it_would_stay(problem, sizes, far):
    """Wherever the search for it begins."""
    ball = problem(sizes, price=0.7).moved(far)
    found = project(ball, 1e-10)
    assert found.residual <= 1e-10
    end = found.point.problem
    first = found.point.factor[end.first]
    assert np.vdot(first, first) == pytest.approx(2 * 0.7 * end.bound**2)
    fixed = project(end.moved(end.bound, free=False), 1e-12)
    first = fixed.point.factor[end.first]
    assert np.vdot(first, first) == pytest.approx(2 * 0.7 * end.bound**2, rel=1e-3)


def test_small_columns_do_not_evict_each_other():
    """Three networks side by side, two of them outside by very little."""
    norm = np.linalg.norm(side_by_side([1.0]).z, 2)
    start = project(side_by_side(np.array([10.0, 0.5, 0.5]) / norm), 1e-12).point.factor
    ball = side_by_side(np.array([10.0, 1.0 + 1e-6, 1.0 + 2e-8]) / norm)
    found = project(ball, 1e-10, start[:, :1])
    assert found.residual <= 1e-10
    assert found.n_iter < 1000


def side_by_side(weights):
    """Networks of one neuron a layer, each with the same weight three times."""
    ones = [np.ones(len(weights))] * 2
    return SpectralBall([np.diag(weights)] * 3, ones, [1.0, 1.0], 1.0)
