# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The attack on regressors: exact where that is known, always in the ball."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklip import adversarial_interval, certified_interval
from sklip.networks import FeedForward, random_network

DUAL = {1: np.inf, 2: 2, np.inf: 1}


@pytest.mark.parametrize("norm", [1, 2, np.inf])
def test_reaches_the_exact_interval_of_a_linear_model(norm):
    X, y = load_diabetes(return_X_y=True)
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(X, y)
    half = 0.01 * np.linalg.norm(model[-1].coef_ / model[0].scale_, DUAL[norm])
    lower, upper = adversarial_interval(model, X, radius=0.01, norm=norm)
    assert_allclose(upper, model.predict(X) + half, rtol=1e-6)
    assert_allclose(lower, model.predict(X) - half, rtol=1e-6)


@pytest.mark.parametrize("norm", [1, 2, np.inf])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_points_are_in_the_ball_and_values_are_reached(norm, activation):
    rng = np.random.default_rng(0)
    network = random_network((4, 12, 8, 2), activation=activation, random_state=2)
    X, radius = rng.normal(size=(30, 4)), 0.5
    lower, upper, low, high = adversarial_interval(
        network, X, radius=radius, norm=norm, random_state=0, return_points=True
    )
    assert low.shape == high.shape == (30, 4, 2)
    proven = certified_interval(network, X, radius=radius, norm=norm)
    for output in range(2):
        for values, points in ((lower, low), (upper, high)):
            point = points[:, :, output]
            assert np.all(np.linalg.norm(point - X, norm, axis=1) <= radius + 1e-12)
            assert_allclose(network.forward(point)[:, output], values[:, output])
    assert np.all((proven[0] <= lower) & (upper <= proven[1]))
    # Random points of the sphere seldom get farther.
    delta = rng.normal(size=(50, *X.shape))
    delta *= radius / np.linalg.norm(delta, norm, axis=2, keepdims=True)
    drawn = network.forward((X + delta).reshape(-1, 4)).reshape(50, 30, 2)
    assert np.mean(drawn.max(axis=0) <= upper) > 0.9
    assert np.mean(drawn.min(axis=0) >= lower) > 0.9


def test_only_named_features_move():
    network = FeedForward([[[3.0, 4.0]]])
    lower, upper = adversarial_interval(
        network, [[0.0, 0.0]], radius=1.0, feature_eps={0: 2.0}
    )
    assert_allclose([lower[0], upper[0]], [-6.0, 6.0], rtol=1e-9)


def test_radius_zero_is_the_prediction():
    network = random_network((4, 12, 1), random_state=2)
    X = np.random.default_rng(0).normal(size=(10, 4))
    lower, upper = adversarial_interval(network, X, radius=0)
    prediction = network.forward(X)[:, 0]
    assert np.array_equal(lower, prediction) and np.array_equal(upper, prediction)


def test_global_generators_are_left_alone():
    network = random_network((4, 12, 1), random_state=2)
    before = np.random.get_state()[1].copy()
    first = adversarial_interval(network, np.ones((3, 4)), radius=0.1, random_state=1)
    again = adversarial_interval(network, np.ones((3, 4)), radius=0.1, random_state=1)
    assert np.array_equal(first, again)
    assert np.array_equal(np.random.get_state()[1], before)


def test_bad_input_is_named():
    X, y = load_diabetes(return_X_y=True)
    model = LinearRegression().fit(X, y)
    for kwargs, match in [
        ({"radius": -1.0}, "radius must be finite"),
        ({"radius": 1.0, "norm": 3}, "norm must be 1, 2"),
        ({"radius": 1.0, "n_steps": 0}, "n_steps must be >= 1"),
    ]:
        with pytest.raises(ValueError, match=match):
            adversarial_interval(model, X, **kwargs)
    classifier = LogisticRegression().fit(X, y > 100)
    with pytest.raises(ValueError, match="pgd_attack"):
        adversarial_interval(classifier, X, radius=1.0)


@pytest.mark.parametrize("scale", [2.0**-20, 2.0**20])
def test_an_attack_does_not_depend_on_the_units(scale):
    """Powers of two: the same steps, to the last bit."""
    network = random_network([3, 6, 1], activation="abs", random_state=0)
    X = np.random.default_rng(0).normal(size=(5, 3))
    first = network.weights[0] / scale
    scaled = FeedForward([first, network.weights[1]], network.biases, "abs")
    options = {"n_steps": 7, "n_restarts": 2, "random_state": 0}
    plain = adversarial_interval(network, X, radius=0.7, **options)
    other = adversarial_interval(scaled, X * scale, radius=0.7 * scale, **options)
    for one, two in zip(plain, other, strict=True):
        assert_allclose(one, two, rtol=1e-12)
