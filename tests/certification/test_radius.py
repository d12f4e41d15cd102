# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Certified radii: closed forms, attacks, norms, units and refusals.

Also tests of ``certification/_pair_constants.py``, ``certification/_pairs.py`` and
``certification/_proven_radii.py``.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklip.bounds import LipschitzEstimate, lipschitz_bound
from sklip.certification import (
    certified_accuracy_score,
    certified_radius,
    margins,
    pgd_attack,
)
from sklip.exceptions import UnsupportedModelError
from sklip.networks import FeedForward, random_network

NORMS = [1, 2, np.inf]
METHODS = ["product", "pairwise", "sequential"]
DUAL = {1: np.inf, 2: 2, np.inf: 1}
ACTIVATIONS = [
    "relu",
    "tanh",
    "logistic",
    "leaky_relu(0.2)",
    "elu(1.5)",
    "gelu",
    "silu",
]


def _binary_linear(seed=0, n_features=6):
    rng = np.random.default_rng(seed)
    w, b = rng.normal(size=n_features), rng.normal()
    network = FeedForward([[w / 2, -w / 2]], [[b / 2, -b / 2]])
    return network, w, b, rng.normal(size=(20, n_features))


@pytest.fixture(scope="module")
def iris_mlp():
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(
        StandardScaler(),
        MLPClassifier((16, 16), solver="lbfgs", max_iter=60, random_state=0),
    )
    with pytest.warns(ConvergenceWarning):
        model.fit(X, y)
    return model, X, y


# Closed forms


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("method", ["pairwise", "product", "best"])
def test_binary_linear_radius_is_the_distance_to_the_plane(norm, method):
    network, w, b, X = _binary_linear()
    distance = np.abs(X @ w + b) / np.linalg.norm(w, DUAL[norm])
    radius = certified_radius(network, X, norm=norm, method=method)
    assert_allclose(radius, distance, rtol=1e-9)
    assert np.all(radius <= distance)


@pytest.mark.parametrize("norm, ratio", [(1, 1.0), (2, 1.0), (np.inf, np.sqrt(6.0))])
def test_sequential_converts_the_l2_radius(norm, ratio):
    network, w, b, X = _binary_linear()
    distance = np.abs(X @ w + b) / np.linalg.norm(w)
    radius = certified_radius(network, X, norm=norm, method="sequential")
    assert_allclose(radius, distance / ratio, rtol=1e-9)


def test_multiclass_linear_radius_is_the_nearest_plane():
    rng = np.random.default_rng(1)
    W, b, X = rng.normal(size=(4, 5)), rng.normal(size=4), rng.normal(size=(30, 5))
    logits = X @ W.T + b
    for norm in NORMS:
        expected = np.full(len(X), np.inf)
        for i, t in enumerate(logits.argmax(axis=1)):
            for j in set(range(4)) - {t}:
                length = np.linalg.norm(W[t] - W[j], DUAL[norm])
                expected[i] = min(expected[i], (logits[i, t] - logits[i, j]) / length)
        radius = certified_radius(FeedForward([W], [b]), X, norm=norm)
        assert_allclose(radius, expected, rtol=1e-9)


def test_printed_linf_radius_of_the_paper_is_not_proven():
    # A9: f = (w.x, -w.x), |w|_2 = 1: the paper claims margin / (2 L) = 0.7071 for linf,
    # while the prediction changes at 0.0357.
    n = 784
    w = np.full(n, 1.0 / np.sqrt(n))
    network = FeedForward([[w, -w]])
    x = w[None, :]
    claimed = margins(network, x)[0] / (2.0 * np.sqrt(2.0))
    assert claimed == pytest.approx(0.7071, abs=1e-4)
    true = 1.0 / np.sqrt(n)
    for method in [*METHODS, "best"]:
        radius = certified_radius(network, x, norm=np.inf, method=method)[0]
        assert radius == pytest.approx(true, rel=1e-9)
        assert radius <= true
    flipped = x - 1.000001 * true * np.sign(w)
    assert network.forward(flipped).argmax() == 1


