# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The transformers: scikit-learn's checks, what they give, and where they are used.

Also tests of ``preprocessing/_base.py``, ``preprocessing/_certified_radius.py``,
``preprocessing/_lipschitz_scaler.py`` and ``preprocessing/_local_lipschitz.py``.
"""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.datasets import load_iris, make_regression
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_param_validation,
    parametrize_with_checks,
)

from sklip.bounds import lipschitz_bound, local_lipschitz_bound
from sklip.certification import certified_radius, margins
from sklip.exceptions import UnsupportedModelError
from sklip.networks import network_view
from sklip.preprocessing import (
    CertifiedRadiusTransformer,
    LipschitzScaler,
    LocalLipschitzTransformer,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

TRANSFORMERS = [
    CertifiedRadiusTransformer(LogisticRegression()),
    LocalLipschitzTransformer(LogisticRegression(), radius=0.1),
    LipschitzScaler(tolerance=0.5),
]


@parametrize_with_checks(TRANSFORMERS)
def test_sklearn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=lambda t: type(t).__name__)
def test_parameters_and_names(transformer):
    name = type(transformer).__name__
    check_param_validation(name, transformer)
    check_dataframe_column_names_consistency(name, transformer)


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True, as_frame=True)


@pytest.mark.parametrize("norm", [1, 2, np.inf])
def test_margin_and_radius(norm, iris):
    X, y = iris
    model = make_pipeline(StandardScaler(), LogisticRegression())
    columns = CertifiedRadiusTransformer(model, norm=norm).fit_transform(X, y)
    model.fit(X, y)
    np.testing.assert_allclose(columns[:, 0], margins(model, X))
    np.testing.assert_allclose(columns[:, 1], certified_radius(model, X, norm=norm))


def test_infinite_radii_stay_finite(iris):
    X, y = iris
    X = X.assign(sepal=0.0)[["sepal"]]
    columns = CertifiedRadiusTransformer(LogisticRegression()).fit_transform(X, y == 2)
    assert np.all(columns[:, 1] == np.finfo(np.float32).max)


def test_local_slopes(iris):
    X, y = iris
    net = MLPClassifier((6,), "tanh", max_iter=50, random_state=0)
    columns = LocalLipschitzTransformer(net, radius=0.3).fit(X, y).transform(X)
    net.fit(X, y)
    np.testing.assert_allclose(columns[:, 0], local_lipschitz_bound(net, X, radius=0.3))
    assert np.all(columns <= float(lipschitz_bound(net)))
    assert len(np.unique(columns)) > 10
    numbers, target = make_regression(50, 3, random_state=0)
    ridge = LocalLipschitzTransformer(Ridge(), radius=1.0).fit(numbers, target)
    slope = np.linalg.norm(Ridge().fit(numbers, target).coef_)
    np.testing.assert_allclose(ridge.transform(numbers), slope, rtol=1e-6)


@pytest.mark.parametrize(
    "transformer, names",
    [
        (TRANSFORMERS[0], ["margin", "radius"]),
        (TRANSFORMERS[1], ["local_lipschitz"]),
        (TRANSFORMERS[2], load_iris(as_frame=True).data.columns.tolist()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_names_of_the_columns(transformer, names, iris):
    X, y = iris
    fitted = transformer.fit(X, y)
    assert fitted.get_feature_names_out().tolist() == names
    table = fitted.set_output(transform="pandas").transform(X)
    assert table.columns.tolist() == names
    assert table.index.equals(X.index)
    fitted.set_output(transform="default")


def test_beside_the_raw_columns_in_a_search(iris):
    X, y = iris
    union = FeatureUnion(
        [
            ("raw", StandardScaler()),
            ("radius", CertifiedRadiusTransformer(LogisticRegression(max_iter=500))),
        ]
    )
    model = make_pipeline(union, LogisticRegression(max_iter=500))
    search = GridSearchCV(
        model,
        {"featureunion__radius__estimator__C": [0.1, 1.0]},
        cv=3,
        error_score="raise",
    ).fit(X, y)
    assert search.score(X, y) > 0.9
    names = search.best_estimator_[0].get_feature_names_out()
    assert names[-2:].tolist() == ["radius__margin", "radius__radius"]
    # A certificate cannot go through a certificate.
    with pytest.raises(UnsupportedModelError, match="CertifiedRadiusTransformer"):
        network_view(search)


@pytest.mark.parametrize("kind", [0, 1])
def test_frozen_and_unfitted(kind, iris):
    X, y = iris
    inner = LogisticRegression(max_iter=500).fit(X, y)
    before = inner.coef_.copy()
    transformer = TRANSFORMERS[kind].set_params(estimator=FrozenEstimator(inner))
    transformer.fit(X[:50], np.roll(y, 50)[:50])
    np.testing.assert_array_equal(inner.coef_, before)
    if kind == 0:
        np.testing.assert_allclose(transformer.transform(X)[:, 0], margins(inner, X))
    transformer.set_params(estimator=LogisticRegression())
    fresh = type(transformer)(**transformer.get_params(deep=False))
    with pytest.raises(NotFittedError):
        fresh.transform(X)


def test_sample_weight_with_and_without_routing(iris):
    X, y = iris
    weight = np.random.default_rng(0).uniform(size=len(y))
    direct = LogisticRegression(max_iter=500).fit(X, y, sample_weight=weight)
    plain = CertifiedRadiusTransformer(LogisticRegression(max_iter=500))
    plain.fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(plain.estimator_.coef_, direct.coef_)
    with config_context(enable_metadata_routing=True):
        inner = LogisticRegression(max_iter=500).set_fit_request(sample_weight=True)
        pipe = make_pipeline(CertifiedRadiusTransformer(inner), LogisticRegression())
        pipe[-1].set_fit_request(sample_weight=False)
        pipe.fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(pipe[0].estimator_.coef_, direct.coef_)


def test_what_cannot_be_certified_is_refused_in_fit(iris):
    X, y = iris
    with pytest.raises(UnsupportedModelError, match="SVC"):
        CertifiedRadiusTransformer(SVC()).fit(X, y)
    with pytest.raises(ValueError, match="estimator must be a classifier; Ridge"):
        CertifiedRadiusTransformer(Ridge()).fit(X, y)


def test_scaler_makes_the_tolerance_the_unit(iris):
    X, y = iris
    names = X.columns.tolist()
    eps = {names[0]: 0.5, names[3]: 0.1}
    scaler = LipschitzScaler(tolerance=eps).fit(X)
    np.testing.assert_array_equal(scaler.scale_, [0.5, 1.0, 1.0, 0.1])
    np.testing.assert_allclose(scaler.inverse_transform(scaler.transform(X)), X)
    with pytest.raises(ValueError, match="X has 1 features"):
        scaler.inverse_transform(X[names[:1]])
    by_index = LipschitzScaler(tolerance={0: 0.5, 3: 0.1}).fit(X.to_numpy())
    np.testing.assert_array_equal(by_index.scale_, scaler.scale_)
    gaps = X.to_numpy(copy=True)
    gaps[0, 0] = np.nan
    assert np.isnan(by_index.transform(gaps)[0, 0])
    assert by_index.transform(gaps.astype(np.float32)).dtype == np.float32
    # Behind it, a bound in units of tolerance; of the whole, in those of X.
    every = dict(zip(names, [0.5, 0.2, 0.3, 0.1], strict=True))
    model = make_pipeline(LipschitzScaler(tolerance=every), LogisticRegression())
    model.fit(X, y)
    in_tolerances = certified_radius(model, X, feature_eps=every)
    behind = certified_radius(model[-1], model[0].transform(X))
    np.testing.assert_allclose(in_tolerances, behind, rtol=1e-6)
    view = network_view(model)
    np.testing.assert_allclose(
        view.network.forward(view.encode(X)), model.decision_function(X), rtol=1e-10
    )


@pytest.mark.parametrize(
    "tolerance, why",
    [
        ({"height": 1.0}, "unknown column 'height'"),
        ({7: 1.0}, "unknown column 7"),
        ({0: 1.0, "sepal length (cm)": 2.0}, "twice"),
        ([1.0, 2.0], "one entry for each of the 4"),
        ([1.0, 2.0, 0.0, 1.0], "positive finite"),
        ({0: np.inf}, "positive finite"),
    ],
)
def test_wrong_tolerances(tolerance, why, iris):
    with pytest.raises(ValueError, match=why):
        LipschitzScaler(tolerance=tolerance).fit(iris[0])
