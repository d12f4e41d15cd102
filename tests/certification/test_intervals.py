# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Certified intervals of regressors contain whatever the inputs may become.

Also tests of ``certification/_local_intervals.py``.
"""

from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklip import NoiseLipschitzRegressor
from sklip.bounds import forward_error, lipschitz_bound
from sklip.bounds._propagation import propagation
from sklip.certification import adversarial_interval, certified_interval
from sklip.certification._attacks.pgd import linearise
from sklip.certification._pairs import LOCAL_METHODS
from sklip.networks import FeedForward, network_view, random_network

NORMS = [1, 2, np.inf]
DUAL = {1: np.inf, 2: 2, np.inf: 1}


def _perturbations(rng, shape, norm, radius):
    delta = rng.normal(size=shape)
    if norm == np.inf:
        return radius * np.sign(delta)
    return radius * delta / np.linalg.norm(delta, norm, axis=1, keepdims=True)


METHODS = ["product", "pairwise", "sequential", "lipsdp", *LOCAL_METHODS, "best"]


@pytest.mark.parametrize("method", ["pairwise", "ibp", "crown", "local", "best"])
@pytest.mark.parametrize("norm", NORMS)
def test_linear_interval_is_exact(norm, method):
    X, y = load_diabetes(return_X_y=True)
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(X, y)
    slopes = model[-1].coef_ / model[0].scale_
    half = 0.01 * np.linalg.norm(slopes, DUAL[norm])
    lower, upper = certified_interval(model, X, radius=0.01, norm=norm, method=method)
    assert lower.shape == upper.shape == (len(X),)
    assert_allclose(lower, model.predict(X) - half, atol=1e-5)
    assert_allclose(upper, model.predict(X) + half, atol=1e-5)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
def test_interval_contains_samples_and_attacks(norm, activation):
    rng = np.random.default_rng(0)
    network = random_network((4, 12, 8, 2), activation=activation, random_state=2)
    X, radius = rng.normal(size=(40, 4)), 0.3
    lower, upper = certified_interval(network, X, radius=radius, norm=norm)
    for _ in range(50):
        outputs = network.forward(
            X + _perturbations(rng, X.shape, norm, 0.9999 * radius)
        )
        assert np.all((lower <= outputs) & (outputs <= upper))
    if norm == 2:
        for output, sign in [(0, 1.0), (0, -1.0), (1, 1.0), (1, -1.0)]:
            points = X
            for _ in range(20):
                _, pull_back = linearise(network, points)
                slope = pull_back(sign * np.eye(2)[np.full(len(X), output)])
                slope /= np.linalg.norm(slope, axis=1, keepdims=True)
                points = X + 0.9999 * radius * slope
                outputs = network.forward(points)
                assert np.all((lower <= outputs) & (outputs <= upper))
    assert np.median(upper - lower) > 0.1


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("activation", ["relu", "tanh", "silu"])
def test_every_method_contains_the_attack_and_best_is_the_tightest(norm, activation):
    rng = np.random.default_rng(1)
    network = random_network((5, 16, 12, 2), activation=activation, random_state=3)
    X, radius = rng.normal(size=(30, 5)), 0.1
    low, high = adversarial_interval(
        network, X, radius=radius, norm=norm, n_restarts=2, random_state=0
    )
    ends = {}
    for method in METHODS:
        lower, upper = certified_interval(
            network, X, radius=radius, norm=norm, method=method
        )
        assert np.all((lower <= low) & (high <= upper)), method
        ends[method] = lower, upper
    for name in METHODS:
        slack = 1e-12 * (1.0 + np.abs(ends[name][0]))
        assert np.all(ends["best"][0] >= ends[name][0] - slack), name
        assert np.all(ends["best"][1] <= ends[name][1] + slack), name
    # Inside the ball nearly all is known: the attack reaches most of it.
    width = {name: np.mean(upper - lower) for name, (lower, upper) in ends.items()}
    assert width["crown"] < 0.8 * width["lipsdp"]
    assert np.mean(high - low) > 0.7 * width["best"]


def test_local_intervals_in_blocks_are_those_of_one_block(monkeypatch):
    network = random_network((5, 16, 12, 3), random_state=3)
    X = np.random.default_rng(1).normal(size=(30, 5))
    expected = certified_interval(network, X, radius=0.1)
    monkeypatch.setattr(propagation, "_BLOCK_FLOATS", 16 * 16 * 7)
    found = certified_interval(network, X, radius=0.1)
    assert_allclose(found, expected, rtol=1e-12)


def test_each_output_has_its_own_constant():
    network = FeedForward([[[3.0, 4.0], [0.3, 0.4]]])
    lower, upper = certified_interval(network, [[0.0, 0.0]], radius=2.0)
    assert_allclose(upper, [[10.0, 1.0]], rtol=1e-9)
    assert_allclose(lower, [[-10.0, -1.0]], rtol=1e-9)


def test_interval_is_in_the_units_of_the_target():
    X, y = load_diabetes(return_X_y=True)
    Y = np.column_stack([y, 1000.0 * y])
    net = MLPRegressor(
        hidden_layer_sizes=(10,), solver="lbfgs", max_iter=30, random_state=0
    )
    model = TransformedTargetRegressor(
        make_pipeline(StandardScaler(), net), transformer=StandardScaler()
    )
    with pytest.warns(ConvergenceWarning):
        model.fit(X, Y)
    lower, upper = certified_interval(model, X, radius=0.001, method="pairwise")
    moved = model.predict(
        X + _perturbations(np.random.default_rng(0), X.shape, 2, 0.0009)
    )
    assert lower.shape == Y.shape
    assert np.all((lower <= moved) & (moved <= upper))
    middle = (lower + upper) / 2.0
    assert_allclose(middle, model.predict(X), rtol=1e-8)
    width = np.mean(upper - lower, axis=0)
    assert 100 < width[1] / width[0] < 10000


def test_only_named_features_move():
    network = FeedForward([[[3.0, 4.0]]])
    lower, upper = certified_interval(
        network, [[0.0, 0.0]], radius=1.0, feature_eps={0: 2.0}
    )
    assert_allclose([lower[0], upper[0]], [-6.0, 6.0], rtol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_radius_zero_is_the_prediction_rounded_outward(method):
    network = random_network((4, 12, 1), random_state=2)
    X = np.random.default_rng(0).normal(size=(40, 4))
    lower, upper = certified_interval(network, X, radius=0, method=method)
    prediction = network.forward(X)[:, 0]
    assert np.all((lower < prediction) & (prediction < upper))
    assert np.max(upper - lower) < 1e-12


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("scaled", [False, True])
def test_a_regressor_with_a_module(norm, scaled):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 64))
    Y = np.column_stack([X[:, 0], 100.0 + 3.0 * X[:, 1]])
    model = NoiseLipschitzRegressor(
        module="cnn", input_shape=(1, 8, 8), max_iter=2, random_state=0
    )
    model = make_pipeline(StandardScaler(), model) if scaled else model
    with pytest.warns(ConvergenceWarning):
        model.fit(X, Y)
    lower, upper = certified_interval(model, X[:20], radius=0.5, norm=norm)
    assert lower.shape == (20, 2)
    for scale in (0.0, 0.1, 0.9999):
        delta = _perturbations(rng, (20, 64), norm, 0.5 * scale)
        moved = model.predict(X[:20] + delta)
        assert np.all((lower <= moved) & (moved <= upper))
    constant = lipschitz_bound(model, norm=norm).value
    assert np.all(upper - lower <= constant * (1.0 + 1e-3) + 1e-3)
    with pytest.raises(
        ValueError, match="use 'product', 'ibp', 'crown', 'local', 'best'"
    ):
        certified_interval(model, X, radius=0.5, method="lipsdp")


@pytest.mark.parametrize("activation", ["relu", "tanh", "softplus"])
@pytest.mark.parametrize("method", ["product", "crown", "best"])
def test_inputs_whose_squares_overflow(activation, method):
    network = random_network((4, 8, 1), activation=activation, random_state=0)
    X = [[1e300] * 4, [0.5] * 4]
    lower, upper = certified_interval(network, X, radius=0.1, method=method)
    value, far = network.forward(X)[1, 0], network.forward(X)[0, 0]
    assert lower[0] < far < upper[0] and upper[0] - lower[0] > 1e280
    assert value - 10.0 < lower[1] < value < upper[1] < value + 10.0


def test_bad_input_is_named():
    X, y = load_diabetes(return_X_y=True)
    model = LinearRegression().fit(X, y)
    with pytest.raises(ValueError, match="radius must be finite and >= 0"):
        certified_interval(model, X, radius=-1.0)
    with pytest.raises(ValueError, match="norm must be 1, 2"):
        certified_interval(model, X, radius=1.0, norm=7)
    with pytest.raises(ValueError, match="method must be one of 'product'.*'exact'"):
        certified_interval(model, X, radius=1.0, method="exact")
    with pytest.raises(ValueError, match="NaN"):
        certified_interval(model, np.full_like(X, np.nan), radius=1.0)
    classifier = LogisticRegression().fit(X, y > 100)
    with pytest.raises(ValueError, match="certified_radius"):
        certified_interval(classifier, X, radius=1.0)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("method", ["pairwise", "ibp", "crown", "local"])
def test_the_far_end_has_the_room_that_rounding_needs(norm, method):
    """Whatever is computed there within the forward error, in exact arithmetic."""
    rng = np.random.default_rng(0)
    n = 16
    weight, x = rng.choice([-1.0, 1.0], n), np.full(n, 2.0**20)
    network = FeedForward([weight[None]], [[0.5]])
    error, growth = forward_error(network, x[None], network_view(network).rounding)
    for radius in (2.0**-10, 2.0**40):
        lower, upper = certified_interval(
            network, x[None], radius=radius, norm=norm, method=method
        )
        center = sum(map(Fraction, weight * x)) + Fraction(1, 2)
        # ||weight||_dual is 1, 4 or 16; an l2 step is up to 4 times an linf one.
        slope, ratio = {1: (1, 1), 2: (4, 1), np.inf: (16, 4)}[norm]
        far = Fraction(error[0]) + Fraction(growth) * Fraction(radius) * ratio
        reach = slope * Fraction(radius)
        assert Fraction(upper[0]) >= center + reach + far
        assert Fraction(lower[0]) <= center - reach - far
        # Inside the ball "local" leaves a little for its sums of rates.
        assert Fraction(upper[0]) <= center + reach * (1 + Fraction(1e-6)) + 20 * far


@pytest.mark.parametrize("norm, ratio", [(1, 1.0), (2, 1.0), (np.inf, 4.0)])
def test_growth_is_measured_in_the_norm_of_the_ball(norm, ratio, monkeypatch):
    """A rounding error that grows by 1 for each unit of l2 distance."""
    network = FeedForward([np.zeros((1, 16))], [[0.5]])

    def growing(network, inputs, rounding):
        return np.zeros(len(inputs)), 1.0

    monkeypatch.setattr("sklip.certification._intervals.forward_error", growing)
    X, radius = np.zeros((1, 16)), 3.0
    lower, upper = certified_interval(
        network, X, radius=radius, norm=norm, method="pairwise"
    )
    assert_allclose(upper[0] - 0.5, ratio * radius, rtol=1e-12)
    assert_allclose(0.5 - lower[0], ratio * radius, rtol=1e-12)
    assert upper[0] >= 0.5 + ratio * radius and lower[0] <= 0.5 - ratio * radius


def test_an_interval_without_room_to_move_covers_the_roundings():
    network = FeedForward([[[1.0, -1.0]]], [[1.0 / 3.0]])
    x = np.array([[1e16, 1e16]])
    error, _ = forward_error(network, x, network_view(network).rounding)
    lower, upper = certified_interval(network, x, radius=0.0)
    # Once for the sample itself, once for what is computed there again.
    assert Fraction(upper[0]) >= Fraction(1 / 3) + 2 * Fraction(error[0])
    assert Fraction(lower[0]) <= Fraction(1 / 3) - 2 * Fraction(error[0])
