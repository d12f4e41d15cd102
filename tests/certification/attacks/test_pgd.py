# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The attack: inside its ball, repeatable, strong enough to be worth a bound."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklip.certification import (
    adversarial_accuracy_score,
    certified_radius,
    pgd_attack,
    robustness_bracket,
)
from sklip.certification._attacks.balls import Ball
from sklip.certification._attacks.pgd import linearise
from sklip.networks import FeedForward, get_activation, random_network

NORMS = [1, 2, np.inf]


@pytest.fixture
def problem():
    network = random_network((5, 16, 16, 4), gain=2.0, random_state=0)
    X = np.random.default_rng(1).normal(size=(60, 5))
    return network, X, network.forward(X).argmax(axis=1)


def _within(a, b, norm, radius):
    """Exact arithmetic: whether ||a - b|| <= radius."""
    delta = [
        abs(Fraction(float(p)) - Fraction(float(q))) for p, q in zip(a, b, strict=True)
    ]
    radius = Fraction(float(radius))
    if norm == np.inf:
        return max(delta) <= radius
    if norm == 1:
        return sum(delta) <= radius
    return sum(d * d for d in delta) <= radius**2


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("radius", [1e-17, 1e-3, 0.7])
def test_points_are_inside_in_exact_arithmetic(problem, norm, radius):
    network, X, y = problem
    X = X * 10.0 ** np.arange(-2, 3)
    points, flipped = pgd_attack(
        network, X, y, radius=radius, norm=norm, n_steps=5, random_state=0
    )
    assert all(_within(p, x, norm, radius) for p, x in zip(points, X, strict=True))
    assert_array_equal(flipped, network.forward(points).argmax(axis=1) != y)


@pytest.mark.parametrize("norm", NORMS)
def test_move_reaches_the_surface_but_not_beyond(norm):
    rng = np.random.default_rng(0)
    origin = rng.normal(size=(200, 6)) * 10.0 ** rng.integers(-9, 9, size=(200, 6))
    radius = 10.0 ** rng.integers(-12, 6, size=(200, 1))
    ball = Ball(norm, radius)
    moved = ball.move(origin, 3.0 * radius * rng.normal(size=(200, 6)))
    for i in range(200):
        assert _within(moved[i], origin[i], norm, radius[i, 0])
    coarse = radius[:, 0] > 1e-9 * np.abs(origin).max(axis=1)
    length = np.linalg.norm(moved - origin, norm, axis=1)
    assert np.all(length[coarse] > 0.9 * radius[coarse, 0])


@pytest.mark.parametrize("norm", NORMS)
def test_projection_is_the_nearest_point(norm):
    rng = np.random.default_rng(0)
    ball = Ball(norm, np.full((50, 1), 0.8))
    outside = 2.0 * rng.normal(size=(50, 6))
    nearest = ball.project(outside)
    assert np.all(np.linalg.norm(nearest, norm, axis=1) <= 0.8 * (1 + 1e-12))
    # Optimality: the angle between what is cut off and any way into the ball is obtuse.
    for _ in range(30):
        inside = ball.sample(6, rng)
        assert np.all(np.linalg.norm(inside, norm, axis=1) <= 0.8 * (1 + 1e-12))
        assert np.all(((outside - nearest) * (inside - nearest)).sum(axis=1) <= 1e-12)
    inside = ball.sample(6, rng)
    assert_allclose(ball.project(inside), inside, rtol=1e-12)


@pytest.mark.parametrize("norm", NORMS)
def test_attack_beats_random_search_and_gains_with_radius(problem, norm):
    network, X, y = problem
    radius = {1: 0.8, 2: 0.5, np.inf: 0.3}[norm]
    rng = np.random.default_rng(0)
    ball = Ball(norm, np.full((len(X), 1), radius))
    survivors = np.ones(len(X), dtype=bool)
    for _ in range(300):
        moved = ball.move(X, ball.sample(5, rng))
        survivors &= network.forward(moved).argmax(axis=1) == y
    kwargs = {"norm": norm, "random_state": 0}
    score = adversarial_accuracy_score(network, X, y, radius=radius, **kwargs)
    assert score <= survivors.mean()
    larger = adversarial_accuracy_score(network, X, y, radius=3 * radius, **kwargs)
    assert larger < score < 1


def test_attack_is_repeatable_and_leaves_global_generators_alone(problem):
    network, X, y = problem
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    first = pgd_attack(network, X, y, radius=0.3, random_state=5)
    pgd_attack(network, X, y, radius=0.3)
    second = pgd_attack(network, X, y, radius=0.3, random_state=5)
    assert_array_equal(first[0], second[0])
    assert_array_equal(np.random.get_state()[1], before)
    state = np.random.RandomState(5)
    pgd_attack(network, X, y, radius=0.3, random_state=state)
    with pytest.raises(ValueError, match="random_state"):
        pgd_attack(network, X, y, radius=0.3, random_state="seed")


