# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Tables with strings and gaps: ColumnTransformer, OneHotEncoder, immutable columns.

Also tests of ``networks/_folding/table.py``.
"""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.compose import (
    ColumnTransformer,
    make_column_selector,
    make_column_transformer,
)
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    RobustScaler,
    StandardScaler,
)

from sklip.networks import network_view

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

NUMERIC = ["age", "weight", "gain", "hours"]
TEXT = ["workclass", "education", "sex"]


def scale():
    return make_pipeline(SimpleImputer(strategy="median"), StandardScaler())


def encode(**params):
    fill = SimpleImputer(strategy="most_frequent")
    return make_pipeline(fill, OneHotEncoder(**params))


def classify(*transformers):
    net = MLPClassifier((8, 6), max_iter=20, random_state=0)
    return make_pipeline(*transformers, net)


TABLES = {
    "names": ColumnTransformer([("n", scale(), NUMERIC), ("t", encode(), TEXT)]),
    "text first": ColumnTransformer([("t", encode(), TEXT), ("n", scale(), NUMERIC)]),
    "indices": ColumnTransformer(
        [("t", encode(), [6, 1]), ("n", scale(), [5, 0, -3]), ("d", "drop", [3])]
    ),
    "slices": ColumnTransformer(
        [("n", scale(), slice("gain", "hours")), ("t", encode(), slice(1, 2))]
    ),
    "masks": ColumnTransformer(
        [
            ("n", scale(), [True, False, True, False, True, True, False]),
            ("t", encode(), np.arange(7) == 3),
        ]
    ),
    "callables": make_column_transformer(
        (scale(), make_column_selector(dtype_include=float)),
        (encode(), make_column_selector(dtype_exclude=[float, int])),
    ),
    "no names out": make_column_transformer(
        (scale(), NUMERIC), (encode(), TEXT), verbose_feature_names_out=False
    ),
    "passthrough rest": make_column_transformer(
        (encode(), TEXT), (scale(), ["age"]), remainder="passthrough"
    ),
    "scaled rest": make_column_transformer((encode(), TEXT), remainder=scale()),
    "dropped rest": make_column_transformer((scale(), ["age", "hours"])),
    "empty branches": ColumnTransformer(
        [
            ("none", StandardScaler(), []),
            ("n", scale(), NUMERIC),
            ("mask", PCA(), np.zeros(7, dtype=bool)),
            ("t", encode(), TEXT),
            ("last", "passthrough", []),
        ]
    ),
    "weights": ColumnTransformer(
        [("n", scale(), NUMERIC), ("t", encode(), TEXT)],
        transformer_weights={"t": 0.5, "n": 2.0},
    ),
    "same column twice": ColumnTransformer(
        [
            ("n", scale(), NUMERIC),
            ("again", make_pipeline(SimpleImputer(strategy="median"), PCA(2)), NUMERIC),
            ("t", encode(), TEXT),
        ]
    ),
    "nested": ColumnTransformer(
        [
            (
                "n",
                make_pipeline(
                    SimpleImputer(strategy="median"),
                    ColumnTransformer(
                        [("p", PCA(2), [0, 3]), ("s", RobustScaler(), [2])],
                        remainder=MinMaxScaler(),
                    ),
                    MaxAbsScaler(),
                ),
                NUMERIC,
            ),
            (
                "t",
                ColumnTransformer([("e", encode(), ["sex"])], remainder=encode()),
                TEXT,
            ),
        ]
    ),
    "union": make_column_transformer(
        (
            make_pipeline(
                SimpleImputer(strategy="median"),
                FeatureUnion([("s", StandardScaler()), ("p", PCA(2))]),
            ),
            NUMERIC,
        ),
        (encode(), TEXT),
    ),
}
ENCODERS = {
    "first": {"drop": "first"},
    "binary": {"drop": "if_binary"},
    "array": {"drop": ["private", "school", "m"]},
    "ignore": {"handle_unknown": "ignore"},
    "infrequent": {"min_frequency": 45, "handle_unknown": "infrequent_if_exist"},
    "at most": {"max_categories": 3},
    "dense": {"sparse_output": False},
    "integer": {"dtype": np.int64},
    "categories": {
        "categories": [
            ["self", "state", "private", "none"],
            ["doctor", "master", "college", "school"],
            ["f", "m"],
        ]
    },
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("tail", [None, StandardScaler(with_mean=False)], ids=str)
def test_parity_for_every_table(name, tail, census, assert_parity):
    X, y = census
    table = TABLES[name]
    model = classify(table, tail).fit(X, y)
    view = assert_parity(model, X)
    assert view.feature_names == list(X.columns)
    assert view.n_features == 7
    assert view.mutable.tolist() == [j >= 0 for j in view.feature_index]
    assert_parity(pickle.loads(pickle.dumps(model)), X)
    # Columns are looked up by name: order does not matter, further ones are ignored.
    shuffled = X[X.columns[::-1]].assign(noise="x")
    np.testing.assert_array_equal(view.encode(shuffled), view.encode(X))


@pytest.mark.parametrize("name", TABLES)
def test_moving_numeric_columns_moves_the_output_as_the_view_says(
    name, census, assert_parity
):
    X, y = census
    model = classify(TABLES[name], StandardScaler(with_mean=False)).fit(X, y)
    view = network_view(model)
    rng = np.random.default_rng(1)
    U, moved = view.encode(X), X.copy()
    assert view.mutable.any()
    for coordinate in np.flatnonzero(view.mutable):
        column = X.columns[view.feature_index[coordinate]]
        present = X[column].notna().to_numpy()
        step = rng.normal(0, X[column].std(), len(X)) * present
        moved[column] = moved[column] + step
        U[:, coordinate] += step
    np.testing.assert_allclose(view.encode(moved), U, rtol=1e-12)
    assert_parity(model, moved)


@pytest.mark.parametrize("name", ENCODERS)
def test_one_hot_options(name, census, assert_parity):
    X, y = census
    fill = SimpleImputer(strategy="constant", fill_value="private")
    encoder = make_pipeline(fill, OneHotEncoder(**ENCODERS[name]))
    model = classify(make_column_transformer((encoder, TEXT), (scale(), NUMERIC)))
    view = assert_parity(model.fit(X, y), X)
    assert view.mutable.sum() == 4


@pytest.mark.filterwarnings("ignore:Found unknown categories:UserWarning")
def test_unknown_and_missing_categories(census, assert_parity):
    X, y = census
    encoder = OneHotEncoder(handle_unknown="ignore")
    model = classify(make_column_transformer((encoder, TEXT), (scale(), NUMERIC)))
    model.fit(X, y)
    other = X.copy()
    other.loc[::3, "education"] = "none"
    other.loc[::4, "sex"] = np.nan
    assert_parity(model, other)
    strict = classify(make_column_transformer((OneHotEncoder(), TEXT))).fit(X, y)
    with pytest.raises(ValueError, match="unknown categories"):
        network_view(strict).encode(other)


def test_indicator_of_missing_values_is_immutable(census, assert_parity):
    X, y = census
    fill = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    model = classify(make_column_transformer((fill, NUMERIC), (encode(), TEXT)))
    view = assert_parity(model.fit(X, y), X)
    marks = view.encode(X)[:, 4]
    np.testing.assert_array_equal(marks, X["age"].isna())
    assert view.feature_index[:6].tolist() == [0, 2, 4, 5, -1, -1]


def test_whatever_an_encoder_consumes_is_immutable_everywhere(census, assert_parity):
    X, y = census
    X = X.assign(hours=X["hours"] // 20 * 20)
    model = classify(
        ColumnTransformer(
            [("n", scale(), NUMERIC), ("t", OneHotEncoder(), ["hours", "sex"])]
        )
    ).fit(X, y)
    view = assert_parity(model, X)
    assert view.feature_index[:4].tolist() == [0, 2, 4, 5]
    assert view.mutable[:5].tolist() == [True, True, True, False, False]
    with pytest.raises(ValueError, match="'hours', which is immutable"):
        view.with_feature_eps({"hours": 1.0})
    with pytest.raises(ValueError, match="'sex', which is immutable"):
        view.with_feature_eps({"age": 1.0, "sex": 1.0})


def test_encoder_behind_a_mixture_freezes_all_its_columns(assert_parity):
    X = np.random.default_rng(0).integers(0, 3, (60, 4)).astype(float)
    model = classify(
        StandardScaler(),
        make_column_transformer(
            (make_pipeline(PCA(1), OneHotEncoder(handle_unknown="ignore")), [0, 1]),
            remainder="passthrough",
        ),
    ).fit(X, X[:, 0] > X[:, 2])
    view = assert_parity(model, X)
    assert view.feature_index[view.mutable].tolist() == [2, 3]


def test_arrays_of_objects_and_of_numbers(census, assert_parity):
    X, y = census
    by_index = [("n", scale(), [0, 2, 4, 5]), ("t", encode(), [1, 3, 6])]
    model = classify(ColumnTransformer(by_index)).fit(X.to_numpy(), y)
    view = assert_parity(model, X.to_numpy())
    assert view.feature_names is None
    rows = X.to_numpy().tolist()
    np.testing.assert_array_equal(view.encode(rows), view.encode(X.to_numpy()))
    Z = X[NUMERIC].fillna(0.0).to_numpy()
    numbers = make_column_transformer(
        (StandardScaler(), slice(0, 2)), remainder="passthrough"
    )
    view = assert_parity(
        make_pipeline(numbers, LogisticRegression(max_iter=5000)).fit(Z, y), Z
    )
    np.testing.assert_array_equal(view.encode(sparse.csr_array(Z)), Z)


def test_intermediate_tables(census, assert_parity):
    X, y = census
    first = make_column_transformer(
        (SimpleImputer(strategy="median"), NUMERIC),
        (SimpleImputer(strategy="most_frequent"), TEXT),
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    second = make_column_transformer(
        (OneHotEncoder(), ["sex", "education"]), (StandardScaler(), ["hours", "age"])
    )
    model = classify(Pipeline([("one", first), ("two", second)])).fit(X, y)
    view = assert_parity(model, X)
    assert view.feature_index[view.mutable].tolist() == [0, 5]
    np.testing.assert_array_equal(view.encode(X[X.columns[::-1]]), view.encode(X))


def test_view_does_not_follow_a_later_fit(census):
    X, y = census
    model = classify(TABLES["names"]).fit(X, y)
    view = network_view(model)
    before = view.network.forward(view.encode(X))
    model.fit(X[::-1].assign(sex="m"), y)
    np.testing.assert_array_equal(view.network.forward(view.encode(X)), before)
    text = X[["sex", "education"]]
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(text, y)
    view = network_view(model)
    before = view.encode(text)
    model.fit(text.assign(sex="m", education="none"), y)
    np.testing.assert_array_equal(view.encode(text), before)


def test_columns_of_the_wrong_name_number_or_kind(census):
    X, y = census
    view = network_view(classify(TABLES["names"]).fit(X, y))
    with pytest.raises(ValueError, match=r"lacks the columns \['gain'\]"):
        view.encode(X.drop(columns="gain"))
    with pytest.raises(ValueError, match=r"lacks the columns \['sex'\]"):
        view.encode(X.drop(columns="sex"))
    with pytest.raises(ValueError, match="6 features, but the model was fitted on 7"):
        view.encode(X.to_numpy()[:, :6])
    with pytest.raises(ValueError, match="could not convert"):
        view.encode(X.assign(age="old"))
    numbers = X[["weight", "gain"]]
    view = network_view(
        make_pipeline(StandardScaler(), LogisticRegression()).fit(numbers, y)
    )
    with pytest.raises(ValueError, match=r"unseen: \['loss'\], missing: \['gain'\]"):
        view.encode(numbers.rename(columns={"gain": "loss"}))
    with pytest.raises(ValueError, match="in that order"):
        view.encode(numbers[["gain", "weight"]])
    with pytest.raises(ValueError, match="two axes"):
        view.encode(numbers["gain"].to_numpy())
    np.testing.assert_array_equal(view.encode(numbers.to_numpy()), numbers.to_numpy())
    unnamed = pd.DataFrame(numbers.to_numpy())
    np.testing.assert_array_equal(view.encode(unnamed), numbers.to_numpy())
