# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""scikit-learn's contract, whole: its own checks and those it leaves out."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_param_validation,
    parametrize_with_checks,
)

from sklip import (
    ADMMLipschitzMLPClassifier,
    ADMMLipschitzMLPRegressor,
    CertifiedIntervalRegressor,
    CertifiedRejectClassifier,
    LipschitzBoundedMLPClassifier,
    LipschitzBoundedMLPRegressor,
    LipschitzRegularizedMLPClassifier,
    LipschitzRegularizedMLPRegressor,
    NoiseLipschitzClassifier,
    NoiseLipschitzRegressor,
)

ESTIMATORS = [
    ADMMLipschitzMLPClassifier(),
    ADMMLipschitzMLPRegressor(),
    LipschitzBoundedMLPClassifier(),
    LipschitzBoundedMLPRegressor(),
    LipschitzRegularizedMLPClassifier(),
    LipschitzRegularizedMLPRegressor(),
    NoiseLipschitzClassifier(),
    NoiseLipschitzRegressor(),
]

# Estimator -> check -> why it cannot pass.
EXPECTED_FAILURES = dict.fromkeys(
    ["NoiseLipschitzClassifier", "NoiseLipschitzRegressor"],
    dict.fromkeys(
        [
            "check_sample_weight_equivalence_on_dense_data",
            "check_sample_weight_equivalence_on_sparse_data",
        ],
        "repeated rows draw other noise than weighted rows",
    ),
)

# radius=0 rejects nothing, which the checks of accuracy and of labels rely on.
META_ESTIMATORS = [
    CertifiedRejectClassifier(LogisticRegression(), radius=0),
    CertifiedRejectClassifier(
        LipschitzRegularizedMLPClassifier((16,), max_iter=200, random_state=0), radius=0
    ),
    CertifiedIntervalRegressor(Ridge(), radius=0.1),
    CertifiedIntervalRegressor(Ridge(), radius=0.1, conformal=True, coverage=0.5),
    CertifiedIntervalRegressor(
        LipschitzRegularizedMLPRegressor((16,), max_iter=100, random_state=0),
        radius=0.1,
    ),
]

# The checks set max_iter themselves and expect no convergence.
pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
)


@parametrize_with_checks(
    ESTIMATORS + META_ESTIMATORS,
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES.get(
        type(estimator).__name__, {}
    ),
)
def test_sklearn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "estimator", ESTIMATORS + META_ESTIMATORS, ids=lambda e: type(e).__name__
)
def test_param_validation(estimator):
    check_param_validation(type(estimator).__name__, estimator)


@pytest.mark.parametrize(
    "estimator", ESTIMATORS + META_ESTIMATORS, ids=lambda e: type(e).__name__
)
def test_feature_names(estimator):
    check_dataframe_column_names_consistency(type(estimator).__name__, estimator)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_sample_weight_is_routed(estimator):
    X, y = load_iris(return_X_y=True)
    weight = np.random.default_rng(0).uniform(size=len(y))
    model = clone(estimator).set_params(max_iter=3, random_state=0)
    direct = clone(model).fit(X, y, sample_weight=weight)
    with config_context(enable_metadata_routing=True):
        model.set_fit_request(sample_weight=True)
        model.set_partial_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True)
        for method in ("fit", "partial_fit"):
            request = model.get_metadata_routing()
            assert request.consumes(method, ["sample_weight"]) == {"sample_weight"}
        pipe = make_pipeline(FunctionTransformer(), clone(model))
        pipe.fit(X, y, sample_weight=weight)
        search = GridSearchCV(clone(model), {"n_iter_no_change": [10]}, cv=3)
        search.fit(X, y, sample_weight=weight)
    for routed in (pipe[-1], search.best_estimator_):
        np.testing.assert_array_equal(routed.coefs_[0], direct.coefs_[0])
    assert not np.array_equal(clone(model).fit(X, y).coefs_[0], direct.coefs_[0])


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_names_pass_through_a_pipeline_with_set_output(estimator):
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = clone(estimator).set_params(max_iter=3, random_state=0)
    pipe = make_pipeline(StandardScaler(), model).set_output(transform="pandas")
    pipe.fit(X, y)
    assert pipe[-1].feature_names_in_.tolist() == X.columns.tolist()
    assert pipe.predict(X).shape == (150,)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_html_repr_of_a_fitted_estimator(estimator):
    X, y = load_iris(return_X_y=True)
    model = clone(estimator).set_params(max_iter=3, random_state=0).fit(X, y)
    assert type(estimator).__name__ in model._repr_html_()
