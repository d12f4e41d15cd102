# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The bound of the forward pass's rounding, against 50 digits."""

import warnings
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from mpmath import mp, mpf
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from sklip._floats import FLOOR, UNIT, gamma
from sklip.bounds import forward_error
from sklip.bounds._rounding import _error_through
from sklip.certification import certified_radius, pgd_attack
from sklip.certification._pairs import norm_ratio
from sklip.networks import FeedForward, get_activation, network_view, random_network
from sklip.networks._folding import FoldRounding

EXACT = {
    "relu": lambda z: z if z > 0 else mpf(0),
    "tanh": mp.tanh,
    "logistic": lambda z: 1 / (1 + mp.exp(-z)),
    "softplus": lambda z: mp.log(1 + mp.exp(z)),
    "elu(2.0)": lambda z: z if z > 0 else 2 * mp.expm1(z),
    "silu": lambda z: z / (1 + mp.exp(-z)),
    "gelu": lambda z: z * (1 + mp.erf(z / mp.sqrt(2))) / 2,
    "mish": lambda z: z * mp.tanh(mp.log(1 + mp.exp(z))),
}


def _exact_forward(network, x, activation):
    with mp.workdps(50):
        a = [mpf(float(v)) for v in x]
        for k, (w, b) in enumerate(zip(network.weights, network.biases, strict=True)):
            z = [
                mp.fdot([mpf(float(v)) for v in row], a) + mpf(float(c))
                for row, c in zip(w, b, strict=True)
            ]
            a = (
                z
                if k == len(network.weights) - 1
                else [EXACT[activation](v) for v in z]
            )
        return a


@pytest.mark.parametrize("activation", sorted(EXACT))
@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_error_is_never_below_the_truth(activation, scale):
    network = random_network(
        (4, 9, 7, 3), activation=activation, gain=3.0, random_state=1
    )
    X = scale * np.random.default_rng(0).normal(size=(6, 4))
    error, growth = forward_error(network, X, network_view(network).rounding)
    # Samples are also within reach of one another: the growth covers that.
    reach = np.linalg.norm(X - X[0], axis=1)
    computed = network.forward(X)
    for i in range(len(X)):
        exact = _exact_forward(network, X[i], activation)
        with mp.workdps(50):
            true = mp.sqrt(
                sum(
                    (mpf(float(c)) - e) ** 2
                    for c, e in zip(computed[i], exact, strict=True)
                )
            )
        assert true <= error[i]
        assert true <= error[0] + growth * reach[i]
    assert np.all(error <= 1e-11 * np.maximum(1.0, np.linalg.norm(X, axis=1)))


def test_error_at_a_point_is_covered_from_afar():
    network = random_network((4, 9, 7, 3), activation="gelu", gain=3.0, random_state=1)
    X = np.random.default_rng(0).normal(size=(25, 4)) * 10.0 ** np.arange(25)[:, None]
    error, growth = forward_error(network, X, network_view(network).rounding)
    far = error[0] + growth * np.linalg.norm(X - X[0], axis=1)
    assert np.all(error <= far)


def test_growth_keeps_up_with_the_fastest_network():
    # Equal positive weights and inputs: every layer reaches its norm.
    network = FeedForward([np.ones((4, 4))] * 4)
    X = np.ones((20, 4)) * 10.0 ** np.arange(20)[:, None]
    error, growth = forward_error(network, X, network_view(network).rounding)
    far = error[0] + growth * np.linalg.norm(X - X[0], axis=1)
    assert np.all(error <= far)
    assert_allclose(error, far, rtol=0.1)


def _distance(computed, exact):
    with mp.workdps(50):
        pairs = zip(computed, exact, strict=True)
        return mp.sqrt(sum((mpf(float(c)) - e) ** 2 for c, e in pairs))