def test_wrong_predictions_count_as_flipped(problem):
    network, X, y = problem
    points, flipped = pgd_attack(network, X, (y + 1) % 4, radius=0.0)
    assert flipped.all()
    assert_array_equal(points, X)


def test_only_named_features_move(problem):
    network, X, _ = problem
    eps = {1: 0.5, 3: 2.0}
    points, flipped = pgd_attack(
        network, X, radius=1.0, norm=np.inf, feature_eps=eps, random_state=0
    )
    assert flipped.any()
    moved = points[:, [1, 3]] - X[:, [1, 3]]
    assert np.all(np.abs(moved) <= np.array([0.5, 2.0]) * (1 + 1e-12))
    assert_array_equal(points[:, [0, 2, 4]], X[:, [0, 2, 4]])


def test_dead_gradients_do_not_stop_the_attack():
    # At x no neuron is active; only a random step finds the slope.
    network = FeedForward(
        [[[1.0, 0.0], [-1.0, 0.0]], [[0.0, 0.0], [9.0, 9.0]]],
        [[-0.1, -0.1], [0.1, 0.0]],
    )
    _, flipped = pgd_attack(network, [[0.0, 0.0]], radius=1.0, random_state=0)
    assert flipped.all()


@pytest.mark.parametrize("activation", ["relu", "tanh", "mish"])
def test_pull_back_is_the_jacobian(activation):
    assert get_activation(activation).name == activation
    network = random_network((4, 7, 6, 3), activation=activation, random_state=0)
    rng = np.random.default_rng(0)
    X, V = rng.normal(size=(9, 4)), rng.normal(size=(9, 3))
    outputs, pull_back = linearise(network, X)
    assert_allclose(outputs, network.forward(X), rtol=1e-12)
    expected = np.einsum("ij,ijk->ik", V, network.jacobian(X))
    assert_allclose(pull_back(V), expected, rtol=1e-10)


def test_bad_effort_is_named(problem):
    network, X, y = problem
    with pytest.raises(ValueError, match="n_steps must be >= 1"):
        pgd_attack(network, X, y, radius=0.1, n_steps=0)
    with pytest.raises(TypeError, match="n_restarts must be an integer"):
        pgd_attack(network, X, y, radius=0.1, n_restarts=2.5)


# Brackets


@pytest.mark.parametrize("norm", NORMS)
def test_bracket_closes_on_a_linear_model(norm):
    rng = np.random.default_rng(0)
    network = FeedForward([rng.normal(size=(2, 5))], [rng.normal(size=2)])
    X = rng.normal(size=(10, 5))
    certified, attacked = robustness_bracket(network, X, norm=norm, random_state=0)
    assert np.all(certified <= attacked)
    assert_allclose(attacked, certified, rtol=1e-6)


@pytest.mark.parametrize("norm", NORMS)
def test_bracket_holds_a_flip(problem, norm):
    network, X, y = problem
    X, y = X[:4], y[:4]
    certified, attacked = robustness_bracket(network, X, norm=norm, random_state=0)
    assert_array_equal(certified, certified_radius(network, X, norm=norm))
    assert np.all((0 < certified) & (certified <= attacked))
    assert np.isfinite(attacked).all()
    # There is a flip at the stated distance: an attack with that radius finds it.
    for i in (0, 3):
        score = adversarial_accuracy_score(
            network,
            X[[i]],
            y[[i]],
            radius=1.02 * attacked[i],
            norm=norm,
            random_state=0,
            n_restarts=8,
        )
        assert score == 0.0


@pytest.mark.parametrize("norm", NORMS)
def test_bracket_is_as_near_as_the_attack_gets(problem, norm):
    network, X, _ = problem
    X = X[:8]
    _, attacked = robustness_bracket(network, X, norm=norm, random_state=0)
    for i in range(8):
        _, flipped = pgd_attack(
            network, X[[i]], radius=0.95 * attacked[i], norm=norm, random_state=1
        )
        assert not flipped.any()


def test_bracket_without_a_flip_is_infinite():
    constant = FeedForward([np.zeros((2, 3))], [[1.0, 0.0]])
    certified, attacked = robustness_bracket(constant, np.ones((2, 3)))
    assert_array_equal(certified, np.inf)
    assert_array_equal(attacked, np.inf)
    bounded = FeedForward([np.eye(2), np.eye(2) / 4.0], [[0, 0], [9.0, 0.0]], "tanh")
    certified, attacked = robustness_bracket(bounded, [[0.3, 0.2]], random_state=0)
    assert np.isfinite(certified).all()
    assert_array_equal(attacked, np.inf)
