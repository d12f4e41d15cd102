# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Encoders of categories: what they give, and the values that they can take."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
    TargetEncoder,
)

from sklip.networks import network_view

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

UNKNOWN = {"handle_unknown": "use_encoded_value"}
TEXT, NUMERIC = ["education", "sex"], ["age", "gain", "hours"]
ENCODERS = {
    "one-hot": OneHotEncoder(sparse_output=False),
    "one-hot, first dropped": OneHotEncoder(drop="first", sparse_output=False),
    "one-hot, unknown ignored": OneHotEncoder(
        handle_unknown="ignore", sparse_output=False
    ),
    "one-hot, infrequent together": OneHotEncoder(
        max_categories=3, handle_unknown="infrequent_if_exist", sparse_output=False
    ),
    "ordinal": OrdinalEncoder(),
    "ordinal, unknown": OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1
    ),
    "target": TargetEncoder(),
}


def table_model(encoder, net=None):
    return make_pipeline(
        make_column_transformer(
            (encoder, TEXT),
            (make_pipeline(SimpleImputer(), StandardScaler()), NUMERIC),
        ),
        net or MLPClassifier((5,), max_iter=10, random_state=0),
    )


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("scaled", [False, True])
def test_parity_and_immutability(name, scaled, census, assert_parity):
    X, y = census
    encoder = ENCODERS[name]
    if scaled:
        encoder = make_pipeline(encoder, StandardScaler())
    view = assert_parity(table_model(encoder).fit(X, y), X)
    columns = np.array([X.columns.get_loc(c) for c in NUMERIC])
    assert sorted(view.feature_index[view.mutable]) == sorted(columns)
    assert (view.feature_index[~view.mutable] == -1).all()


@pytest.mark.parametrize("name", ENCODERS)
def test_groups_hold_every_value_that_occurs(name, census):
    X, y = census
    model = table_model(ENCODERS[name]).fit(X, y)
    view = network_view(model)
    U = view.encode(X)
    sources = [sorted(group.sources) for group in view.groups]
    assert sources == [[X.columns.get_loc(c)] for c in TEXT]
    for group, column in zip(view.groups, TEXT, strict=True):
        values = np.unique(U[:, group.coordinates], axis=0)
        listed = {tuple(row) for row in group.values}
        assert {tuple(row) for row in values} <= listed
        # No value is listed that cannot be: unknown or missing ones add at most one.
        assert len(listed) <= X[column].nunique() + 1
    covered = np.concatenate([group.coordinates for group in view.groups])
    assert sorted(covered) == np.flatnonzero(~view.mutable).tolist()


def test_unknown_values_are_listed_where_the_encoder_takes_them(census):
    X, y = census
    for name in ("one-hot, unknown ignored", "ordinal, unknown", "target"):
        model = table_model(ENCODERS[name]).fit(X, y)
        view = network_view(model)
        U = view.encode(X.assign(education="none at all", sex="?"))
        for group in view.groups:
            listed = {tuple(row) for row in group.values}
            assert {tuple(row) for row in U[:, group.coordinates]} <= listed


def test_selected_and_curved_categories(census, assert_parity):
    X, y = census
    tanh = make_pipeline(OrdinalEncoder(), FunctionTransformer(np.tanh))
    view = assert_parity(table_model(tanh, RidgeClassifier()).fit(X, y), X)
    assert [group.values for group in view.groups] == [None, None]
    twice = make_pipeline(OrdinalEncoder(), OneHotEncoder(sparse_output=False))
    view = assert_parity(table_model(twice, RidgeClassifier()).fit(X, y), X)
    assert [len(group.values) for group in view.groups] == [4, 2]


def test_number_used_both_ways_is_immutable_and_has_no_list(census, assert_parity):
    X, y = census
    X = X[["hours", "gain"]]
    union = FeatureUnion([("plain", "passthrough"), ("one", OneHotEncoder())])
    model = make_pipeline(
        make_column_transformer((union, ["hours"]), remainder="passthrough"),
        StandardScaler(with_mean=False),
        LogisticRegression(),
    ).fit(X, y)
    view = assert_parity(model, X)
    assert view.feature_index[view.mutable].tolist() == [1]
    assert any(group.values is None for group in view.groups)


def test_missing_codes_that_nobody_imputes_are_refused_by_encode(census):
    X, y = census
    union = FeatureUnion(
        [
            ("a", SimpleImputer(strategy="constant", fill_value=-1.0)),
            ("b", SimpleImputer(strategy="constant", fill_value=-2.0)),
        ]
    )
    for steps in (
        [],
        [union],
        [FeatureUnion([("p", "passthrough"), union.transformer_list[0]])],
    ):
        codes = OrdinalEncoder(**UNKNOWN, unknown_value=np.nan)
        encoder = make_pipeline(codes, *steps)
        model = make_pipeline(
            make_column_transformer(
                (encoder, ["workclass"]), ("passthrough", ["hours"])
            ),
            LogisticRegression(max_iter=1000),
        ).fit(X.dropna(), y[X.notna().all(axis=1)])
        with pytest.raises(ValueError, match="Impute in front of the encoder"):
            network_view(model).encode(X)
        assert network_view(model).encode(X.dropna()).shape[1] == 2


