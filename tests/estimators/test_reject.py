# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Rejected is what is not proven; what is answered, no attack makes another answer.

Also tests of ``estimators/_meta.py``.
"""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    RidgeClassifier,
)
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklip import (
    CertifiedRejectClassifier,
    LipschitzRegularizedMLPClassifier,
    NoiseLipschitzClassifier,
    certified_accuracy_score,
    certified_radius,
)
from sklip.certification import is_certified, pgd_attack
from sklip.exceptions import UnsupportedModelError

RADIUS = 0.4


def _inner(**parameters):
    # lbfgs converges: no warning.
    network = LipschitzRegularizedMLPClassifier(
        (8,), solver="lbfgs", lipschitz_weight=0.05, max_iter=1000, random_state=0
    )
    return make_pipeline(StandardScaler(), network.set_params(**parameters))


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def fitted(iris):
    return CertifiedRejectClassifier(_inner(), radius=RADIUS).fit(*iris)


@pytest.mark.full_effort
def test_rejects_exactly_the_small_radii(iris, fitted):
    X, y = iris
    radius = certified_radius(fitted.estimator_, X)
    rejected = fitted.rejected(X)
    assert 10 < rejected.sum() < 140
    np.testing.assert_array_equal(rejected, radius < RADIUS)
    labels = fitted.predict(X)
    assert np.all(labels[rejected] == -1)
    answered = fitted.estimator_.predict(X)[~rejected]
    np.testing.assert_array_equal(labels[~rejected], answered)
    assert fitted.classes_.tolist() == [0, 1, 2]


def test_score_is_the_certified_accuracy(iris, fitted):
    X, y = iris
    expected = certified_accuracy_score(fitted.estimator_, X, y, radius=RADIUS)
    assert 0.3 < expected < 1.0
    assert fitted.score(X, y) == pytest.approx(expected)


@pytest.mark.parametrize("norm", [1, 2, np.inf])
def test_an_answer_is_that_of_the_clean_sample(iris, norm):
    X, y = iris
    model = CertifiedRejectClassifier(_inner(), radius=0.2, norm=norm).fit(X, y)
    clean = model.estimator_.predict(X)
    rng = np.random.default_rng(0)
    attacked, flipped = pgd_attack(
        model.estimator_, X, radius=0.2, norm=norm, random_state=0
    )
    moved = [attacked]
    for _ in range(20):
        delta = rng.normal(size=X.shape)
        delta *= 0.1999 / np.linalg.norm(delta, norm, axis=1, keepdims=True)
        moved.append(X + delta)
    for points in moved:
        answers = model.predict(points)
        assert set(np.unique(answers[answers != clean])) <= {-1}
    # The attack succeeds somewhere, and rejecting is what saves it.
    assert flipped.any()
    assert np.any(model.estimator_.predict(attacked) != clean)


def test_is_certified_without_its_margin(iris, fitted):
    X = iris[0][::5]
    proven = certified_radius(fitted.estimator_, X)
    for radius in (0.0, 0.1, 1.0):
        mask = is_certified(fitted.estimator_, X, radius=radius)
        np.testing.assert_array_equal(mask, proven >= radius)


def test_radius_zero_rejects_nothing(iris):
    X, y = iris
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = CertifiedRejectClassifier(_inner(), radius=0).fit(X, names)
    assert not model.rejected(X).any()
    np.testing.assert_array_equal(model.predict(X), model.estimator_.predict(X))


@pytest.mark.parametrize("kind", [str, object])
def test_string_labels_need_a_string(iris, kind):
    X, y = iris
    names = np.array(["a", "bb", "ccc"])[y].astype(kind)
    with pytest.raises(ValueError, match="reject_label must be a string"):
        CertifiedRejectClassifier(_inner(), radius=RADIUS).fit(X, names)
    model = CertifiedRejectClassifier(
        _inner(), radius=RADIUS, reject_label="not certain"
    ).fit(X, names)
    labels = model.predict(X)
    np.testing.assert_array_equal(labels == "not certain", model.rejected(X))
    assert set(labels) == {"a", "bb", "ccc", "not certain"}


@pytest.mark.parametrize(
    "labels, reject_label, match",
    [
        ([0, 1, 2], 1, "reject_label=1 is one of the classes"),
        ([-1, 0, 1], -1, "reject_label=-1 is one of the classes"),
        ([0, 1, 2], "reject", "reject_label must be an integer"),
        (["a", "b", "c"], "b", "reject_label='b' is one of the classes"),
    ],
)
def test_reject_label_is_no_class(iris, labels, reject_label, match):
    X, y = iris
    model = CertifiedRejectClassifier(
        _inner(), radius=RADIUS, reject_label=reject_label
    )
    with pytest.raises(ValueError, match=match):
        model.fit(X, np.array(labels)[y])


@pytest.mark.full_effort
def test_frozen_estimators_are_not_fitted_again(iris):
    X, y = iris
    inner = _inner().fit(X, y)
    model = CertifiedRejectClassifier(FrozenEstimator(inner), radius=RADIUS)
    model.fit(X[:3], y[:3])
    assert model.classes_.tolist() == [0, 1, 2]
    some = X[::10]
    np.testing.assert_array_equal(
        model.rejected(some), certified_radius(inner, some) < RADIUS
    )
    with pytest.raises(ValueError, match="reject_label=2 is one of the classes"):
        model.set_params(reject_label=2).fit(X[:3], y[:3])


def test_feature_eps_by_name(iris):
    X, y = load_iris(return_X_y=True, as_frame=True)
    eps = {"petal length (cm)": 0.3, "petal width (cm)": 0.1}
    model = CertifiedRejectClassifier(
        _inner(), radius=1.0, norm=np.inf, feature_eps=eps
    ).fit(X, y)
    assert model.feature_names_in_.tolist() == X.columns.tolist()
    radius = certified_radius(model.estimator_, X, norm=np.inf, feature_eps=eps)
    np.testing.assert_array_equal(model.rejected(X), radius < 1.0)
    assert 0 < model.rejected(X).sum() < len(X)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(X.rename(columns={X.columns[0]: "other"}))
    with pytest.raises(ValueError, match="unknown column 'length'"):
        model.set_params(feature_eps={"length": 1.0}).fit(X, y)


def test_grid_search_over_inner_parameters_and_radius(iris):
    X, y = iris
    model = CertifiedRejectClassifier(_inner(), radius=0.1)
    grid = {
        "estimator__lipschitzregularizedmlpclassifier__lipschitz_weight": [0.05, 0.3],
        "radius": [0.0, 0.4],
    }
    search = GridSearchCV(model, grid, cv=3).fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert np.all(np.isfinite(scores))
    assert search.best_params_["radius"] == 0.0  # nothing rejected scores best
    assert len(np.unique(scores)) > 2


def test_pickle_and_clone(iris, fitted):
    X, y = iris
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    unfitted = clone(fitted)
    assert unfitted.radius == RADIUS
    with pytest.raises(NotFittedError):
        unfitted.rejected(X)


@pytest.mark.parametrize("routing", [False, True])
def test_sample_weight_reaches_the_estimator(iris, routing):
    X, y = iris
    weight = np.where(y == 2, 1e-6, 1.0)
    with config_context(enable_metadata_routing=routing):
        inner = LogisticRegression(max_iter=1000)
        if routing:
            inner.set_fit_request(sample_weight=True)
        model = CertifiedRejectClassifier(inner, radius=0)
        model.fit(X, y, sample_weight=weight)
    direct = LogisticRegression(max_iter=1000).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(model.estimator_.coef_, direct.coef_)
    assert not np.allclose(
        direct.coef_, LogisticRegression(max_iter=1000).fit(X, y).coef_
    )


def test_scores_of_the_estimator_are_passed_on(iris, fitted):
    X, _ = iris
    proba = fitted.estimator_.predict_proba(X)
    np.testing.assert_array_equal(fitted.predict_proba(X), proba)
    decision = fitted.estimator_.decision_function(X)
    np.testing.assert_array_equal(fitted.decision_function(X), decision)
    assert not hasattr(
        CertifiedRejectClassifier(RidgeClassifier(), radius=0), "predict_proba"
    )


def test_boolean_labels():
    X, y = load_breast_cancer(return_X_y=True)
    model = CertifiedRejectClassifier(
        make_pipeline(StandardScaler(), LogisticRegression()),
        radius=3.0,
        feature_eps={0: 1.0, 1: 1.0},
    )
    labels = model.fit(X, y == 1).predict(X)
    assert set(np.unique(labels)) == {-1, 0, 1}


def test_what_cannot_be_certified_is_refused_in_fit(iris):
    X, y = iris
    forest = RandomForestClassifier(n_estimators=3)
    with pytest.raises(UnsupportedModelError, match="RandomForestClassifier"):
        CertifiedRejectClassifier(forest, radius=0.1).fit(X, y)
    with pytest.raises(ValueError, match="estimator must be a classifier"):
        CertifiedRejectClassifier(LinearRegression(), radius=0.1).fit(X, y)
    with pytest.raises(ValueError, match="method must be one of"):
        CertifiedRejectClassifier(_inner(), radius=0.1, method="magic").fit(X, y)
    with pytest.raises(ValueError, match="'radius' parameter"):
        CertifiedRejectClassifier(_inner(), radius=-0.1).fit(X, y)


def test_a_pipeline_on_a_mixed_table(iris):
    X, y = iris
    table = pd.DataFrame(X[:, 2:], columns=["length", "width"])
    table["place"] = np.where(np.arange(len(X)) % 2, "north", "south")
    encode = make_column_transformer(
        (OneHotEncoder(), ["place"]), remainder=StandardScaler()
    )
    inner = make_pipeline(encode, LogisticRegression(max_iter=500))
    model = CertifiedRejectClassifier(inner, radius=0.3).fit(table, y)
    assert 0 < model.rejected(table).mean() < 0.9


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_classifier_with_a_module():
    X, y = load_digits(return_X_y=True)
    images = X[:150].reshape(-1, 1, 8, 8) / 16
    inner = NoiseLipschitzClassifier(module="cnn", max_iter=8, random_state=0)
    model = CertifiedRejectClassifier(inner, radius=0.003).fit(images, y[:150])
    rows = images[:40]
    radii = certified_radius(model.estimator_, rows)
    radius = float(np.median(radii))
    model.set_params(radius=radius)
    proven = radii >= radius
    np.testing.assert_array_equal(model.rejected(rows), ~proven)
    assert 0 < proven.sum() < 40
    np.testing.assert_array_equal(model.classes_, range(10))
    model.set_params(feature_eps={0: 0.01})
    few = model.fit(images, y[:150]).rejected(rows)
    assert few.mean() < model.set_params(feature_eps=None).rejected(rows).mean()
