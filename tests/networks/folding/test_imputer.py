# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Imputing: done in the units of X, before the network."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)

from sklip.exceptions import UnsupportedModelError
from sklip.networks import network_view
from sklip.networks._folding.imputer import Fill, _row_sum, agreed_fill

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:Skipping features without:UserWarning"),
]


def gappy(n=90, seed=0, empty=False):
    rng = np.random.default_rng(seed)
    X = rng.normal([5.0, -2.0, 300.0, 0.01], [1.0, 3.0, 90.0, 0.002], (n, 4))
    y = X[:, 0] - X[:, 2] / 90
    X[rng.random(X.shape) < 0.2] = np.nan
    if empty:
        X[:, 1] = np.nan
    return X, y


def largest(values):
    return values.max()


def regressor():
    return MLPRegressor(hidden_layer_sizes=(6,), max_iter=15, random_state=0)


@pytest.mark.parametrize("add_indicator", [False, True])
@pytest.mark.parametrize("empty", ["none", "dropped", "kept"])
@pytest.mark.parametrize("strategy", ["mean", "median", "most_frequent", "constant"])
def test_strategies(strategy, empty, add_indicator, assert_parity):
    X, y = gappy(empty=empty != "none")
    imputer = SimpleImputer(
        strategy=strategy,
        fill_value=7.0,
        keep_empty_features=empty == "kept",
        add_indicator=add_indicator,
    )
    model = make_pipeline(imputer, StandardScaler(), regressor()).fit(X, y)
    view = assert_parity(model, X)
    used = [0, 2, 3] if empty == "dropped" else [0, 1, 2, 3]
    assert view.feature_index[view.mutable].tolist() == used
    n_marks = len(imputer.indicator_.features_) if add_indicator else 0
    assert (~view.mutable).sum() == n_marks
    complete = np.nan_to_num(X, nan=4.0)
    np.testing.assert_array_equal(
        view.encode(complete)[:, : len(used)], complete[:, used]
    )
    assert not view.encode(complete)[:, len(used) :].any()


def test_callable_strategy_and_integers(assert_parity):
    X, y = gappy()
    assert_parity(make_pipeline(SimpleImputer(strategy=largest), Ridge()).fit(X, y), X)
    counts = np.random.default_rng(0).integers(0, 5, (90, 3))
    imputer = SimpleImputer(strategy="most_frequent")
    model = make_pipeline(imputer, StandardScaler(), Ridge()).fit(counts, y)
    assert_parity(model, counts)
    gaps = counts.astype(float)
    gaps[::7, 1] = np.nan
    assert_parity(model, gaps)


@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler((-7, 2))])
def test_imputing_behind_a_scaler_writes_the_raw_value(scaler, assert_parity):
    X, y = gappy()
    model = make_pipeline(
        scaler, SimpleImputer(strategy="constant", fill_value=1.5), PCA(3), regressor()
    ).fit(X, y)
    view = assert_parity(model, X)
    raw = scaler.inverse_transform(np.full((1, 4), 1.5))[0]
    imputed = view.encode(np.full((1, 4), np.nan))[0]
    np.testing.assert_allclose(imputed, raw, rtol=1e-12)


def test_second_imputer_has_nothing_left_to_do(assert_parity):
    X, y = gappy()
    model = make_pipeline(
        SimpleImputer(),
        SimpleImputer(strategy="constant", fill_value=99.0),
        StandardScaler(),
        PCA(2),
        SimpleImputer(),
        regressor(),
    ).fit(X, y)
    assert_parity(model, X)


def test_nullable_columns_with_pandas_na(assert_parity):
    X, y = gappy()
    frame = pd.DataFrame(np.round(X * 10), columns=list("abcd")).astype("Int64")
    for marker in (np.nan, pd.NA):
        imputer = SimpleImputer(missing_values=marker)
        model = make_pipeline(imputer, StandardScaler(), Ridge()).fit(frame, y)
        assert_parity(model, frame)


def test_missing_values_that_are_not_imputed_are_refused():
    X, y = gappy()
    model = make_pipeline(
        make_column_transformer((SimpleImputer(), [0, 1]), ("passthrough", [2, 3])),
        Ridge(),
    ).fit(np.nan_to_num(X), y)
    view = network_view(model)
    X[:, 2:] = 1.0
    np.testing.assert_allclose(
        view.network.forward(view.encode(X))[:, 0], model.predict(X)
    )
    X[5, 3] = np.nan
    with pytest.raises(ValueError, match=r"NaN in the columns \[3\]"):
        view.encode(X)
    with pytest.raises(ValueError, match="infinity"):
        view.encode(np.full((1, 4), np.inf))


