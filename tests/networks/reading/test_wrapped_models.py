# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Thresholds, searches, votes, bags and linear SVMs, as the networks they are.

Also tests of ``networks/_reading/ensembles.py``.
"""

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_iris, make_regression
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC, NuSVC, NuSVR

from sklip import LipschitzRegularizedMLPClassifier, lipschitz_bound
from sklip.certification import certified_interval, certified_radius, margins
from sklip.exceptions import UnsupportedModelError
from sklip.networks import network_view

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def mlp(seed=0, **params):
    return MLPClassifier((4,), max_iter=15, random_state=seed, **params)


def mlp_regressor(seed=0, sizes=(4,), **params):
    return MLPRegressor(
        hidden_layer_sizes=sizes, max_iter=30, random_state=seed, **params
    )


def own(seed=0):
    return LipschitzRegularizedMLPClassifier((4,), max_iter=15, random_state=seed)


@pytest.fixture(scope="module")
def tumours():
    X, y = load_breast_cancer(return_X_y=True)
    return X[::4, :7], y[::4]


@pytest.fixture(scope="module")
def targets():
    X, y = make_regression(90, 5, noise=5.0, random_state=0)
    return X, y


def random_directions(X, norm, seed=0):
    delta = np.random.default_rng(seed).normal(size=X.shape) * X.std(axis=0)
    return delta / np.linalg.norm(delta, norm, axis=1, keepdims=True)


def assert_classes_hold(model, X):
    """The view predicts as the model does, and certified radii are not crossed."""
    view = network_view(model)
    logits = view.decision_network().forward(view.encode(X))
    sure = margins(model, X) > 1e-9
    labels = view.classes[logits.argmax(axis=1)]
    np.testing.assert_array_equal(labels[sure], model.predict(X)[sure])
    X, sure, labels = X[::3], sure[::3], labels[::3]
    radius = certified_radius(model, X)
    assert np.median(radius) > 0
    for seed in range(5):
        near = X + 0.999 * radius[:, None] * random_directions(X, 2, seed)
        np.testing.assert_array_equal(model.predict(near)[sure], labels[sure])
    return view


@pytest.mark.parametrize("kind", [SVC, NuSVC])
def test_linear_support_vector_classifiers(kind, tumours, assert_parity):
    X, y = tumours
    model = make_pipeline(StandardScaler(), kind(kernel="linear")).fit(X, y)
    view = assert_parity(model, X)
    # libsvm adds up one term for each support vector: more rounding than |w| shows.
    assert view.rounding.first.sum() > 2.0 * np.abs(view.network.weights[0]).sum()
    assert_classes_hold(model, X)


@pytest.mark.parametrize("kind", [SVR, NuSVR])
def test_linear_support_vector_regressors(kind, targets, assert_parity):
    X, y = targets
    view = assert_parity(kind(kernel="linear").fit(X, y), X)
    assert view.classes is None


def test_curved_and_many_class_kernel_machines_are_refused():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(UnsupportedModelError, match="votes of pairs"):
        network_view(SVC(kernel="linear").fit(X, y))
    with pytest.raises(UnsupportedModelError, match=r"SVC\(kernel='rbf'\)"):
        network_view(SVC().fit(X, y))
    with pytest.raises(UnsupportedModelError, match=r"SVR\(kernel='poly'\)"):
        network_view(SVR(kernel="poly").fit(X, y))


@pytest.mark.parametrize("threshold", ["auto", 0.2, 0.9])
@pytest.mark.parametrize("positive", [None, 0, 1])
@pytest.mark.parametrize("method", ["auto", "predict_proba"])
@pytest.mark.parametrize("inner", [mlp(), own(), LinearDiscriminantAnalysis()], ids=str)
def test_threshold_on_a_probability(threshold, positive, method, inner, tumours):
    X, y = tumours
    model = FixedThresholdClassifier(
        make_pipeline(StandardScaler(), inner),
        threshold=threshold,
        pos_label=positive,
        response_method=method,
    ).fit(X, y)
    assert_classes_hold(model, X)
    if threshold == "auto":
        assert_parity_of_margins(model, model.estimator_, X)


def assert_parity_of_margins(model, inner, X):
    np.testing.assert_allclose(margins(model, X), margins(inner, X), rtol=1e-9)


def test_threshold_moves_the_margin_by_its_logit(tumours):
    X, y = tumours
    inner = make_pipeline(StandardScaler(), LogisticRegression())
    model = FixedThresholdClassifier(inner, threshold=0.8).fit(X, y)
    expected = model.estimator_.decision_function(X) - np.log(0.8 / 0.2)
    view = network_view(model)
    np.testing.assert_allclose(
        view.network.forward(view.encode(X))[:, 0], expected, rtol=1e-9, atol=1e-9
    )
    # A later threshold makes room for one class and takes it from the other.
    first = model.predict(X) == 0
    assert np.all(margins(model, X)[first] > margins(model.estimator_, X)[first] - 2)
    in_pipeline = make_pipeline(MinMaxScaler(), model).fit(X, y)
    assert_classes_hold(in_pipeline, X)


@pytest.mark.parametrize("positive", [0, 1])
def test_threshold_on_a_decision_function(positive, tumours):
    X, y = tumours
    model = FixedThresholdClassifier(
        make_pipeline(StandardScaler(), LinearSVC()), threshold=0.3, pos_label=positive
    ).fit(X, y)
    assert_classes_hold(model, X)


def test_tuned_threshold(tumours):
    X, y = tumours
    labels = np.where(y == 1, "benign", "malignant")
    for scoring in ("balanced_accuracy", "accuracy"):
        model = TunedThresholdClassifierCV(
            make_pipeline(StandardScaler(), LogisticRegression()), scoring=scoring, cv=3
        ).fit(X, labels)
        assert_classes_hold(model, X)


def test_thresholds_that_are_refused(tumours):
    X, y = tumours
    always = FixedThresholdClassifier(LogisticRegression(max_iter=5000), threshold=1.0)
    with pytest.raises(UnsupportedModelError, match="decides every sample alike"):
        network_view(always.fit(X, y))
    huber = FixedThresholdClassifier(
        SGDClassifier(loss="modified_huber"), threshold=0.3
    )
    with pytest.raises(UnsupportedModelError, match="predict_proba of SGDClassifier"):
        network_view(huber.fit(X, y))


def test_search_is_its_best_model(tumours, assert_parity):
    X, y = tumours
    search = GridSearchCV(
        make_pipeline(StandardScaler(), RidgeClassifier()),
        {"ridgeclassifier__alpha": [0.1, 10.0]},
        cv=2,
    ).fit(X, y)
    assert_parity(search, X)
    search.refit = False
    del search.best_estimator_
    with pytest.raises(UnsupportedModelError, match="refit=False"):
        network_view(search)


VOTES = {
    "same nets": [mlp_regressor(0), mlp_regressor(1), mlp_regressor(2)],
    "linear": [Ridge(), LinearRegression()],
    "relu and linear": [Ridge(), mlp_regressor(0), mlp_regressor(1, (3, 3))],
    "own scalers": [
        make_pipeline(StandardScaler(), mlp_regressor(0)),
        make_pipeline(MinMaxScaler(), mlp_regressor(1)),
        Ridge(),
    ],
    "tanh": [mlp_regressor(0, activation="tanh"), mlp_regressor(1, activation="tanh")],
    "targets": [
        TransformedTargetRegressor(mlp_regressor(0), transformer=StandardScaler()),
        VotingRegressor([("a", Ridge()), ("b", mlp_regressor(3))]),
    ],
}


@pytest.mark.parametrize("name", VOTES)
@pytest.mark.parametrize("weighted", [False, True])
def test_voting_regressor(name, weighted, targets, assert_parity):
    X, y = targets
    members = [(str(k), member) for k, member in enumerate(VOTES[name])]
    weights = [1.0 + k for k in range(len(members))] if weighted else None
    model = make_pipeline(StandardScaler(), VotingRegressor(members, weights=weights))
    assert_parity(model.fit(X, y), X)
    bare = VotingRegressor([*members, ("gone", "drop")]).fit(X, y)
    view = assert_parity(bare, X)
    assert view.feature_index.tolist() == list(range(5))
    lower, upper = certified_interval(bare, X, radius=0.2)
    moved = bare.predict(X + 0.2 * random_directions(X, 2))
    assert np.all((lower <= moved) & (moved <= upper))


def test_the_whole_is_bounded_by_its_parts(targets):
    X, y = targets
    members = [("a", mlp_regressor(0)), ("b", mlp_regressor(1)), ("c", Ridge())]
    model = VotingRegressor(members).fit(X, y)
    parts = [float(lipschitz_bound(member)) for member in model.estimators_]
    jacobians = network_view(model).network.jacobian(X)
    steepest = np.linalg.norm(jacobians, axis=(1, 2)).max()
    # y = relu(y) - relu(-y) costs the linear member at most a factor of two.
    allowed = np.mean([parts[0], parts[1], 2 * parts[2]]) * (1 + 1e-3)
    assert steepest <= float(lipschitz_bound(model)) <= allowed


@pytest.mark.parametrize(
    "member", [Ridge(), mlp_regressor(), make_pipeline(StandardScaler(), Ridge())]
)
def test_bagging_regressor(member, targets, assert_parity):
    X, y = targets
    model = BaggingRegressor(
        member, n_estimators=4, max_features=0.6, random_state=0
    ).fit(X, y)
    assert_parity(model, X)
    assert_parity(make_pipeline(MinMaxScaler(), model).fit(X, y), X)


SOFT = {
    "logistic": [LogisticRegression(), LogisticRegression(C=0.01)],
    "nets": [mlp(0), mlp(1)],
    "mixed": [mlp(0), LogisticRegression(), LinearDiscriminantAnalysis()],
    "own": [own(0), own(1), mlp(2)],
}


@pytest.mark.parametrize("name", SOFT)
def test_soft_votes_of_two_classes(name, tumours):
    X, y = tumours
    members = [
        (str(k), make_pipeline(StandardScaler(), m)) for k, m in enumerate(SOFT[name])
    ]
    model = VotingClassifier(members, voting="soft", weights=range(1, 1 + len(members)))
    view = assert_classes_hold(model.fit(X, y), X)
    values = view.network.forward(view.encode(X))[:, 0]
    proba = model.predict_proba(X)[:, 1]
    np.testing.assert_allclose(values + 0.5, proba, atol=1e-12)


def test_soft_votes_behind_a_threshold(tumours):
    X, y = tumours
    inner = BaggingClassifier(
        make_pipeline(StandardScaler(), LogisticRegression()), 4, random_state=0
    )
    assert_classes_hold(inner.fit(X, y), X)
    for positive in (0, 1):
        model = FixedThresholdClassifier(inner, threshold=0.7, pos_label=positive)
        assert_classes_hold(model.fit(X, y), X)


@pytest.mark.parametrize("weights", [[1e300, 1.0], [1e308] * 2, [1e-320] * 2])
def test_weights_whose_products_overflow_or_vanish_are_refused(weights, tumours):
    """[1e308, 1e308]: every mean probability is 0 or NaN, and the class is always 0."""
    X, y = tumours
    members = [("a", LogisticRegression()), ("b", LogisticRegression(C=0.1))]
    vote = VotingClassifier(members, voting="soft", weights=weights).fit(X, y)
    with pytest.raises(UnsupportedModelError, match="must lie between 1e-10 and 1e"):
        network_view(vote)
    mean = VotingRegressor([("a", Ridge()), ("b", Ridge(2.0))], weights=weights)
    with pytest.raises(UnsupportedModelError, match="of the ensemble add up to"):
        network_view(mean.fit(X, y))


def test_ensembles_that_are_refused(tumours):
    X, y = tumours
    hard = VotingClassifier([("a", RidgeClassifier()), ("b", mlp())])
    with pytest.raises(UnsupportedModelError, match="votes, which jump"):
        network_view(hard.fit(X, y))
    bag = BaggingClassifier(LinearSVC(), 3, random_state=0).fit(X, y)
    with pytest.raises(UnsupportedModelError, match="not the sigmoid"):
        network_view(bag)
    both = VotingRegressor([("a", mlp_regressor(activation="tanh")), ("b", Ridge())])
    with pytest.raises(UnsupportedModelError, match="only ReLU and linear members"):
        network_view(both.fit(X, y))
    X, y = load_iris(return_X_y=True)
    soft = VotingClassifier([("a", LogisticRegression(max_iter=500))], voting="soft")
    with pytest.raises(UnsupportedModelError, match="softmax of 3 classes"):
        network_view(soft.fit(X, y))
