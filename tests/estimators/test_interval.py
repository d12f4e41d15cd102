# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Intervals contain every attacked value; conformal ones cover y under attack."""

import pickle

import numpy as np
import pytest
from scipy.stats import binom
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, make_friedman1
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from sklip import (
    CertifiedIntervalRegressor,
    LipschitzRegularizedMLPRegressor,
    adversarial_interval,
    certified_interval,
)
from sklip.exceptions import UnsupportedModelError

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
)


def _network(**parameters):
    model = LipschitzRegularizedMLPRegressor(
        (10,), solver="lbfgs", lipschitz_weight=0.01, max_iter=300, random_state=0
    )
    return model.set_params(**parameters)


MODELS = {
    "pipeline": make_pipeline(StandardScaler(), _network()),
    "deep": make_pipeline(MinMaxScaler(), _network(hidden_layer_sizes=(8, 8))),
    "sklearn": make_pipeline(
        StandardScaler(),
        MLPRegressor(
            hidden_layer_sizes=(10,), solver="lbfgs", max_iter=100, random_state=0
        ),
    ),
    "target": TransformedTargetRegressor(
        make_pipeline(StandardScaler(), _network(activation="tanh")),
        transformer=StandardScaler(),
    ),
    "ridge": Ridge(),
}


@pytest.fixture(scope="module")
def diabetes():
    return load_diabetes(return_X_y=True)


@pytest.mark.parametrize("norm", [1, 2, np.inf])
@pytest.mark.parametrize("name", MODELS)
def test_intervals_contain_every_attacked_value(diabetes, name, norm):
    X, y = diabetes
    model = CertifiedIntervalRegressor(MODELS[name], radius=0.02, norm=norm)
    lower, upper = model.fit(X, y).predict_interval(X)
    assert lower.shape == upper.shape == y.shape
    found = adversarial_interval(
        model.estimator_, X, radius=0.02, norm=norm, return_points=True, random_state=0
    )
    assert np.all((lower <= found[0]) & (found[1] <= upper))
    for points in found[2:]:
        values = model.predict(points)
        assert np.all((lower <= values) & (values <= upper))
    # The attack is no straw man, nor is the interval the whole line.
    assert np.all(found[1] - found[0] > 0.05 * (upper - lower))


def test_is_the_certified_interval(diabetes):
    X, y = diabetes
    model = CertifiedIntervalRegressor(MODELS["pipeline"], radius=0.02).fit(X, y)
    expected = certified_interval(model.estimator_, X, radius=0.02)
    np.testing.assert_array_equal(model.predict_interval(X), expected)
    np.testing.assert_array_equal(model.predict(X), model.estimator_.predict(X))
    assert model.conformal_width_ is None and model.n_calibration_ == 0


def test_the_method_is_that_of_certified_interval(diabetes):
    X, y = diabetes
    model = CertifiedIntervalRegressor(
        FrozenEstimator(MODELS["deep"].fit(X, y)), radius=0.02, method="product"
    )
    lower, upper = model.fit(X, y).predict_interval(X)
    expected = certified_interval(model.estimator_, X, radius=0.02, method="product")
    np.testing.assert_array_equal((lower, upper), expected)
    best = model.set_params(method="best").predict_interval(X)
    assert np.median(best[1] - best[0]) < 0.7 * np.median(upper - lower)
    with pytest.raises(ValueError, match="method must be one of 'product'"):
        model.set_params(method="exact").fit(X, y)


def _attacked_ends(model, X, radius):
    """Intervals at the points where an adversary drives the prediction."""
    points = adversarial_interval(
        model.estimator_, X, radius=radius, n_restarts=2, return_points=True
    )[2:]
    return [model.predict_interval(point) for point in points]


def _coverages(conformal_radius, radius, seeds, coverage=0.9):
    """Share of held-back targets in both intervals at the attacked points."""
    covered, total = 0, 0
    for seed in seeds:
        X, y = make_friedman1(360, n_features=6, noise=0.5, random_state=seed)
        model = CertifiedIntervalRegressor(
            Ridge(alpha=1e-3) if seed % 2 else _network(max_iter=60),
            radius=conformal_radius,
            conformal=True,
            coverage=coverage,
            calibration_fraction=0.5,
            random_state=seed,
        ).fit(X[:240], y[:240])
        held_back, target = X[240:], y[240:]
        inside = np.ones(len(target), dtype=bool)
        for lower, upper in _attacked_ends(model, held_back, radius):
            inside &= (lower <= target) & (target <= upper)
        covered += inside.sum()
        total += len(target)
    return covered, total


def test_conformal_coverage_survives_the_attack():
    covered, total = _coverages(0.1, 0.1, range(20))
    # Binomial in the held-back samples, doubled for the shared calibration parts.
    assert covered >= binom.ppf(0.005, total, 0.9) - 2 * np.sqrt(total * 0.09)
    assert covered / total >= 0.9


def test_intervals_for_no_perturbation_do_not_survive_it():
    covered, total = _coverages(0.0, 0.25, range(6))
    assert covered / total < 0.85


def test_clean_coverage_is_about_what_was_asked():
    for coverage in (0.5, 0.8):
        covered, total = _coverages(0.0, 0.0, range(20), coverage)
        # Standard error of 20 calibrations on 120 samples and 20 tests on 120.
        error = np.sqrt(2 * coverage * (1 - coverage) / total)
        assert abs(covered / total - coverage) < 4 * error + 1 / 121


