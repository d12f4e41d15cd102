# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The same coordinates from pandas and polars tables."""

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)

from sklip.certification import certified_radius
from sklip.networks import network_view

pl = pytest.importorskip("polars")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

NUMERIC, TEXT = ["age", "gain", "hours"], ["education", "sex"]
CURVED = make_pipeline(
    SimpleImputer(),
    StandardScaler(),
    FunctionTransformer(np.tanh, feature_names_out="one-to-one"),
)


def polars_table(X):
    return pl.DataFrame({name: X[name].to_list() for name in X.columns})


@pytest.mark.parametrize("encoder", [OneHotEncoder(), OrdinalEncoder()], ids=str)
@pytest.mark.parametrize("curved", [False, True])
def test_a_mixed_table(encoder, curved, census):
    X, y = census
    X = X.drop(columns="workclass")
    X["age"] = X["age"].fillna(40.0)
    numbers = CURVED if curved else make_pipeline(SimpleImputer(), StandardScaler())
    model = make_pipeline(
        make_column_transformer((numbers, NUMERIC), (encoder, TEXT)),
        SelectKBest(k=5),
        MLPClassifier((4,), max_iter=10, random_state=0),
    )
    table = polars_table(X)
    fitted = model.fit(table, y)
    view = network_view(fitted)
    assert view.feature_names == X.columns.tolist()
    np.testing.assert_array_equal(view.encode(table), view.encode(X))
    in_pandas = network_view(model.fit(X, y))
    np.testing.assert_array_equal(in_pandas.encode(table), view.encode(table))
    np.testing.assert_array_equal(in_pandas.network.weights[0], view.network.weights[0])
    eps = {"age": 2.0}
    shuffled = table.select(list(reversed(X.columns)))
    np.testing.assert_array_equal(
        certified_radius(fitted, table, feature_eps=eps),
        certified_radius(fitted, shuffled, feature_eps=eps),
    )


def test_nulls_are_imputed_or_refused(census):
    X, y = census
    X = X[NUMERIC]
    table = pl.DataFrame(
        {n: [None if np.isnan(v) else v for v in X[n].to_list()] for n in NUMERIC}
    )
    model = make_pipeline(SimpleImputer(), StandardScaler(), MLPClassifier((4,)))
    model[-1].set_params(max_iter=10, random_state=0)
    view = network_view(model.fit(table, y))
    np.testing.assert_array_equal(view.encode(table), view.encode(X))
    assert not np.isnan(view.encode(table)).any()
