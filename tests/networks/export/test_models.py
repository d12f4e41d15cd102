# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Models out to ONNX, held against their own methods: leaves.py, wrappers.py.

Also tests of ``networks/_export/calibration.py``, ``networks/_export/leaves.py`` and
``networks/_export/wrappers.py``.
"""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    RandomForestClassifier,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
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
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC

from sklip import (
    ADMMLipschitzMLPClassifier,
    ADMMLipschitzMLPRegressor,
    CertifiedRejectClassifier,
    FeedForward,
    LipschitzBoundedMLPClassifier,
    LipschitzBoundedMLPRegressor,
    LipschitzRegularizedMLPClassifier,
    LipschitzRegularizedMLPRegressor,
    NoiseLipschitzClassifier,
    NoiseLipschitzRegressor,
    to_onnx,
)
from sklip.exceptions import UnsupportedModelError

pytestmark = pytest.mark.filterwarnings("ignore")

SMALL = {"max_iter": 5, "random_state": 0, "certificate": None}


def own(**params):
    return LipschitzRegularizedMLPClassifier((5,), **{**SMALL, **params})


def net(**params):
    return LipschitzRegularizedMLPRegressor((5,), **{**SMALL, **params})


def mlp(**params):
    return MLPClassifier((5,), max_iter=20, random_state=0, **params)


def scaled(model):
    return make_pipeline(StandardScaler(), model)


CLASSIFIERS = {
    "regularized": own(),
    "admm": ADMMLipschitzMLPClassifier((4,), max_admm_iter=2, **SMALL),
    "noise": NoiseLipschitzClassifier((4,), **SMALL),
    "bounded": LipschitzBoundedMLPClassifier((4,), **SMALL),
    "pipeline": scaled(own(activation="elu")),
    "search": GridSearchCV(own(), {"alpha": [1e-4, 1e-3]}, cv=2),
    "mlp": mlp(),
    "logistic": LogisticRegression(),
    "svc": LinearSVC(),
    "ridge": RidgeClassifier(),
    "discriminant": LinearDiscriminantAnalysis(),
    "log loss": scaled(SGDClassifier(loss="log_loss", random_state=0)),
    "vote": VotingClassifier(
        [("a", LogisticRegression()), ("b", scaled(own()))],
        voting="soft",
        weights=[1, 2],
    ),
    "sigmoid": CalibratedClassifierCV(scaled(own()), cv=2),
    "isotonic": CalibratedClassifierCV(
        scaled(LinearSVC()), method="isotonic", cv=2, ensemble=False
    ),
    "calibrated probabilities": CalibratedClassifierCV(mlp(), method="isotonic", cv=2),
    "bag": BaggingClassifier(
        scaled(LogisticRegression()), n_estimators=3, max_features=0.5, random_state=0
    ),
}
REGRESSORS = {
    "regularized": net(),
    "admm": ADMMLipschitzMLPRegressor((4,), max_admm_iter=2, **SMALL),
    "noise": NoiseLipschitzRegressor((4,), **SMALL),
    "bounded": LipschitzBoundedMLPRegressor((4,), **SMALL),
    "mlp": MLPRegressor(hidden_layer_sizes=(5,), max_iter=20, random_state=0),
    "ridge": Ridge(),
    "svr": scaled(SVR(kernel="linear")),
    "vote": VotingRegressor([("a", Ridge()), ("b", scaled(net()))]),
    "bag": BaggingRegressor(scaled(Ridge()), n_estimators=3, random_state=0),
    **{
        type(transformer).__name__: TransformedTargetRegressor(
            scaled(net()), transformer=transformer
        )
        for transformer in (StandardScaler(), MinMaxScaler(), RobustScaler())
    },
}


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_classifiers(kind, n_classes, table, assert_exported):
    X, labels, _ = table
    model = CLASSIFIERS[kind].fit(X, np.minimum(labels, n_classes - 1))
    assert_exported(model, X)


@pytest.mark.parametrize("kind", REGRESSORS)
def test_regressors(kind, table, assert_exported):
    X, _, targets = table
    assert_exported(REGRESSORS[kind].fit(X, targets), X)


def test_labels_that_are_strings(table, assert_exported):
    X, labels, _ = table
    assert_exported(own().fit(X, np.array(["low", "mid", "high"])[labels]), X)


def test_several_targets_and_a_column_of_one(table, assert_exported):
    X, _, targets = table
    assert_exported(net().fit(X, np.column_stack([targets, -targets])), X)
    assert_exported(Ridge().fit(X, targets[:, None]), X)


def test_the_exponential_of_a_network(table, assert_exported):
    X, _, targets = table
    model = scaled(net(loss="poisson", activation="softplus"))
    assert_exported(model.fit(X, np.abs(targets)), X)
    assert_exported(net(loss="poisson").fit(X, np.abs(targets)), X)


def test_a_target_on_a_logarithmic_scale(table, assert_exported):
    X, _, targets = table
    for func, inverse in ((np.log1p, np.expm1), (np.sqrt, np.square)):
        model = TransformedTargetRegressor(
            scaled(net()), func=func, inverse_func=inverse
        )
        assert_exported(model.fit(X, np.abs(targets)), X)


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("method", ["predict_proba", "decision_function"])
def test_thresholds_are_not_one_half(label, method, table, assert_exported, run):
    X, labels, _ = table
    y = np.minimum(labels, 1)
    model = FixedThresholdClassifier(
        scaled(own()), threshold=0.2, pos_label=label, response_method=method
    ).fit(X, y)
    assert_exported(model, X)
    # The threshold itself is the positive class.
    score = getattr(model.estimator_, method)(X)
    score = score[:, label] if score.ndim == 2 else score * (1 if label else -1)
    at = FixedThresholdClassifier(
        FrozenEstimator(model.estimator_),
        threshold=float(np.median(score)),
        pos_label=label,
        response_method=method,
    ).fit(X, y)
    assert (run(to_onnx(at), X)["label"] == label).mean() == pytest.approx(0.5, abs=0.1)


def test_tuned_thresholds_inside_and_outside(table, assert_exported):
    X, labels, _ = table
    y = (labels == 2).astype(int)
    inner = scaled(LogisticRegression(C=1e-3))
    tuned = TunedThresholdClassifierCV(inner, scoring="recall", cv=3).fit(X, y)
    assert tuned.best_threshold_ != 0.5
    assert_exported(tuned, X)
    assert_exported(scaled(TunedThresholdClassifierCV(mlp(), cv=2)).fit(X, y), X)


def tied(kind):
    """A classifier whose two logits are equal everywhere."""
    X, y = np.eye(2), [0, 1]
    if kind == "svc":
        model = SVC(kernel="linear").fit(X, y)
        model.support_vectors_[:] = 0.0
        model._intercept_ = np.zeros(1)
        return model
    model = {"own": own(), "mlp": mlp(), "logistic": LogisticRegression()}[kind]
    model.fit(X, y)
    if kind == "own":
        zeros = [np.zeros_like(w) for w in model.network_.weights]
        model.network_ = FeedForward(zeros, None, model.network_.activation)
    elif kind == "mlp":
        model.coefs_ = [np.zeros_like(w) for w in model.coefs_]
        model.intercepts_ = [np.zeros_like(b) for b in model.intercepts_]
    else:
        model.coef_, model.intercept_ = np.zeros((1, 2)), np.zeros(1)
    return model


@pytest.mark.parametrize("kind", ["own", "mlp", "logistic", "svc"])
def test_ties_go_where_predict_sends_them(kind, run):
    model, X = tied(kind), np.zeros((1, 2))
    expected = model.predict(X)
    assert expected[0] == (1 if kind == "svc" else 0)
    assert np.array_equal(run(to_onnx(model), X)["label"], expected)


def test_the_logits_can_be_read_back(table):
    X, labels, _ = table
    model = scaled(own()).fit(X, labels)
    network = FeedForward.from_onnx(to_onnx(model), output="logits")
    expected = model.decision_function(X)
    np.testing.assert_allclose(network.forward(X), expected, 1e-10, 1e-10)


@pytest.mark.parametrize(
    "model, said",
    [
        (RandomForestClassifier(3), "sklearn.ensemble._forest.RandomForestClassifier"),
        (VotingClassifier([("a", LogisticRegression())]), "voting='hard'"),
        (
            SGDClassifier(loss="modified_huber"),
            "predict_proba of sklearn.linear_model._stochastic_gradient.SGDClassifier",
        ),
        (
            CalibratedClassifierCV(LogisticRegression(), method="temperature"),
            "method='temperature'",
        ),
        (CertifiedRejectClassifier(own(), radius=0.1), "its estimator_"),
        (NoiseLipschitzClassifier(module=None, **SMALL), None),
    ],
)
def test_what_is_refused_is_named(model, said, table):
    X, labels, _ = table
    model.fit(X, labels)
    if said is None:
        to_onnx(model)
        return
    with pytest.raises(UnsupportedModelError, match=said):
        to_onnx(model)


def test_a_module_inside_is_refused(table):
    import torch

    X, labels, _ = table
    module = torch.nn.Sequential(torch.nn.Linear(4, 3))
    model = NoiseLipschitzClassifier(module=module, max_iter=2, random_state=0)
    with pytest.raises(UnsupportedModelError, match="torch.onnx.export"):
        to_onnx(model.fit(X, labels))
    with pytest.raises(UnsupportedModelError, match="torch.*Sequential.*torch.onnx"):
        to_onnx(module)