@pytest.mark.parametrize("n, coverage, rank", [(9, 0.9, 9), (19, 0.9, 18), (4, 0.5, 3)])
def test_width_is_the_stated_order_statistic(n, coverage, rank):
    X = np.arange(50.0)[:, None]
    inner = LinearRegression().fit(X, X[:, 0])
    errors = np.random.default_rng(0).permutation(n) + 1.0
    model = CertifiedIntervalRegressor(
        FrozenEstimator(inner), radius=0.5, conformal=True, coverage=coverage
    )
    signs = np.where(np.arange(n) % 2, 1.0, -1.0)
    model.fit(X[:n], X[:n, 0] + signs * errors)
    assert model.n_calibration_ == n
    assert model.conformal_width_ == pytest.approx([rank])
    lower, upper = model.predict_interval([[7.0]])
    np.testing.assert_allclose([lower[0], upper[0]], [6.5 - rank, 7.5 + rank])


def test_too_few_calibration_samples_are_refused(diabetes):
    X, y = diabetes
    model = CertifiedIntervalRegressor(
        Ridge(), radius=0.1, conformal=True, coverage=0.95
    )
    with pytest.raises(ValueError, match="at least 19 samples.*n_samples = 10"):
        model.fit(X[:40], y[:40])
    model.set_params(calibration_fraction=0.5).fit(X[:40], y[:40])
    assert model.n_calibration_ == 20


def test_the_calibration_part_is_not_fitted_on(diabetes):
    X, y = diabetes
    model = CertifiedIntervalRegressor(
        Ridge(), radius=0.1, conformal=True, random_state=3
    )
    weight = np.random.default_rng(0).uniform(size=len(y))
    fitted = clone(model).fit(X, y, sample_weight=weight)
    assert fitted.n_calibration_ == 111
    again = clone(model).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(fitted.conformal_width_, again.conformal_width_)
    other = clone(model).set_params(random_state=4).fit(X, y, sample_weight=weight)
    assert not np.array_equal(fitted.estimator_.coef_, other.estimator_.coef_)
    # A poisoned weight of the right length is split along with the samples.
    plain = clone(model).fit(X, y)
    assert not np.allclose(plain.estimator_.coef_, fitted.estimator_.coef_)


def test_each_output_has_its_own_width(diabetes):
    X, y = diabetes
    Y = np.column_stack([y, 1000.0 * y])
    model = CertifiedIntervalRegressor(
        Ridge(), radius=0.01, conformal=True, random_state=0
    ).fit(X, Y)
    lower, upper = model.predict_interval(X)
    assert lower.shape == Y.shape
    width = model.conformal_width_
    assert width[1] / width[0] == pytest.approx(1000.0)
    column = CertifiedIntervalRegressor(Ridge(), radius=0.01, conformal=True)
    lower, _ = column.fit(X, y[:, None]).predict_interval(X)
    assert lower.shape == column.predict(X).shape


@pytest.mark.parametrize("routing", [False, True])
def test_sample_weight_reaches_the_estimator(diabetes, routing):
    X, y = diabetes
    weight = np.random.default_rng(0).uniform(size=len(y))
    with config_context(enable_metadata_routing=routing):
        inner = Ridge().set_fit_request(sample_weight=True) if routing else Ridge()
        model = CertifiedIntervalRegressor(inner, radius=0.1)
        model.fit(X, y, sample_weight=weight)
    direct = Ridge().fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(model.estimator_.coef_, direct.coef_)


def test_grid_search_pickle_and_names():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    model = CertifiedIntervalRegressor(
        make_pipeline(StandardScaler(), Ridge()),
        radius=1.0,
        feature_eps={"bmi": 0.01},
        conformal=True,
        random_state=0,
    )
    search = GridSearchCV(model, {"estimator__ridge__alpha": [0.1, 10.0]}, cv=3)
    best = search.fit(X, y).best_estimator_
    assert best.feature_names_in_.tolist() == X.columns.tolist()
    again = pickle.loads(pickle.dumps(best))
    np.testing.assert_array_equal(again.predict_interval(X), best.predict_interval(X))
    expected = certified_interval(
        best.estimator_, X, radius=1.0, feature_eps={"bmi": 0.01}
    )
    lower, upper = best.predict_interval(X)
    np.testing.assert_allclose(expected[0] - lower, best.conformal_width_[0])
    np.testing.assert_allclose(upper - expected[1], best.conformal_width_[0])


def test_what_cannot_be_certified_is_refused_in_fit(diabetes):
    X, y = diabetes
    with pytest.raises(UnsupportedModelError, match="DecisionTreeRegressor"):
        CertifiedIntervalRegressor(DecisionTreeRegressor(), radius=0.1).fit(X, y)
    with pytest.raises(ValueError, match="estimator must be a regressor"):
        CertifiedIntervalRegressor(LogisticRegression(), radius=0.1).fit(X, y > 100)
    with pytest.raises(ValueError, match="'coverage' parameter"):
        CertifiedIntervalRegressor(Ridge(), radius=0.1, coverage=1.0).fit(X, y)


@pytest.mark.parametrize(
    ("frozen", "unused"),
    [
        (False, {"coverage": 0.95}),
        (False, {"calibration_fraction": 0.5}),
        (True, {"calibration_fraction": 0.5}),
    ],
)
def test_what_would_not_be_used_is_refused(frozen, unused):
    X, y = np.arange(60.0)[:, None], np.arange(60.0)
    estimator = FrozenEstimator(Ridge().fit(X, y)) if frozen else Ridge()
    model = CertifiedIntervalRegressor(estimator, radius=0.1, conformal=frozen)
    model.fit(X, y).set_params(**unused)
    with pytest.raises(ValueError, match=f"^{next(iter(unused))}=.* has no effect"):
        model.fit(X, y)
