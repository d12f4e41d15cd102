# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Curved maps of single columns: parity, and no step farther than X's own.

Also tests of ``networks/_folding/coordinates.py``.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from sklip.bounds import lipschitz_bound
from sklip.certification import certified_interval, certified_radius
from sklip.exceptions import UnsupportedModelError
from sklip.networks import network_view
from sklip.networks._folding import Folder, raw_columns

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def halved_sine(X):
    return 0.5 * np.sin(X)


halved_sine.slope = 0.5


@pytest.fixture(scope="module")
def tumours():
    X, y = load_breast_cancer(return_X_y=True)
    X = X[::3, :6] + 1e-9 * np.random.default_rng(0).random((190, 6))
    return X, y[::3]


WARPS = {
    "quantile": QuantileTransformer(n_quantiles=10),
    "tanh": make_pipeline(StandardScaler(), FunctionTransformer(np.tanh)),
    "stated": make_pipeline(StandardScaler(), FunctionTransformer(halved_sine)),
    "chain": make_pipeline(
        FunctionTransformer(np.arcsinh), StandardScaler(), FunctionTransformer(np.tanh)
    ),
    "twice": FeatureUnion(
        [
            ("plain", StandardScaler()),
            ("curved", make_pipeline(StandardScaler(), FunctionTransformer(np.tanh))),
        ]
    ),
    "mixed behind": make_pipeline(QuantileTransformer(n_quantiles=8), PCA(3)),
}


@pytest.mark.parametrize("name", WARPS)
def test_parity_and_no_step_longer_than_in_X(name, tumours, assert_parity):
    X, y = tumours
    model = make_pipeline(WARPS[name], MLPClassifier((5,), max_iter=20, random_state=0))
    view = assert_parity(model.fit(X, y), X)
    # What acts; the column behind a curve is kept with weights of zero.
    acting = view.network.weights[0].any(axis=0)
    rng = np.random.default_rng(1)
    for norm in (1, 2, np.inf):
        delta = rng.normal(size=X.shape) * X.std(axis=0) * rng.choice([1e-3, 0.3, 3.0])
        delta *= rng.random(X.shape) < 0.5
        moved = (view.encode(X + delta) - view.encode(X))[:, acting]
        length = np.linalg.norm(delta, norm, axis=1)
        assert np.all(np.linalg.norm(moved, norm, axis=1) <= length * (1 + 1e-9))
    eps = {j: s for j, s in enumerate(X.std(axis=0))}
    scaled = view.with_feature_eps(eps)
    moved = scaled.encode(X + delta) - scaled.encode(X)
    assert np.all(np.abs(moved).max(1) <= np.abs(delta / X.std(0)).max(1) * (1 + 1e-9))
    values = scaled.network.forward(scaled.encode(X))
    np.testing.assert_allclose(values, view.network.forward(view.encode(X)), rtol=1e-9)


@pytest.mark.parametrize("name", WARPS)
def test_radii_and_intervals_hold(name, tumours):
    X, y = tumours
    rng = np.random.default_rng(2)
    classifier = make_pipeline(WARPS[name], RidgeClassifier()).fit(X, y)
    regressor = make_pipeline(
        WARPS[name], MLPRegressor(hidden_layer_sizes=(5,), max_iter=50, random_state=0)
    ).fit(X, y)
    eps = {j: s for j, s in enumerate(X.std(axis=0))}
    for norm in (2, np.inf):
        radius = certified_radius(classifier, X, norm=norm, feature_eps=eps)
        lower, upper = certified_interval(
            regressor, X, radius=0.3, norm=norm, feature_eps=eps
        )
        for _ in range(20):
            delta = rng.normal(size=X.shape)
            delta /= np.linalg.norm(delta, norm, axis=1, keepdims=True)
            near = X + 0.999 * radius[:, None] * delta * X.std(axis=0)
            assert np.array_equal(classifier.predict(near), classifier.predict(X))
            values = regressor.predict(X + 0.3 * delta * X.std(axis=0))
            assert np.all((lower <= values) & (values <= upper))


def test_slope_of_a_linear_model_behind_a_curve_is_reached():
    X = np.linspace(-3.0, 3.0, 41)[:, None]
    model = make_pipeline(
        StandardScaler(), FunctionTransformer(np.tanh), Ridge(alpha=1e-9)
    ).fit(X, np.tanh(X[:, 0]))
    step = 1e-5
    steepest = (model.predict([[step]]) - model.predict([[-step]]))[0] / (2 * step)
    assert float(lipschitz_bound(model)) == pytest.approx(steepest, rel=1e-6)