# Properties


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_no_attack_succeeds_inside_the_radius(norm, activation):
    rng = np.random.default_rng(3)
    network = random_network(
        (5, 12, 8, 3), activation=activation, gain=1.5, random_state=7
    )
    some = rng.normal(size=(2, 5))
    tolerances = {0: 0.5, 3: 2.0}
    turn = NORMS[ACTIVATIONS.index(activation) % 3] == norm
    for eps in (None, tolerances) if turn else (None,):
        for i, r in enumerate(
            certified_radius(network, some, norm=norm, feature_eps=eps)
        ):
            _, flipped = pgd_attack(
                network,
                some[[i]],
                radius=r,
                norm=norm,
                feature_eps=eps,
                n_steps=20,
                n_restarts=4,
                random_state=i,
            )
            assert r > 0.0 and not flipped.any()


def test_linear_radius_is_tight_for_the_attack():
    network, _, _, X = _binary_linear()
    for norm in NORMS:
        radius = certified_radius(network, X, norm=norm)
        for factor, expected in [(1.0, False), (1.0 + 1e-9, True)]:
            for i in range(4):
                _, flipped = pgd_attack(
                    network, X[[i]], radius=factor * radius[i], norm=norm
                )
                assert flipped[0] == expected


@pytest.mark.parametrize("norm", NORMS)
def test_best_is_never_below_another_method(norm):
    network = random_network((6, 16, 16, 5), gain=2.0, random_state=0)
    X = np.random.default_rng(0).normal(size=(10, 6))
    best = certified_radius(network, X, norm=norm)
    for method in METHODS:
        radius = certified_radius(network, X, norm=norm, method=method)
        assert np.all(radius <= best)
        assert radius.min() > 0


@pytest.mark.full_effort
def test_radius_is_homogeneous():
    network = random_network((4, 10, 3), random_state=0)
    X = np.random.default_rng(0).normal(size=(10, 4))
    radius = certified_radius(network, X)
    scaled_input = network.with_input_map(np.eye(4) / 4.0)
    assert_allclose(certified_radius(scaled_input, 4.0 * X), 4.0 * radius, rtol=1e-9)
    scaled_output = network.with_output_map(3.0 * np.eye(3))
    assert_allclose(certified_radius(scaled_output, X), radius, rtol=1e-9)


@pytest.mark.full_effort
def test_norms_are_ordered():
    network = random_network((4, 10, 3), random_state=0)
    X = np.random.default_rng(0).normal(size=(10, 4))
    l1, l2, linf = (certified_radius(network, X, norm=norm) for norm in NORMS)
    assert np.all(l1 >= l2)
    assert np.all(linf >= l2 / 2.0 * (1 - 1e-12))
    assert np.all(linf <= l1)


def test_with_labels_wrong_predictions_have_radius_zero(iris_mlp):
    model, X, y = iris_mlp
    radius = certified_radius(model, X)
    y_wrong = (model.predict(X) + 1) % 3
    assert_array_equal(certified_radius(model, X, y_wrong), 0.0)
    assert_array_equal(certified_radius(model, X, model.predict(X)), radius)