@pytest.mark.parametrize(
    "final", [MLPRegressor("squared_error", (6, 5), max_iter=2), Ridge()]
)
@pytest.mark.parametrize(
    "steps",
    [
        [StandardScaler()],
        [MinMaxScaler()],
        [RobustScaler()],
        [PCA(whiten=True, svd_solver="full")],
        [StandardScaler(), PCA(whiten=True, svd_solver="full"), StandardScaler()],
    ],
    ids=str,
)
def test_error_covers_the_pipeline_that_was_folded(final, steps):
    rng = np.random.default_rng(0)
    # Nearly collinear columns far from zero: the products of the fold cancel.
    X = 1e6 + rng.normal(size=(40, 1)) + 1e-3 * rng.normal(size=(40, 4))
    y = 1e5 + 1e-2 * (X - 1e6) @ rng.normal(size=(4, 2))
    model = TransformedTargetRegressor(
        make_pipeline(*steps, final), transformer=StandardScaler()
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    view = network_view(model)
    U = view.encode(X)
    error, _ = forward_error(view.network, U, view.rounding)
    computed, predicted = view.network.forward(U), model.predict(X)
    for i in range(0, len(X), 8):
        exact = _exact_forward(view.network, U[i], "relu")
        assert _distance(computed[i], exact) <= error[i]
        assert _distance(predicted[i], exact) <= error[i]
    assert np.all(error < 1e-2)


def test_error_sees_through_the_cancellation_of_a_fold():
    rng = np.random.default_rng(3)
    X = 1e6 + 1e-3 * rng.normal(size=(30, 3))
    model = make_pipeline(StandardScaler(), Ridge(1e-3)).fit(X, X @ [1.0, 1.0, -2.0])
    view = network_view(model)
    # Offsets of 1e9 standard deviations cancel in the folded bias and at the origin.
    origin = np.zeros((1, 3))
    error, _ = forward_error(view.network, origin, view.rounding)
    exact = _exact_forward(view.network, origin[0], "relu")
    true = _distance(model.predict(origin), exact)
    unaware = network_view(view.network).rounding
    assert forward_error(view.network, origin, unaware)[0][0] < 1e-3 * true
    assert true <= error[0] < 1e-7


def test_equal_rows_are_told_apart_only_as_far_as_rounding_allows():
    # Exactly, class 1 wins everywhere by 1; computed at 1e20 there is a tie.
    network = FeedForward([[[1.0], [1.0]]], [[0.0, 1.0]])
    assert network.forward([[0.0], [1e20]]).argmax(axis=1).tolist() == [1, 0]
    radius = certified_radius(network, [[0.0]])
    assert 1e10 < radius[0] < 1e20
    assert not pgd_attack(network, [[0.0]], radius=radius[0], random_state=0)[1][0]
    nothing_moves = FeedForward([[[0.0], [0.0]]], [[0.0, 1.0]])
    assert certified_radius(nothing_moves, [[0.0]])[0] == np.inf


@pytest.mark.parametrize("p", [1, 2, np.inf])
@pytest.mark.parametrize("q", [1, 2, np.inf])
def test_norm_ratio_is_attained_and_never_exceeded(p, q):
    n = 7
    ratio = norm_ratio(p, q, n)
    rng = np.random.default_rng(0)
    draws = np.vstack([rng.normal(size=(200, n)), np.ones((1, n)), np.eye(n)])
    quotients = np.linalg.norm(draws, p, axis=1) / np.linalg.norm(draws, q, axis=1)
    assert quotients.max() <= ratio * (1 + 1e-12)
    assert quotients.max() >= ratio * (1 - 1e-12)


@pytest.mark.parametrize("name", ["tanh", "gelu", "softplus"])
def test_an_activation_may_err_by_sixteen_units(name, monkeypatch):
    """As the worst of libraries would: a point where nothing else rounds as much."""
    z = 2.0**-10
    network = FeedForward([[[1.0]], [[1.0]]], None, name)
    error, _ = forward_error(network, [[z]], network_view(network).rounding)
    activation = get_activation(name)
    scale = max(1.0, activation.lipschitz)
    value = float(activation.function(np.array([z]))[0])
    allowed = Fraction(15 * UNIT) * Fraction(scale) * (1 + Fraction(z))
    # Without that allowance the rest is far less: the sizes of z and of its value.
    assert Fraction(error[0]) >= allowed
    assert error[0] <= (40 + 40 * (z + value)) * UNIT


def test_leaky_slopes_round_too():
    for name in ("leaky_relu(0.3)", "elu(3.0)"):
        network = FeedForward([[[0.0]], [[1.0]]], None, name)
        error, _ = forward_error(network, [[0.0]], network_view(network).rounding)
        assert error[0] >= 15 * UNIT
    exact = FeedForward([[[0.0]], [[1.0]]], None, "relu")
    error, _ = forward_error(exact, [[0.0]], network_view(exact).rounding)
    assert error[0] < 1e-300


def test_growth_covers_the_units_of_an_activation():
    """Far out every unit of roundoff of the activation counts, too."""
    network = FeedForward([[[1.0]], [[1.0]]], None, "tanh")
    _, growth = forward_error(network, [[0.0]], network_view(network).rounding)
    # Nine roundings of the first sum, sixteen of the activation, nine of the last.
    assert 34 * UNIT <= growth <= 50 * UNIT


@pytest.mark.parametrize(
    "weight, grows", [(0.0, False), (5e-324, True), (1e-200, True)]
)
def test_growth_vanishes_with_the_weights_and_not_before(weight, grows):
    """A product of the smallest numbers is lost as a whole."""
    network = FeedForward([[[weight]]])
    _, growth = forward_error(network, np.zeros((1, 1)), FoldRounding.of(network))
    assert (growth >= gamma(1) * FLOOR) == grows
    assert growth <= 2.0 * gamma(1) * (weight + FLOOR) * grows


@pytest.mark.parametrize("sizes", [(40, 1), (40, 16, 3)])
def test_float32_in_front_goes_through_the_norm_of_the_first_matrix(sizes):
    """Far below what the absolute values of its entries would let through."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 60)).astype(np.float32)
    pca = PCA(40, random_state=0).fit(X)
    network = random_network(sizes, random_state=1)

    class Stated(ClassifierMixin, BaseEstimator):
        def fit(self, X, y=None):
            return self

        def __sklearn_is_fitted__(self):
            return True

        def __sklip_network__(self):
            return network

    model = make_pipeline(pca, Stated())
    model[-1].classes_ = np.arange(max(2, sizes[-1]))
    view = network_view(model, X)
    U, folding = view.encode(X), view.rounding
    error, growth = forward_error(view.network, U, folding)
    coarse = replace(folding, front=None)
    before, grew = forward_error(view.network, U, coarse)
    found = network.forward(pca.transform(X).astype(np.float64))
    off = np.linalg.norm(found - view.network.forward(U), axis=1)
    assert (off <= error).all() and off.max() > 0.0
    if len(sizes) > 2:
        assert (error < 0.6 * before).all() and growth < 0.8 * grew
    # What is lost in the first layer, in the other order of its factors.
    front = replace(folding.front, n_fine=0)
    sizes_in = np.abs(U) @ np.abs(pca.components_.T.astype(np.float64))
    sizes_in += np.abs(pca.components_) @ np.abs(pca.mean_)
    lost = gamma(front.n_front) * np.linalg.norm(network.weights[0], 2)
    lost = lost * np.linalg.norm(sizes_in, axis=1)
    assert front.n_front >= 2 * 60 * 2**29
    np.testing.assert_allclose(
        _error_through(front, U, np.zeros(len(U))), lost, rtol=2e-3
    )
    moved = view.with_feature_eps(dict.fromkeys(range(60), 0.5))
    found = forward_error(moved.network, moved.encode(X), moved.rounding)[0]
    np.testing.assert_allclose(found, error, rtol=1e-9)
