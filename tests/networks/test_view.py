# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""NetworkView: tolerances, decision network, mutable coordinates, pickling."""

import copy
import pickle

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklip.networks import FeedForward, network_view, random_network

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def mixed_view(census):
    X, y = census
    X = X.dropna()
    table = make_column_transformer(
        (StandardScaler(), ["age", "gain"]),
        (OneHotEncoder(), ["sex"]),
        ("passthrough", ["hours"]),
    )
    net = MLPClassifier((5,), max_iter=10, random_state=0)
    model = make_pipeline(table, net).fit(X, y[X.index])
    return network_view(model), X


def test_decision_network_of_a_binary_logit(mixed_view):
    view, X = mixed_view
    U = view.encode(X)
    logits = view.decision_network().forward(U)
    assert logits.shape == (len(X), 2)
    difference = logits[:, 1] - logits[:, 0]
    np.testing.assert_allclose(difference, view.network.forward(U)[:, 0], atol=1e-12)


def test_decision_network_of_many_classes_is_the_network():
    X, y = load_iris(return_X_y=True)
    view = network_view(LogisticRegression(max_iter=500).fit(X, y))
    assert view.decision_network() is view.network
    assert view.mutable_network() is view.network


def test_mutable_network_differs_by_a_constant_of_the_immutable_part(mixed_view):
    view, X = mixed_view
    U = view.encode(X)
    jacobian = view.decision_network().jacobian(U)[:, :, view.mutable]
    restricted = view.mutable_network()
    assert restricted.n_inputs == 3
    # With the immutable part in its bias it is the decision network itself.
    first = view.decision_network().weights[0]
    for u, expected in zip(U[:5], jacobian[:5], strict=True):
        bias = first[:, ~view.mutable] @ u[~view.mutable] + restricted.biases[0]
        local = FeedForward(
            restricted.weights, (bias, restricted.biases[1]), restricted.activation
        )
        actual = local.jacobian(u[None, view.mutable])[0]
        np.testing.assert_allclose(actual, expected, rtol=1e-12)


@pytest.mark.parametrize("as_index", [False, True])
def test_tolerances_become_the_unit(mixed_view, as_index):
    view, X = mixed_view
    eps = {"gain": 250.0, "age": 2.0}
    if as_index:
        eps = {np.int64(view.feature_names.index(name)): e for name, e in eps.items()}
    scaled = view.with_feature_eps(eps)
    assert scaled.feature_index[scaled.mutable].tolist() == [0, 4]
    U, V = view.encode(X), scaled.encode(X)
    np.testing.assert_allclose(scaled.network.forward(V), view.network.forward(U))
    np.testing.assert_allclose(V[:, 0], X["age"] / 2.0)
    np.testing.assert_allclose(V[:, 1], X["gain"] / 250.0)
    np.testing.assert_array_equal(V[:, 2:], U[:, 2:])
    moved = X.assign(age=X["age"] + 2.0, gain=X["gain"] - 250.0)
    step = scaled.encode(moved) - V
    np.testing.assert_allclose(step[:, :2], [[1.0, -1.0]] * len(X), rtol=1e-10)
    # Tolerances are stated in units of X, also on a view that already has some.
    again = scaled.with_feature_eps({"age": 7.0})
    assert again.mutable.sum() == 1
    np.testing.assert_allclose(again.encode(X)[:, 0], X["age"] / 7.0)
    np.testing.assert_allclose(
        again.network.forward(again.encode(X)), view.network.forward(U)
    )


def test_tolerance_of_a_dropped_column_has_no_effect(mixed_view):
    view, X = mixed_view
    with_dropped = view.with_feature_eps({"age": 1.0, "weight": 3.0})
    assert with_dropped.network.hash == view.with_feature_eps({"age": 1.0}).network.hash
    nothing = view.with_feature_eps({"weight": 3.0})
    assert not nothing.mutable.any()
    still = nothing.mutable_network()
    assert still.n_inputs == 1 and not still.weights[0].any()


@pytest.mark.parametrize(
    "eps, message",
    [
        ({"size": 1.0}, "unknown column 'size'"),
        ({7: 1.0}, "unknown column 7"),
        ({-1: 1.0}, "unknown column -1"),
        ({True: 1.0}, "unknown column True"),
        ({1.5: 1.0}, r"unknown column 1\.5"),
        ({"sex": 1.0}, "immutable"),
        ({"age": 1.0, 0: 2.0}, "twice"),
        ({"age": 0.0}, "positive finite"),
        ({"age": -1.0}, "positive finite"),
        ({"age": np.inf}, "positive finite"),
        ({"age": np.nan}, "positive finite"),
        ({"age": "wide"}, "positive finite"),
        ({}, "at least one column"),
        ([1.0, 2.0], "at least one column"),
    ],
    ids=str,
)
def test_bad_tolerances(mixed_view, eps, message):
    with pytest.raises(ValueError, match=message):
        mixed_view[0].with_feature_eps(eps)


def test_names_need_a_model_fitted_on_names():
    view = network_view(random_network([3, 4, 2], random_state=0))
    with pytest.raises(ValueError, match="indices 0 to 2"):
        view.with_feature_eps({"a": 1.0})
    scaled = view.with_feature_eps({2: 0.5})
    assert scaled.mutable.tolist() == [False, False, True]
    with pytest.raises(ValueError, match="earlier feature_eps"):
        scaled.with_feature_eps({0: 1.0})


@pytest.mark.parametrize(
    "clone", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))]
)
def test_views_can_be_copied_and_pickled(mixed_view, clone):
    view, X = mixed_view
    other = clone(view.with_feature_eps({"age": 2.0}))
    expected = view.with_feature_eps({"age": 2.0})
    assert other.network.hash == expected.network.hash
    np.testing.assert_array_equal(other.encode(X), expected.encode(X))


def test_views_are_frozen_and_encode_copies(mixed_view):
    view = mixed_view[0]
    for name in ("mutable", "feature_index", "units"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(view, name)[0] = 0
    with pytest.raises(AttributeError):
        view.network = None
    plain = network_view(random_network([3, 4, 2], random_state=0))
    X = np.ones((4, 3))
    plain.encode(X)[:] = 5.0
    assert (X == 1.0).all()
    assert plain.encode([[1, 2, 3]]).dtype == np.float64
    with pytest.raises(ValueError, match="2 features"):
        plain.encode(X[:, :2])


def test_scaled_bound_is_that_of_the_scaled_matrix():
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    view = network_view(model)
    np.testing.assert_allclose(
        view.network.weights[0], model[-1].coef_ / model[0].scale_, rtol=1e-13
    )
