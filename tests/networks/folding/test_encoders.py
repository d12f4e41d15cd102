# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Encoders of categories: what they give, and the values that they can take."""

import numpy as np
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


def test_missing_codes_are_refused_by_encode(census):
    X, y = census
    encoder = make_pipeline(OrdinalEncoder(), SimpleImputer())
    model = make_pipeline(
        make_column_transformer((encoder, ["workclass"]), ("passthrough", ["hours"])),
        LogisticRegression(max_iter=1000),
    ).fit(X, y)
    with pytest.raises(ValueError, match="Impute in front of the encoder"):
        network_view(model).encode(X)
