# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Imputing: done in the units of X, before the network."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from sklip.exceptions import UnsupportedModelError
from sklip.networks import network_view

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