def test_slopes_are_no_smaller_than_the_exact_ones():
    """The steepest piece of many quantile functions, in rational arithmetic."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        X = rng.normal(size=(50, 10)) * 10.0 ** rng.uniform(-3, 3, 10)
        step = QuantileTransformer(n_quantiles=7).fit(X)
        model = make_pipeline(step, Ridge()).fit(X, X[:, 0])
        view = network_view(model)
        levels = np.diff([Fraction(r) for r in step.references_.tolist()])
        for j, column in enumerate(step.quantiles_.T.tolist()):
            exact = max(levels / np.diff([Fraction(q) for q in column]))
            (unit,) = view.units[10:][view.feature_index[10:] == j]
            assert exact <= Fraction(unit) <= exact * Fraction(1.000000000001)


@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler((-7.0, 3.0))])
def test_slopes_behind_scalers_are_no_smaller_than_the_exact_ones(scaler):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 60)) * 10.0 ** rng.uniform(-3, 3, 60)
    curves = FunctionTransformer(halved_sine), FunctionTransformer(np.tanh)
    steps = scaler, curves[0], RobustScaler(), MaxAbsScaler(), MaxAbsScaler(), curves[1]
    model = make_pipeline(*steps, Ridge()).fit(X, X[:, 0])
    view = network_view(model)
    scales = scaler.scale_.tolist()
    if type(scaler) is MinMaxScaler:
        first = [Fraction(s) for s in scales]
    else:
        first = [1 / Fraction(s) for s in scales]
    later = [
        1 / (Fraction(a) * Fraction(b) * Fraction(c))
        for a, b, c in zip(
            *(step.scale_.tolist() for _, step in model.steps[2:5]), strict=True
        )
    ]
    for j in range(60):
        (unit,) = view.units[60:][view.feature_index[60:] == j]
        exact = first[j] * Fraction(1, 2) * later[j]
        assert exact <= Fraction(unit) <= exact * Fraction(1.000000000001)


def test_attackable_coordinates_are_those_that_move_as_X(tumours):
    X, y = tumours
    curved = make_pipeline(StandardScaler(), FunctionTransformer(np.tanh))
    transformer = make_column_transformer(
        (StandardScaler(), [0, 1]), (curved, [2]), (WARPS["twice"], [3])
    )
    view = network_view(make_pipeline(transformer, RidgeClassifier()).fit(X, y))
    assert view.feature_index[view.attackable].tolist() == [0, 1]
    assert set(view.feature_index[view.mutable]) == {0, 1, 2, 3}


def test_imputed_in_front_of_a_curve(census, assert_parity):
    X, y = census
    X = X[["age", "gain"]]
    model = make_pipeline(
        SimpleImputer(),
        StandardScaler(),
        FunctionTransformer(np.arctan),
        LogisticRegression(),
    )
    view = assert_parity(model.fit(X, y), X)
    assert view.mutable.all()
    bare = make_pipeline(FunctionTransformer(np.arctan), SimpleImputer(), Ridge())
    with pytest.raises(UnsupportedModelError, match="not one raw column"):
        network_view(bare.fit(X.to_numpy(), y == y[0]))


def test_category_behind_a_curve_is_immutable(tumours):
    X, y = tumours
    model = make_pipeline(
        FunctionTransformer(np.negative), OneHotEncoder(), RidgeClassifier()
    ).fit(np.round(X), y)
    assert not network_view(model).mutable.any()


@pytest.mark.parametrize(
    "transformer, why",
    [
        (QuantileTransformer(n_quantiles=10), r"ties in the columns \[0\]"),
        (
            QuantileTransformer(n_quantiles=10, output_distribution="normal"),
            "jumps at its ends",
        ),
        (
            FunctionTransformer(np.log1p),
            r"FunctionTransformer\(log1p\).*no bound on all numbers.*numpy.clip",
        ),
        (make_pipeline(PCA(2), FunctionTransformer(np.tanh)), "mixtures of columns"),
    ],
)
def test_refused(transformer, why, tumours):
    X, y = tumours
    X = X / 100.0
    X[:, 0] = np.round(X[:, 0], 1)
    model = make_pipeline(transformer, LinearDiscriminantAnalysis()).fit(X, y)
    with pytest.raises(UnsupportedModelError, match=why):
        network_view(model)


def test_a_stated_slope_must_be_a_number(tumours):
    X, y = tumours

    def bad(X):
        return X

    bad.slope = np.inf
    model = make_pipeline(FunctionTransformer(bad), RidgeClassifier()).fit(X, y)
    with pytest.raises(ValueError, match="finite number >= 0"):
        network_view(model)


@pytest.mark.parametrize(
    "slope", ["1", True, np.True_, 1j, [1.0], lambda: "1", 10**400]
)
def test_a_slope_is_a_number(slope):
    def half(X):
        return 0.5 * X

    half.slope = slope
    model = make_pipeline(FunctionTransformer(half), Ridge())
    model.fit(np.eye(3), [0.0, 1.0, 2.0])
    with pytest.raises(ValueError, match="slope of .*half.* must be a finite number"):
        network_view(model)


def test_what_was_rounded_in_front_of_a_map_acts_through_its_slope():
    columns = replace(raw_columns(2), offset_size=np.array([2.0, 4.0]))
    sizes = {"output_sizes": np.array([0.25, 0.0]), "storage": columns.storage}
    slopes = np.array([3.0, 0.5])
    warped = Folder(2).warp(FunctionTransformer(np.tanh), columns, slopes, **sizes)
    np.testing.assert_array_equal(warped.offset_size, [6.25, 2.0])
    in_front, own = np.hsplit(warped.size.toarray(), 2)
    np.testing.assert_array_equal(in_front, np.diag(slopes) @ columns.size.toarray())
    np.testing.assert_array_equal(own, np.eye(2))
