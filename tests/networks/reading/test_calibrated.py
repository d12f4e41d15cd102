# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Calibrated classifiers and sklip's own models around models, read by the door."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier, ShuffleSplit
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from sklip import (
    CertifiedIntervalRegressor,
    CertifiedRejectClassifier,
    certified_interval,
    certified_radius,
    lipschitz_bound,
)
from sklip.certification import minimum_norm_attack
from sklip.exceptions import UnsupportedModelError
from sklip.networks import network_view

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

INNER = {
    "svm": LinearSVC(),
    "kernel": SVC(kernel="linear"),
    "logistic": LogisticRegression(),
    "lda": LinearDiscriminantAnalysis(),
    "mlp": MLPClassifier((5,), max_iter=80, random_state=0),
    "pipeline": make_pipeline(StandardScaler(), LinearSVC()),
    "tuned": FixedThresholdClassifier(LogisticRegression(), threshold=0.3),
    "calibrated": CalibratedClassifierCV(LogisticRegression(), ensemble=False),
}
ONE = {"ensemble": False}
FOLD = {"cv": ShuffleSplit(1, random_state=0)}
SEVERAL = {"cv": 3}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    return X, np.where(X[:, 0] + 0.5 * rng.normal(size=120) > 0.8, "yes", "no")


def _check(model, X):
    """Radii hold for predict, and an attack finds a flip not far beyond."""
    radius = certified_radius(model, X)
    clean = model.predict(X)
    rng = np.random.default_rng(0)
    for _ in range(60):
        step = rng.normal(size=X.shape)
        step /= np.linalg.norm(step, axis=1)[:, None]
        moved = X + 0.999999 * np.minimum(radius, 1e6)[:, None] * step
        assert np.array_equal(model.predict(moved), clean)
    rows, distance = minimum_norm_attack(model, X, random_state=0)
    found = np.isfinite(distance)
    assert np.all(distance >= radius)
    assert not np.any(model.predict(rows)[found] == clean[found])
    return radius, distance


@pytest.mark.parametrize(
    "name, options",
    [
        *((name, ONE) for name in INNER),
        ("svm", FOLD),
        ("svm", SEVERAL),
        ("mlp", SEVERAL),
    ],
)
def test_decisions_are_those_of_the_calibrated_model(data, name, options):
    model = CalibratedClassifierCV(INNER[name], method="sigmoid", **options).fit(*data)
    X = data[0][:12]
    view = network_view(model)
    logits = view.decision_network().forward(view.encode(X))
    assert np.array_equal(view.classes[view.decided(logits)], model.predict(X))
    if len(model.calibrated_classifiers_) == 1:
        proba = model.predict_proba(X)[:, 1]
        assert np.allclose(1.0 / (1.0 + np.exp(-np.diff(logits)[:, 0])), proba)
    radius, distance = _check(model, X)
    if name in ("svm", "logistic", "pipeline") and options is ONE:
        assert np.all(distance <= 1.05 * radius)


def test_a_falling_sigmoid_changes_the_classes_over(data):
    X, y = data
    frozen = FrozenEstimator(LogisticRegression().fit(X, y))
    model = CalibratedClassifierCV(frozen, method="sigmoid")
    model.fit(X, np.where(y == "yes", "no", "yes"))
    assert model.calibrated_classifiers_[0].calibrators[0].a_ > 0.0
    _check(model, X[:10])


@pytest.mark.parametrize("name", ["svm", "kernel", "logistic", "pipeline", "tuned"])
def test_temperatures_scale_the_score(data, name):
    """Twice the inverse temperature: the softmax of minus the score and the score."""
    model = CalibratedClassifierCV(INNER[name], method="temperature", ensemble=False)
    model.fit(*data)
    X = data[0][:12]
    view = network_view(model)
    logits = view.decision_network().forward(view.encode(X))
    assert np.array_equal(view.classes[view.decided(logits)], model.predict(X))
    proba = model.predict_proba(X)[:, 1]
    assert np.allclose(1.0 / (1.0 + np.exp(-np.diff(logits)[:, 0])), proba)
    radius, distance = _check(model, X)
    assert np.all(distance <= 1.05 * radius)
    # A threshold on the scaled probability moves the margin of the same score.
    for threshold in (0.2, 0.8):
        moved = FixedThresholdClassifier(FrozenEstimator(model), threshold=threshold)
        _check(moved.fit(*data), X)


def test_temperatures_of_probabilities_are_refused(data):
    model = CalibratedClassifierCV(INNER["mlp"], method="temperature", ensemble=False)
    with pytest.raises(UnsupportedModelError, match="no decision_function, as of skl"):
        certified_radius(model.fit(*data), data[0][:2])


def test_a_threshold_on_calibrated_probabilities(data):
    inner = CalibratedClassifierCV(LinearSVC(), method="sigmoid", ensemble=False)
    for threshold in (0.2, 0.8):
        model = FixedThresholdClassifier(inner, threshold=threshold).fit(*data)
        _check(model, data[0][:10])


def test_what_is_no_network_is_refused_by_full_name(data):
    X, y = data
    for model in (
        CalibratedClassifierCV(LinearSVC(), method="isotonic").fit(X, y),
        CalibratedClassifierCV(LinearSVC(), method="temperature").fit(X, y),
        CalibratedClassifierCV(LogisticRegression()).fit(*load_iris(return_X_y=True)),
    ):
        message = "sklearn.calibration.CalibratedClassifierCV .*calibrated_classifiers_"
        with pytest.raises(UnsupportedModelError, match=message):
            certified_radius(model, X[:2])


def test_a_calibrator_of_another_class_is_refused(data):
    model = CalibratedClassifierCV(LinearSVC(), ensemble=False).fit(*data)
    member = model.calibrated_classifiers_[0]
    kind = type(member.calibrators[0])
    stepped = type("Stepped", (kind,), {"predict": lambda self, T: np.sign(T)})()
    vars(stepped).update(vars(member.calibrators[0]))
    member.calibrators[0] = stepped
    with pytest.raises(UnsupportedModelError, match="Stepped is a subclass"):
        certified_radius(model, data[0][:2])


def test_an_interval_regressor_predicts_as_its_estimator(data):
    X = data[0]
    model = CertifiedIntervalRegressor(Ridge(), radius=0.1).fit(X, X[:, 0])
    inside = make_pipeline(StandardScaler(), model).fit(X, X[:, 0])
    assert lipschitz_bound(model).value == lipschitz_bound(model.estimator_).value
    for one, other in (
        (model, model.estimator_),
        (inside, make_pipeline(inside[0], inside[1].estimator_)),
    ):
        ends = (certified_interval(m, X[:5], radius=0.2) for m in (one, other))
        assert np.array_equal(*map(np.array, ends))


def test_a_classifier_that_rejects_is_no_network(data):
    X, y = data
    model = CertifiedRejectClassifier(
        LogisticRegression(), radius=0.1, reject_label="?"
    ).fit(X, y)
    message = r"sklip\.estimators\._reject\.CertifiedRejectClassifier .*estimator_"
    with pytest.raises(UnsupportedModelError, match=message):
        certified_radius(model, X[:5])
    nothing = CertifiedRejectClassifier(
        LogisticRegression(), radius=0.0, reject_label="?"
    ).fit(X, y)
    radius = certified_radius(nothing, X[:5])
    assert np.array_equal(radius, certified_radius(nothing.estimator_, X[:5]))