CODES = {
    "missing": OrdinalEncoder(),
    "missing as a number": OrdinalEncoder(encoded_missing_value=-2),
    "unknown as missing": OrdinalEncoder(**UNKNOWN, unknown_value=np.nan),
    "unknown apart": OrdinalEncoder(
        **UNKNOWN, unknown_value=-5, encoded_missing_value=-3
    ),
    "infrequent": OrdinalEncoder(**UNKNOWN, unknown_value=np.nan, max_categories=2),
    "one-hot": OneHotEncoder(sparse_output=False),
    "one-hot, ignored": OneHotEncoder(sparse_output=False, handle_unknown="ignore"),
    "one-hot, infrequent": OneHotEncoder(
        sparse_output=False, handle_unknown="infrequent_if_exist", min_frequency=50
    ),
    "one-hot, dropped and ignored": OneHotEncoder(
        sparse_output=False, handle_unknown="ignore", drop="first"
    ),
    "one-hot, warned": OneHotEncoder(sparse_output=False, handle_unknown="warn"),
    "target": TargetEncoder(),
}
CONSTANT = {"strategy": "constant", "fill_value": -10.0}
BEHIND = {
    "nothing": [],
    "mean": [SimpleImputer()],
    "constant": [SimpleImputer(**CONSTANT)],
    "marked": [SimpleImputer(**CONSTANT, add_indicator=True)],
    "marked behind a scaler": [
        StandardScaler(),
        SimpleImputer(strategy="median", add_indicator=True),
    ],
    "twice": [
        SimpleImputer(**CONSTANT),
        SimpleImputer(strategy="constant", fill_value=3),
    ],
    "alike in branches": [
        FeatureUnion(
            [
                ("a", SimpleImputer(**CONSTANT, add_indicator=True)),
                ("b", make_pipeline(SimpleImputer(**CONSTANT), StandardScaler())),
            ]
        )
    ],
    "in branches of which one refuses": [
        FeatureUnion([("a", SimpleImputer(**CONSTANT)), ("b", "passthrough")])
    ],
}


def reached(model, view, row, value):
    """The coordinates with another category, by the model's own steps; None if none."""
    row = row.assign(workclass=pd.Series([value], row.index, dtype=object))
    try:
        model.predict(row)
    except ValueError:
        return None
    return view.encode(row)[0]


@pytest.mark.filterwarnings("ignore:Found unknown categories:UserWarning")
@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize("code", CODES)
def test_every_value_that_a_category_can_have_is_listed(
    code, behind, census, assert_parity
):
    X, y = census
    X = X[["workclass", "gain"]]
    encoder = make_pipeline(CODES[code], *BEHIND[behind])
    model = make_pipeline(
        make_column_transformer((encoder, ["workclass"]), remainder="passthrough"),
        StandardScaler(with_mean=False),
        LogisticRegression(),
    )
    accepted = X["workclass"].notna() | (
        behind not in ("nothing", "in branches of which one refuses")
    )
    X, y = (
        X[accepted | (code not in ("missing", "unknown as missing", "infrequent"))],
        y,
    )
    model.fit(X, y[: len(X)])
    view = assert_parity(model, X)
    listed = [{tuple(row) for row in group.values} | set() for group in view.groups]
    seen = [set() for _ in view.groups]
    for value in ("private", "state", "self", np.nan, "never seen", None):
        U = reached(model, view, X.iloc[:1], value)
        for k, group in enumerate(view.groups if U is not None else ()):
            seen[k].add(tuple(U[group.coordinates]))
    for k, group in enumerate(view.groups):
        assert seen[k] <= listed[k], group
        assert not np.isnan(group.values).any()
        # Nothing is made up: an encoder that drops one and groups others may list one
        # value too many.
        assert len(listed[k]) <= len(seen[k]) + 1


@pytest.mark.parametrize(
    "dtype", [np.int8, np.uint8, np.float16, np.int32, object, bool]
)
def test_codes_are_what_their_type_makes_of_them(dtype, assert_parity):
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.permutation(3000) % 2500, rng.normal(size=3000)])
    model = make_pipeline(
        make_column_transformer(
            (OrdinalEncoder(dtype=dtype), [0]), remainder="passthrough"
        ),
        RidgeClassifier(),
    ).fit(X, X[:, 1] > 0)
    view = assert_parity(model, X)
    values = view.groups[0].values[:, 0]
    np.testing.assert_array_equal(np.unique(view.encode(X)[:, 1]), values)


def test_infrequent_and_missing_categories_are_not_counted_twice():
    X = np.array(["a"] * 9 + ["b"] * 9 + ["c", "d"] + [np.nan] * 3, dtype=object)[
        :, None
    ]
    encoder = OrdinalEncoder(encoded_missing_value=-1, min_frequency=3)
    model = make_pipeline(encoder, RidgeClassifier()).fit(X, X[:, 0] == "a")
    values = network_view(model).groups[0].values.ravel()
    assert values.tolist() == [-1.0, 0.0, 1.0, 2.0]
    assert sorted(set(encoder.transform(X).ravel())) == values.tolist()