def test_branches_that_impute_alike_and_differently(assert_parity):
    X, y = gappy()
    alike = FeatureUnion(
        [
            ("a", make_pipeline(SimpleImputer(), StandardScaler())),
            ("b", make_pipeline(MinMaxScaler(), SimpleImputer())),
        ]
    )
    assert_parity(make_pipeline(alike, regressor()).fit(X, y), X)
    differently = FeatureUnion(
        [("a", SimpleImputer()), ("b", SimpleImputer(strategy="median"))]
    )
    model = make_pipeline(differently, StandardScaler(), regressor()).fit(X, y)
    complete = np.nan_to_num(X, nan=4.0)
    view = assert_parity(model, complete)
    with pytest.raises(ValueError, match="different values in different branches"):
        view.encode(X)


def exact(number):
    return Fraction(float(number))


def test_two_fills_are_one_only_within_the_rounding_allowed_for():
    """The error at the filled coordinate, in exact arithmetic, is within the count."""
    X, y = gappy()
    agreed, apart = 0, 0
    for k in range(60):
        # From a few roundings apart to a thousand.
        other = 7.0 * (1.0 + k**2 * 2.0**-53)
        union = FeatureUnion(
            [
                ("a", SimpleImputer(strategy="constant", fill_value=7.0)),
                ("b", SimpleImputer(strategy="constant", fill_value=other)),
            ]
        )
        view = network_view(make_pipeline(union, Ridge()).fit(X, y))
        try:
            filled = view.encode(np.full((1, 4), np.nan))[0, 0]
        except ValueError as error:
            assert "different values in different branches" in str(error)
            apart += 1
            continue
        agreed += 1
        for value in (7.0, other):
            allowed = view.rounding.n_first * abs(exact(filled)) / 2**53
            assert abs(exact(filled) - exact(value)) <= allowed
    assert agreed >= 2 and apart >= 50


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_the_coordinate_that_is_filled_in_has_the_fill_as_its_image(offset):
    rng = np.random.default_rng(0)
    for _ in range(200):
        scale, value = 10.0 ** rng.uniform(-3, 3), rng.normal() * 10.0
        shift = offset * rng.normal()
        fill = Fill(value, scale, shift, scale, abs(shift), 8)
        coordinate = agreed_fill([fill])
        image = exact(scale) * exact(coordinate) + exact(shift)
        size = exact(scale) * abs(exact(coordinate)) + abs(exact(shift))
        assert abs(image - exact(value)) <= 8 * size / 2**53
        # A fill that is off by more than that is another one.
        other = float(value + 40 * float(size) * 2.0**-53)
        assert np.isnan(agreed_fill([fill, replace(fill, value=other)]))
    assert np.isnan(agreed_fill([]))
    assert np.isnan(agreed_fill([Fill(1e308, 1e-308, 0.0, 1e-308, 0.0, 8)]))


@pytest.mark.parametrize(
    "strategy, value, fill",
    [
        ("constant", np.uint8(200), 200.0),
        ("constant", np.float16(0.1), float(np.float16(0.1))),
        ("constant", np.float32(0.1), float(np.float32(0.1))),
        ("constant", True, 1.0),
        ("constant", 0.1, 0.1),
        ("constant", None, 0.0),
        ("median", None, None),
    ],
)
@pytest.mark.parametrize("fit", [np.float64, np.float32, object])
def test_constants_of_other_types(strategy, value, fill, fit, assert_parity):
    X, y = gappy()
    X = X.astype(fit)
    if fit is object and strategy == "median":
        X = X.astype(float)
    if fit is object and value is None and strategy == "constant":
        value, fill = "-3.5", -3.5
    imputer = SimpleImputer(strategy=strategy, fill_value=value).fit(X)
    model = make_pipeline(imputer, Ridge().fit(imputer.transform(X), y))
    for dtype in (np.float64, np.float32):
        given = X.astype(dtype)
        view = network_view(model, given)
        outputs = view.network.forward(view.encode(given))[:, 0]
        unit = 1e-13 if dtype is np.float64 else 1e-4
        np.testing.assert_allclose(outputs, model.predict(given), rtol=unit)
    if fill is not None and fit is np.float64:
        filled = network_view(model).encode(np.full((1, 4), np.nan))
        np.testing.assert_array_equal(filled, fill)