def test_ties_have_radius_zero_and_constants_an_infinite_one():
    network = FeedForward([[[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]])
    assert_array_equal(certified_radius(network, [[1.0, 1.0], [0.0, 2.0]]), 0.0)
    constant = FeedForward([np.zeros((2, 3))], [[1.0, 0.0]])
    for norm in NORMS:
        radius = certified_radius(constant, np.ones((2, 3)), norm=norm)
        assert_array_equal(radius, np.inf)


def test_rounding_of_the_forward_pass_is_not_certified_away():
    # Logits near 1e10 are 1.9e-6 apart at least: at half the exact radius both round to
    # the same number, and the prediction is the other class.
    network = FeedForward([[[1.0], [-1.0]]], [[1e10, 1e10]])
    x = np.array([[-2e-6]])
    assert network.forward(x).argmax() == 1
    assert network.forward(0.45 * x).argmax() == 0
    assert certified_radius(network, x)[0] <= 0.55 * 2e-6
    assert certified_radius(network, [[-1.0]])[0] == pytest.approx(1.0, rel=1e-4)


def test_rounding_grows_within_the_ball():
    # The logits differ by little, slowly, but are large away from x: rounding decides
    # there long before the exact radius of 4096.
    rng = np.random.default_rng(0)
    row = rng.choice([-1e12, 1e12], size=100)
    network = FeedForward([[row, row + 2.0**-12 * np.eye(100)[0]]], [[0.5, -0.5]])
    x = np.zeros((1, 100))
    radius = certified_radius(network, x, norm=np.inf)[0]
    points = rng.uniform(-1.0, 1.0, size=(500, 100))
    assert (network.forward(2000.0 * points).argmax(axis=1) == 1).any()
    assert 1e-3 < radius < 1e2
    assert not (network.forward(radius * points).argmax(axis=1) == 1).any()


# Units


def test_feature_eps_measures_in_tolerances():
    network, w, b, X = _binary_linear()
    eps = {1: 0.5, 4: 3.0}
    gap = np.abs(X @ w + b)
    weighted = np.array([0.5 * w[1], 3.0 * w[4]])
    for norm in NORMS:
        s = certified_radius(network, X, norm=norm, feature_eps=eps)
        assert_allclose(s, gap / np.linalg.norm(weighted, DUAL[norm]), rtol=1e-9)


def test_pipeline_speaks_in_the_units_of_x(iris_mlp):
    model, X, _ = iris_mlp
    X = X[[0, 20, 60, 70, 80, 110, 120, 133]]
    in_raw_units = certified_radius(model, X)
    mlp, Z = model[-1], model[:-1].transform(X)
    # The widest feature's standard deviation bounds how far the units can differ.
    in_scaled_units = certified_radius(mlp, Z)
    scale = model[0].scale_
    assert np.all(in_raw_units <= in_scaled_units * scale.max() * (1 + 1e-9))
    for norm in NORMS:
        radius = certified_radius(model, X, norm=norm)
        for i in (0, 2, 3, 6, 7):
            points, flipped = pgd_attack(
                model, X[[i]], radius=radius[i], norm=norm, random_state=0
            )
            assert not flipped.any()
            assert model.predict(points) == model.predict(X[[i]])


def test_encoded_columns_do_not_move():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=(80, 2)), rng.integers(0, 3, 80)])
    y = (X[:, 0] + (X[:, 2] == 1) > 0.3).astype(int)
    encoder = make_column_transformer(
        (StandardScaler(), [0, 1]), (OneHotEncoder(), [2]), sparse_threshold=0
    )
    model = make_pipeline(encoder, LogisticRegression()).fit(X, y)
    coef, gap = model[-1].coef_[0][:2], np.abs(model.decision_function(X))
    slopes = coef / encoder_scale(model)
    for norm in NORMS:
        radius = certified_radius(model, X, norm=norm)
        assert_allclose(radius, gap / np.linalg.norm(slopes, DUAL[norm]), rtol=1e-8)
    points, _ = pgd_attack(model, X, radius=5.0, random_state=0)
    assert (points != X)[:, :2].any()
    assert_array_equal(points[:, 2], X[:, 2])


def encoder_scale(model):
    return model[0].named_transformers_["standardscaler"].scale_


# Certificates as method


def test_a_certificate_bounds_every_pair(iris_mlp):
    model, X, _ = iris_mlp
    certificate = lipschitz_bound(model)
    radius = certified_radius(model, X, method=certificate)
    expected = margins(model, X) / (np.sqrt(2.0) * certificate.value)
    assert_allclose(radius, expected, rtol=1e-8)
    linf = certified_radius(model, X, method=certificate, norm=np.inf)
    assert_allclose(linf, expected / 2.0, rtol=1e-8)
    assert np.all(radius <= certified_radius(model, X) * (1 + 1e-9))


def test_a_binary_models_certificate_is_of_its_logit():
    X, y = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    radius = certified_radius(model, X, method=lipschitz_bound(model))
    slopes = model[-1].coef_[0] / model[0].scale_
    gap = np.abs(model.decision_function(X))
    assert_allclose(radius, gap / np.linalg.norm(slopes), rtol=1e-6)


def test_what_proves_nothing_is_refused(iris_mlp):
    model, X, _ = iris_mlp
    other = lipschitz_bound(random_network((4, 5, 3), random_state=0))
    with pytest.raises(ValueError, match="another network"):
        certified_radius(model, X, method=other)
    with pytest.raises(TypeError):
        certified_radius(model, X, method=LipschitzEstimate(1.0))
    with pytest.raises(TypeError):
        certified_radius(model, X, method=1.0)
    certificate = lipschitz_bound(model)
    with pytest.raises(ValueError, match="another network"):
        certified_radius(model, X, method=certificate, feature_eps={0: 2.0})


# Bad input


