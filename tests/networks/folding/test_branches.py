# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Branches in the same memory: those that write into it are refused, no others."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingRegressor, VotingClassifier, VotingRegressor
from sklearn.feature_selection import VarianceThreshold
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
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

from sklip.exceptions import UnsupportedModelError
from sklip.networks import network_view

WRITING = [
    StandardScaler(copy=False),
    MinMaxScaler(copy=False),
    MaxAbsScaler(copy=False),
    RobustScaler(copy=False),
    QuantileTransformer(n_quantiles=10, copy=False),
    SimpleImputer(copy=False),
    make_pipeline("passthrough", FunctionTransformer(), StandardScaler(copy=False)),
    make_pipeline(FeatureUnion([("one", RobustScaler(copy=False))]), MinMaxScaler()),
    FeatureUnion([("a", "drop"), ("b", MaxAbsScaler(copy=False))]),
]
PRIVATE = [
    StandardScaler(),
    make_pipeline(MinMaxScaler(), StandardScaler(copy=False)),
    make_pipeline(VarianceThreshold(), StandardScaler(copy=False)),
    make_pipeline(FunctionTransformer(np.tanh), StandardScaler(copy=False)),
]


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3)) * [3.0, 1.0, 2.0] + [5.0, 0.0, -1.0]
    return X, X[:, 0] - X[:, 1]


def layouts(step):
    """Models in which the step has a neighbour with the same columns."""
    beside = ("b", MinMaxScaler())
    yield make_pipeline(FeatureUnion([("a", step), beside]), Ridge())
    last = FeatureUnion([beside, ("p", "passthrough"), ("a", step)])
    yield make_pipeline(last, Ridge())
    slices = [("a", step, slice(0, 2)), ("p", "passthrough", slice(1, 3))]
    yield make_pipeline(ColumnTransformer(slices), Ridge())
    yield VotingRegressor([("a", make_pipeline(step, Ridge())), ("b", Ridge())])


@pytest.mark.parametrize("step", WRITING, ids=str)
def test_what_writes_into_shared_columns_is_refused(step, table):
    X, y = table
    for model in layouts(step):
        model.fit(X.copy(), y)
        with pytest.raises(UnsupportedModelError, match="writes into.*copy=True"):
            network_view(model)


@pytest.mark.parametrize("step", PRIVATE, ids=str)
def test_what_writes_into_its_own_columns_is_not(step, table, assert_parity):
    X, y = table
    for model in layouts(step):
        assert_parity(model.fit(X.copy(), y), X)


@pytest.mark.parametrize("step", WRITING[:-1], ids=str)
def test_a_single_chain_may_write(step, table, assert_parity):
    X, y = table
    model = make_pipeline(MaxAbsScaler(), step, StandardScaler(copy=False), Ridge())
    assert_parity(model.fit(X.copy(), y), X)


def test_columns_chosen_by_lists_are_copies(table, assert_parity):
    X, y = table
    for a, b in (([0, 1], [1, 2]), (np.array([1]), slice(0, 3)), ([True] * 3, [0])):
        branches = [("a", StandardScaler(copy=False), a), ("b", MinMaxScaler(), b)]
        model = make_pipeline(ColumnTransformer(branches), Ridge()).fit(X.copy(), y)
        assert_parity(model, X.copy())
    # Slices that do not overlap cannot see each other either.
    apart = [
        ("a", StandardScaler(copy=False), slice(0, 1)),
        ("b", RobustScaler(copy=False), slice(1, 3)),
    ]
    model = make_pipeline(ColumnTransformer(apart), Ridge()).fit(X.copy(), y)
    assert_parity(model, X.copy())
    # Inside a union that shares its columns, a slice is shared with the neighbour.
    union = FeatureUnion([("a", ColumnTransformer(apart)), ("b", "passthrough")])
    model = make_pipeline(union, Ridge()).fit(X.copy(), y)
    with pytest.raises(UnsupportedModelError, match="StandardScaler writes"):
        network_view(model)