def test_marks_of_missing_categories_change_with_them_and_with_nothing_else():
    """By brute force: all values of each category, and where it is missing."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "w": rng.normal(size=40),
            "u": rng.choice([0.0, 1.0, 2.0], size=40),
            "c": rng.choice(np.array(["a", "b", np.nan], object), 40),
        }
    )
    X.loc[::7, "w"], X.loc[::5, "u"] = np.nan, np.nan
    first = make_column_transformer(
        ("passthrough", ["w"]), ("passthrough", ["u"]), (OrdinalEncoder(), ["u", "c"])
    )
    model = make_pipeline(first, SimpleImputer(add_indicator=True), Ridge())
    view = network_view(model.fit(X, X.index), X)
    here = view.encode(X)
    found = {(tuple(g.sources), tuple(g.coordinates)): g.values for g in view.groups}
    # The number, its mark, and the code with its mark; of c the code with its mark.
    assert list(found) == [
        ((1,), (2, 6)),
        ((2,), (3, 7)),
        ((1,), (5,)),
        ((1,), (1,)),
    ]
    for j, levels in ((1, [0.0, 1.0, 2.0, np.nan]), (2, ["a", "b", np.nan])):
        for level in levels:
            column = pd.Series([level] * len(X), dtype=X.dtypes.iloc[j])
            there = view.encode(X.assign(**{X.columns[j]: column}))
            ours = {key: v for key, v in found.items() if j in key[0]}
            moved = set(np.flatnonzero((there != here).any(axis=0)))
            assert moved <= {k for _, coordinates in ours for k in coordinates}
            for (_, coordinates), values in ours.items():
                if values is not None:
                    rows = there[:, coordinates]
                    assert all((row == values).all(axis=1).any() for row in rows)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_is_missing_and_what_is_not(dtype, assert_parity):
    X, y = gappy()
    X = X.astype(dtype)
    model = make_pipeline(
        make_column_transformer(
            (SimpleImputer(add_indicator=True), [2, 0]), (SimpleImputer(), [1])
        ),
        StandardScaler(),
        Ridge(),
    ).fit(X, y)
    view = network_view(model)
    missing = view.missing(X)
    numeric = view.feature_index >= 0
    assert view.feature_index[numeric].tolist() == [0, 1, 2]
    np.testing.assert_array_equal(missing[:, numeric], np.isnan(X[:, :3]))
    assert not missing[:, ~numeric].any()
    frame = pd.DataFrame(X)
    np.testing.assert_array_equal(view.missing(frame), missing)
    bare = network_view(Ridge().fit(np.nan_to_num(X), y))
    assert not bare.missing(np.nan_to_num(X)).any()


@pytest.mark.parametrize("other", [PCA(2), StandardScaler(), "passthrough"], ids=str)
def test_branch_without_imputer_forbids_missing_values(other):
    X, y = gappy()
    union = FeatureUnion([("a", SimpleImputer()), ("b", other)])
    view = network_view(make_pipeline(union, Ridge()).fit(np.nan_to_num(X), y))
    with pytest.raises(ValueError, match="does not impute"):
        view.encode(X)


@pytest.mark.parametrize("add_indicator", [False, True])
def test_a_finite_marker_is_refused_because_a_perturbation_can_reach_it(add_indicator):
    X, y = gappy()
    X = np.nan_to_num(X, nan=-1.0)
    imputer = SimpleImputer(missing_values=-1.0, add_indicator=add_indicator)
    model = make_pipeline(imputer, Ridge()).fit(X, y)
    with pytest.raises(UnsupportedModelError, match=r"missing_values=-1\.0"):
        network_view(model)


def test_indicator_of_a_finite_marker_is_refused_also_alone():
    X, y = gappy()
    X = np.nan_to_num(X, nan=-1.0)
    model = make_pipeline(
        SimpleImputer(missing_values=-1.0, add_indicator=True),
        make_column_transformer(("passthrough", slice(4, 8))),
        Ridge(),
    ).fit(X, y)
    with pytest.raises(UnsupportedModelError, match="Use NaN as the marker"):
        network_view(model)


def nothing(values):
    return np.nan


def test_imputer_that_fills_in_nan_is_refused():
    X, y = gappy()
    model = make_pipeline(
        SimpleImputer(strategy=nothing, keep_empty_features=True), Ridge()
    ).fit(np.nan_to_num(X), y)
    with pytest.raises(UnsupportedModelError, match="fills in .*nan.*not finite"):
        network_view(model)


def test_a_finite_marker_is_fine_in_front_of_an_encoder(assert_parity):
    codes = np.random.default_rng(0).integers(-1, 4, (80, 2)).astype(float)
    X = np.column_stack([codes, np.linspace(-1, 1, 80)])
    encode = make_pipeline(
        SimpleImputer(missing_values=-1.0, strategy="most_frequent"), OneHotEncoder()
    )
    model = make_pipeline(
        make_column_transformer((encode, [0, 1]), remainder="passthrough"), regressor()
    ).fit(X, X[:, 2])
    view = assert_parity(model, X)
    assert view.feature_index[view.mutable].tolist() == [2]


def test_sums_of_rows():
    rng = np.random.default_rng(0)
    matrix = sparse.random(7, 5, density=0.4, format="csr", random_state=rng)
    sums = [_row_sum(matrix, i) for i in range(7)]
    np.testing.assert_allclose(sums, np.ravel(matrix.sum(axis=1)), rtol=1e-15)
