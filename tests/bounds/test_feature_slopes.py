# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Slopes in single columns: closed forms, samples that must stay below, raw units."""

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import VotingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC

from sklip import LipschitzRegularizedMLPClassifier, feature_slopes, lipschitz_bound
from sklip.exceptions import UnsupportedModelError
from sklip.networks import FeedForward, network_view, random_network

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:.*epochs allowed"),
]


@pytest.fixture(scope="module")
def tumours():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    return X.iloc[::3, :6], y[::3]


def net(kind=MLPRegressor, sizes=(6, 5), **params):
    return kind(hidden_layer_sizes=sizes, max_iter=40, random_state=0, **params)


def test_linear_models_have_their_coefficients(tumours):
    X, y = tumours
    model = make_pipeline(RobustScaler(), LogisticRegression()).fit(X, y)
    exact = np.abs(model[-1].coef_[0]) / model[0].scale_
    np.testing.assert_allclose(feature_slopes(model), exact, rtol=1e-10)
    assert np.all(feature_slopes(model) >= exact * (1 - 1e-15))
    # Of the target too: both scalers are undone.
    wrapped = TransformedTargetRegressor(
        make_pipeline(StandardScaler(), Ridge()), transformer=StandardScaler()
    ).fit(X, 1000.0 * y)
    step = X.copy()
    step["mean area"] += 1.0
    moved = (wrapped.predict(step) - wrapped.predict(X))[0]
    found = feature_slopes(wrapped)[X.columns.get_loc("mean area")]
    np.testing.assert_allclose(found, abs(moved), rtol=1e-7)


def test_many_outputs_in_l2_and_one_by_one():
    X, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=500).fit(X, y)
    lengths = np.linalg.norm(model.coef_, axis=0)
    np.testing.assert_allclose(feature_slopes(model), lengths, rtol=1e-9)
    for k in range(3):
        one = feature_slopes(model, output=k)
        np.testing.assert_allclose(one, np.abs(model.coef_[k]), rtol=1e-9)


def test_one_hidden_layer_reaches_what_the_sector_allows():
    network = random_network([3, 10, 1], random_state=0)
    inner, outer = network.weights
    terms = outer[0][:, None] * inner
    # ReLU slopes in [0, 1]: all positive terms, or all negative ones.
    best = np.maximum(terms.clip(0).sum(axis=0), -terms.clip(None, 0).sum(axis=0))
    np.testing.assert_allclose(feature_slopes(network), best, rtol=1e-9)


MODELS = {
    "mlp": lambda: make_pipeline(StandardScaler(), net()),
    "tanh": lambda: make_pipeline(RobustScaler(), net(sizes=(12,), activation="tanh")),
    "vote": lambda: VotingRegressor(
        [("net", make_pipeline(StandardScaler(), net())), ("ridge", Ridge())]
    ),
    "curved": lambda: make_pipeline(QuantileTransformer(n_quantiles=8), net()),
    "curved twice": lambda: make_pipeline(
        StandardScaler(),
        FeatureUnion([("plain", "passthrough"), ("f", FunctionTransformer(np.tanh))]),
        net(sizes=(6,)),
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_no_pair_of_rows_is_steeper(name, tumours):
    X, y = tumours
    X = X.to_numpy()
    model = MODELS[name]().fit(X, y)
    slopes = feature_slopes(model)
    rng = np.random.default_rng(0)
    for j in range(X.shape[1]):
        moved = X.copy()
        size = X[:, j].std() * rng.choice([1e-3, 1.0], len(X))
        moved[:, j] += rng.choice([-1.0, 1.0], len(X)) * size
        rise = np.abs(model.predict(moved) - model.predict(X))
        run = np.abs(moved[:, j] - X[:, j])
        assert np.all(rise <= slopes[j] * run * (1 + 1e-9) + 1e-10)
        # Not by being far too careful either.
        assert slopes[j] < 30 * np.max(rise / run)


def test_auto_is_no_looser_than_its_parts(tumours):
    X, y = tumours
    model = make_pipeline(StandardScaler(), net(MLPClassifier)).fit(X, y)
    best = feature_slopes(model)
    for method in ("product", "path", "sequential", "lipsdp"):
        assert np.all(best <= feature_slopes(model, method=method) * (1 + 1e-9))
    for j, name in enumerate(X.columns):
        bound = lipschitz_bound(model, feature=name)
        assert best[j] <= float(bound) * (1 + 1e-6)
    assert np.all(best <= float(lipschitz_bound(model)) * (1 + 1e-5))


def test_two_classes_have_one_logit(tumours):
    X, y = tumours
    model = LipschitzRegularizedMLPClassifier((8,), max_iter=20, random_state=0)
    model.fit(X, y)
    assert model.network_.n_outputs == 2
    weights, biases = model.network_.weights, model.network_.biases
    difference = FeedForward(
        [weights[0], weights[1][[1]] - weights[1][[0]]],
        [biases[0], biases[1][[1]] - biases[1][[0]]],
        model.network_.activation,
    )
    np.testing.assert_allclose(
        feature_slopes(model), feature_slopes(difference), rtol=1e-12
    )


def test_two_outputs_of_a_bare_network_are_subtracted():
    weight = np.random.default_rng(0).normal(size=(2, 5))
    slopes = feature_slopes(FeedForward([weight]))
    np.testing.assert_allclose(slopes, np.abs(weight[1] - weight[0]), rtol=1e-12)
    hidden = random_network([5, 4, 2], random_state=0)
    one = hidden.with_output_map([[-1.0, 1.0]])
    np.testing.assert_allclose(feature_slopes(hidden), feature_slopes(one), rtol=1e-12)


def test_categories_have_no_slope_and_dropped_columns_none(tumours):
    X, y = tumours
    X = X.iloc[:, :3].assign(site=np.resize(["a", "b", "c"], len(X)))
    model = make_pipeline(
        make_column_transformer(
            (StandardScaler(), ["mean radius"]),
            (OneHotEncoder(), ["site"]),
        ),
        net(),
    ).fit(X, y)
    slopes = feature_slopes(model)
    assert slopes[0] > 0 and np.all(slopes[1:3] == 0) and np.isnan(slopes[3])
    assert network_view(model).feature_names[3] == "site"


def test_refused():
    network = random_network([3, 4, 2], random_state=0)
    with pytest.raises(ValueError, match="method must be one of 'auto'"):
        feature_slopes(network, method="crown")
    with pytest.raises(ValueError, match="output must be an integer from 0 to 1"):
        feature_slopes(network, output=2)
    X, y = load_iris(return_X_y=True)
    with pytest.raises(UnsupportedModelError, match="SVC"):
        feature_slopes(SVC().fit(X, y))