def test_frames_are_views_too(table):
    X, y = table
    frame = pd.DataFrame(X, columns=list("abc"))
    branches = [
        ("a", StandardScaler(copy=False), slice("a", "b")),
        ("p", "passthrough", slice("a", "c")),
    ]
    model = make_pipeline(ColumnTransformer(branches), Ridge()).fit(frame.copy(), y)
    with pytest.raises(UnsupportedModelError, match="writes into"):
        network_view(model)


def test_members_of_votes_share_and_those_of_bags_do_not(table, assert_parity):
    X, y = table
    member = make_pipeline(FrozenEstimator(StandardScaler(copy=False).fit(X)), Ridge())
    bag = BaggingRegressor(member, n_estimators=3, random_state=0)
    assert_parity(bag.fit(X.copy(), y), X)
    member = make_pipeline(StandardScaler(copy=False), LogisticRegression())
    vote = VotingClassifier([("a", member), ("b", LogisticRegression())], voting="soft")
    with pytest.raises(UnsupportedModelError, match="writes into"):
        network_view(vote.fit(X.copy(), y > 5.0))


def test_weights_that_wrap_around(table, assert_parity):
    X, y = table
    counts = (10.0 * X).astype(np.int8)
    for weight, dtype in ((2, np.int8), (np.int64(3), np.int64), (True, np.uint8)):
        union = FeatureUnion([("a", "passthrough")], transformer_weights={"a": weight})
        model = make_pipeline(union, Ridge()).fit(counts.astype(dtype), y)
        with pytest.raises(UnsupportedModelError, match="wrap around"):
            network_view(model, counts.astype(dtype))
        assert_parity(model, counts.astype(float))
    union = FeatureUnion([("a", "passthrough")], transformer_weights={"a": 2.0})
    model = make_pipeline(union, Ridge()).fit(counts, y)
    assert network_view(model, counts).rounding.n_first < 2**20
    single = network_view(model, X.astype(np.float32)).rounding
    assert single.n_first > 2**29


def test_sparse_columns(table):
    X, y = table
    X = np.maximum(X - 1.0, 0.0)
    rows = sparse.csr_array(X)
    centered = RobustScaler().fit(X)
    model = make_pipeline(centered, Ridge().fit(X, y))
    assert network_view(model, X).n_features == 3
    with pytest.raises(UnsupportedModelError, match="RobustScaler.*not center sparse"):
        network_view(model, rows)
    quantile = QuantileTransformer(n_quantiles=5).fit(table[0])
    model = make_pipeline(quantile, Ridge().fit(X, y))
    assert network_view(model, X).n_features == 3
    with pytest.raises(UnsupportedModelError, match="zeros of sparse columns"):
        network_view(model, rows)
    # Sparse by what stands in front: scikit-learn chose it for many zeros.
    rng = np.random.default_rng(0)
    codes = np.column_stack([rng.integers(0, 30, 200), rng.random(200)])
    encoder = ColumnTransformer(
        [("o", OneHotEncoder(), [0]), ("p", "passthrough", [1])]
    )
    model = make_pipeline(encoder, QuantileTransformer(n_quantiles=9), Ridge())
    model.fit(codes, codes[:, 1])
    assert model[0].sparse_output_
    with pytest.raises(UnsupportedModelError, match="sparse columns"):
        network_view(model)


def test_scales_of_sparse_columns_in_float32_are_inverted_in_float32():
    rng = np.random.default_rng(0)
    X = np.where(rng.random((50, 3)) < 0.3, 1.7, 0.0)
    X = sparse.csr_array(X, dtype=np.float32)
    scaler = MaxAbsScaler().fit(X)
    assert scaler.scale_.dtype == np.float32
    model = make_pipeline(scaler, Ridge().fit(X.toarray(), X.toarray()[:, 0]))
    double = X.astype(np.float64)
    assert network_view(model, double).rounding.n_first > 2**29
    assert network_view(model, double.toarray()).rounding.n_first < 2**20
