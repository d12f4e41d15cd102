# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""No function of sklip writes into X or y, whatever the model's steps do with them."""

import warnings

import matplotlib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.compose import TransformedTargetRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import sklip
from sklip._copies import own_copy
from sklip.networks import network_view

matplotlib.use("Agg")


def in_place(X):
    X *= 0.5
    return X


in_place.slope = 0.5

CURVES = FeatureUnion(
    [("a", FunctionTransformer(np.tanh)), ("b", FunctionTransformer(np.arctan))]
)
FRONT = {
    "scaler": [StandardScaler(copy=False)],
    "function": [FunctionTransformer(in_place), StandardScaler()],
    "in front of curves": [StandardScaler(copy=False), CURVES],
}
HOLDERS = {
    "array": np.array,
    "Fortran": np.asfortranarray,
    "float32": lambda X: X.astype(np.float32),
    "frame": lambda X: pd.DataFrame(X, columns=["a", "b"]),
    "frame of a Fortran array": lambda X: pd.DataFrame(np.asfortranarray(X)),
}
RADIUS = {"radius": 0.05}


def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2)) * [3.0, 1.0] + [5.0, 0.0]
    return X, (X[:, 0] - 5.0 + X[:, 1] > 0).astype(int)


def of_classifier(model, X, y):
    """Calls of every function that takes a classifier and samples."""
    few, labels = X[:3], y[:3]
    yield lambda: network_view(model, X).encode(X)
    yield lambda: network_view(model).missing(X)
    yield lambda: sklip.certification.margins(model, X, y)
    yield lambda: sklip.certified_radius(model, X)
    yield lambda: sklip.certified_radius(model, X, categorical="flip", method="ibp")
    yield lambda: sklip.certified_accuracy_score(model, X, y, **RADIUS)
    yield lambda: sklip.certified_accuracy_curve(model, X, y, [0.0, 0.1])
    yield lambda: sklip.adversarial_accuracy_score(model, few, labels, **RADIUS)
    yield lambda: sklip.certification.pgd_attack(model, few, **RADIUS)
    yield lambda: sklip.certification.minimum_norm_attack(model, few)
    yield lambda: sklip.robustness_bracket(model, few[:1])
    yield lambda: sklip.nearest_flip(model, few)
    yield lambda: sklip.certification_report(model, few)
    yield lambda: sklip.verify_robustness(model, few, **RADIUS)
    yield lambda: sklip.noise_accuracy_curve(model, X, y, [0.0, 0.1])
    yield lambda: sklip.local_lipschitz_bound(model, X, **RADIUS)
    yield lambda: sklip.lipschitz_lower_bound(model, X, n_restarts=1)
    yield lambda: sklip.lipschitz_bracket(model, few)
    yield lambda: sklip.jacobian_diagnostic(model, X)
    yield lambda: sklip.make_certified_accuracy_scorer(**RADIUS)(model, X, y)
    yield lambda: sklip.make_adversarial_accuracy_scorer(**RADIUS)(model, few, labels)
    yield lambda: sklip.make_noise_accuracy_scorer(noise_std=0.0)(model, X, y)
    yield lambda: sklip.CertifiedAccuracyDisplay.from_estimator(model, X, y)
    yield lambda: sklip.NoiseRobustnessDisplay.from_estimator(model, X, y)
    yield lambda: sklip.RiskCoverageDisplay.from_estimator(model, X, y)
    reject = sklip.CertifiedRejectClassifier(model, **RADIUS)
    yield lambda: reject.fit(X, y)
    yield lambda: reject.predict(X)
    yield lambda: reject.decision_function(X)
    yield lambda: reject.predict_proba(X)
    yield lambda: reject.rejected(X)
    yield lambda: reject.score(X, y)
    frozen = sklip.CertifiedRejectClassifier(FrozenEstimator(model), **RADIUS)
    yield lambda: frozen.fit(X, y).predict(X)
    for transformer in (
        sklip.CertifiedRadiusTransformer(model),
        sklip.LocalLipschitzTransformer(model, radius=0.1),
    ):
        yield lambda step=transformer: step.fit(X, y).transform(X)
        yield lambda step=transformer: step.fit_transform(X, y)


def of_regressor(model, X, y):
    yield lambda: sklip.certified_interval(model, X, **RADIUS)
    yield lambda: sklip.certification.adversarial_interval(
        model, X, **RADIUS, n_restarts=1
    )
    yield lambda: sklip.certified_error_score(model, X, y, **RADIUS)
    yield lambda: sklip.make_certified_error_scorer(**RADIUS)(model, X, y)
    yield lambda: sklip.FeatureSlopesDisplay.from_estimator(model, X)
    for estimator in (model, FrozenEstimator(model)):
        for calibrated in ({}, {"conformal": True, "coverage": 0.5}):
            interval = sklip.CertifiedIntervalRegressor(
                estimator, **RADIUS, **calibrated
            )
            yield lambda outer=interval: outer.fit(X, y)
            yield lambda outer=interval: outer.predict_interval(X)
            yield lambda outer=interval: outer.predict(X)


def as_numbers(X):
    return X.to_numpy() if hasattr(X, "to_numpy") else X


CASES = [(front, "array") for front in FRONT] + [("scaler", h) for h in HOLDERS]


@pytest.mark.parametrize("front, holder", sorted(set(CASES)))
def test_samples_and_targets_stay_as_they_are(front, holder):
    X, labels = data()
    kept = X = HOLDERS[holder](X)
    numbers = as_numbers(X).copy()
    targets = numbers[:, 0].astype(np.float64)
    classifier = make_pipeline(*FRONT[front], LogisticRegression())
    inner = make_pipeline(*FRONT[front], Ridge())
    regressor = TransformedTargetRegressor(
        inner, transformer=StandardScaler(copy=False)
    )
    y, t = labels.copy(), targets.copy()
    classifier.fit(own_copy(X), y)
    regressor.fit(own_copy(X), t.copy())
    calls = [*of_classifier(classifier, X, y), *of_regressor(regressor, X, t)]
    for k, call in enumerate(calls):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call()
        assert np.array_equal(as_numbers(kept), numbers), k
        assert np.array_equal(y, labels) and np.array_equal(t, targets), k
    matplotlib.pyplot.close("all")


def test_read_only_arrays_and_arrays_of_others_are_taken():
    X, y = data()
    model = make_pipeline(*FRONT["function"], LogisticRegression()).fit(X.copy(), y)
    expected = sklip.certified_radius(model, X)
    X.flags.writeable = False
    np.testing.assert_array_equal(sklip.certified_radius(model, X), expected)

    class Wrapped:
        """Hands its memory on, as tensors do."""

        shape = X.shape

        def __array__(self, dtype=None, copy=None):
            return values if dtype is None else values.astype(dtype)

        def __len__(self):
            return len(values)

    values = X.copy()
    np.testing.assert_array_equal(sklip.certified_radius(model, Wrapped()), expected)
    np.testing.assert_array_equal(values, X)


def test_copies_are_of_the_same_kind():
    X, _ = data()
    for kind in (np.asarray, np.asfortranarray, pd.DataFrame, sparse.csr_array):
        given = kind(X)
        copied = own_copy(given)
        assert type(copied) is type(given) and copied is not given
    assert own_copy(np.asfortranarray(X)).flags.f_contiguous
    rows = X.tolist()
    assert own_copy(rows) is rows