def test_bad_arguments_are_named(iris_mlp):
    model, X, y = iris_mlp
    with pytest.raises(ValueError, match="'product', 'pairwise'"):
        certified_radius(model, X, method="lipsdp?")
    for norm in (3, 0, "2", True, None):
        with pytest.raises(ValueError, match="norm must be 1, 2 or numpy.inf"):
            certified_radius(model, X, norm=norm)
    bad = X.copy()
    bad[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        certified_radius(model, bad)
    with pytest.raises(ValueError):
        certified_radius(model, X[:, :2])
    with pytest.raises(ValueError, match="150 samples, but y has 149"):
        certified_radius(model, X, y[:-1])
    with pytest.raises(ValueError, match="does not know: 7"):
        certified_radius(model, X[:2], [0, 7])
    with pytest.raises(ValueError, match="names|feature"):
        certified_radius(model, X, feature_eps={"no such column": 1.0})


def test_unsupported_models_are_refused():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(NotFittedError):
        certified_radius(MLPClassifier(), X)
    with pytest.raises(ValueError, match="certified_interval"):
        certified_radius(LinearRegression().fit(X, y), X)
    with pytest.raises(UnsupportedModelError, match="object"):
        certified_radius(object(), X)


# Margins


def test_margins(iris_mlp):
    model, X, y = iris_mlp
    top = margins(model, X)
    assert np.all(top >= 0)
    signed = margins(model, X, y)
    right = model.predict(X) == y
    assert_array_equal(signed[right], top[right])
    assert np.all(signed[~right] < 0)
    wrong_label = (model.predict(X) + 1) % 3
    assert np.all(margins(model, X, wrong_label) < 0)


def test_margins_with_string_labels():
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = LogisticRegression(max_iter=500).fit(X, names)
    logits = model.decision_function(X)
    expected = logits[np.arange(150), y] - np.where(
        np.eye(3)[y] > 0, -np.inf, logits
    ).max(axis=1)
    assert_allclose(margins(model, X, names), expected, atol=1e-10)
    with pytest.raises(ValueError, match="does not know: rose"):
        margins(model, X[:1], ["rose"])


ALL_METHODS = [*METHODS, "lipsdp", "ibp", "crown", "local", "best"]


@pytest.mark.parametrize("activation", ["relu", "tanh", "softplus"])
@pytest.mark.parametrize("method", ALL_METHODS)
def test_inputs_whose_squares_overflow_prove_what_they_may(activation, method):
    network = random_network((4, 8, 3), activation=activation, random_state=0)
    X = [[1e300] * 4, [1e154] * 4, [0.5] * 4]
    radius = certified_radius(network, X, method=method)
    assert radius[2] > 0.0
    # The origin, at a distance of ||x||, has another class or is a tie's neighbour.
    assert np.all((radius >= 0.0) & (radius <= np.array([2e300, 2e154, 1.0])))
    # Just inside the radius, towards the origin, the class is the same.
    nearer = np.array(X) * (1.0 - 0.499 * radius / [1e300, 1e154, 0.5])[:, None]
    classes = (network.forward(rows).argmax(axis=1) for rows in (np.array(X), nearer))
    assert_array_equal(*classes)


@pytest.mark.filterwarnings("ignore:overflow encountered", "ignore:invalid value")
@pytest.mark.parametrize("method", ALL_METHODS)
@pytest.mark.parametrize("activation", ["relu", "tanh", "softplus"])
def test_inputs_that_overflow_prove_nothing(activation, method):
    network = random_network((4, 8, 3), activation=activation, random_state=0)
    assert certified_radius(network, [[1.7e308] * 4], method=method) == 0.0


@pytest.mark.parametrize("method", ALL_METHODS)
def test_logits_that_overflow_prove_nothing(method):
    # Finite logits, whose difference is not.
    far = FeedForward([[[1.0]], [[9e153], [-9e153]]])
    assert certified_radius(far, [[1.3e154]], method=method) == 0.0
    assert certified_accuracy_score(far, [[1.3e154]], [0], radius=1e155) == 0.0
    # Infinite ones.
    network = FeedForward([[[1.0, 2.0], [-1.0, 3.0], [0.5, -2.0]]])
    with np.errstate(over="ignore", invalid="ignore"):
        X = [[1.7e308, -1.7e308], [1.0, 2.5]]
        radius = certified_radius(network, X, method=method)
    assert radius[0] == 0.0 < radius[1] < 1.0
