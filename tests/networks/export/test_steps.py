# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Transformers out to ONNX: maps.py, encoders.py, branches.py, registry.py.

Also tests of ``networks/_export/elsewhere.py``, ``networks/_export/encoders.py``,
``networks/_export/maps.py`` and ``networks/_export/registry.py``.
"""

import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA, IncrementalPCA, TruncatedSVD
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.frozen import FrozenEstimator
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import FeatureUnion, make_pipeline, make_union
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from sklip import LipschitzScaler, to_onnx
from sklip.exceptions import UnsupportedModelError

pytestmark = pytest.mark.filterwarnings("ignore:lbfgs failed")


def model_behind(*steps):
    return make_pipeline(*steps, LogisticRegression(max_iter=200))


NUMERIC = {
    "standard": [StandardScaler()],
    "no mean": [StandardScaler(with_mean=False)],
    "no std": [StandardScaler(with_std=False), StandardScaler()],
    "robust": [RobustScaler()],
    "robust in part": [RobustScaler(with_centering=False)],
    "min max": [MinMaxScaler((-1, 2))],
    "max abs": [MaxAbsScaler()],
    "pca": [PCA(2)],
    "whitened": [StandardScaler(), PCA(3, whiten=True)],
    "svd": [StandardScaler(), TruncatedSVD(2)],
    "tolerances": [LipschitzScaler(tolerance=[0.5, 5.0, 0.1, 2.0])],
    "chosen": [StandardScaler(), SelectKBest(k=2)],
    "variance": [VarianceThreshold(0.5), StandardScaler()],
    "l1": [Normalizer("l1"), StandardScaler()],
    "l2": [Normalizer("l2"), StandardScaler()],
    "max": [Normalizer("max"), StandardScaler()],
    "signs": [StandardScaler(), Binarizer(threshold=0.1)],
    "powers": [StandardScaler(), PolynomialFeatures(3)],
    "products": [
        StandardScaler(),
        PolynomialFeatures(2, interaction_only=True, include_bias=False),
    ],
    "bins": [KBinsDiscretizer(4, encode="onehot-dense")],
    "ordinal bins": [KBinsDiscretizer(4, encode="ordinal")],
    "identity": [StandardScaler(), FunctionTransformer(), "passthrough"],
    "functions": [FunctionTransformer(np.abs), FunctionTransformer(np.log1p)],
    "exp": [StandardScaler(), FunctionTransformer(np.expm1)],
    "union": [make_union(StandardScaler(), PCA(2)), StandardScaler()],
    "weights": [
        FeatureUnion(
            [("a", StandardScaler()), ("b", "drop"), ("c", MinMaxScaler())],
            transformer_weights={"a": 2.0},
        )
    ],
    "some columns": [
        ColumnTransformer(
            [("a", StandardScaler(), [2, 0]), ("b", "drop", [1])],
            remainder=MinMaxScaler(),
        )
    ],
}


@pytest.mark.parametrize("kind", NUMERIC)
def test_steps_on_numbers(kind, table, assert_exported):
    X, labels, _ = table
    assert_exported(model_behind(*NUMERIC[kind]).fit(X, labels), X)


@pytest.mark.parametrize("scaler", [MinMaxScaler(clip=True), MaxAbsScaler(clip=True)])
def test_clips_are_kept(scaler, table, assert_exported):
    X, labels, _ = table
    model = model_behind(scaler).fit(X, labels)
    far = np.vstack([X * 3.0, -X])
    assert (model[0].transform(far) != type(scaler)().fit(X).transform(far)).any()
    assert_exported(model, far)


def columns_of(encoder):
    return ColumnTransformer(
        [
            ("scaled", StandardScaler(), ["u", "v"]),
            ("encoded", encoder, ["colour", "doors"]),
            ("filled", SimpleImputer(add_indicator=True), ["gap"]),
        ]
    )


ENCODERS = {
    "one-hot": OneHotEncoder(),
    "dense": OneHotEncoder(sparse_output=False, drop="first"),
    "ignoring": OneHotEncoder(handle_unknown="ignore"),
    "infrequent": OneHotEncoder(
        min_frequency=20, handle_unknown="infrequent_if_exist", drop="if_binary"
    ),
    "ordinal": OrdinalEncoder(),
    "ordinal unknown": OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1
    ),
    "ordinal infrequent": OrdinalEncoder(max_categories=2),
}


@pytest.mark.parametrize("kind", ENCODERS)
def test_encoders_on_a_mixed_table(kind, table, mixed, assert_exported):
    labels = table[1]
    model = model_behind(columns_of(ENCODERS[kind]), StandardScaler())
    assert_exported(model.fit(mixed, labels), mixed)


@pytest.mark.filterwarnings("ignore:Found unknown categories")
@pytest.mark.parametrize("kind", ["ignoring", "infrequent", "ordinal unknown"])
def test_unknown_categories(kind, table, mixed, run):
    model = model_behind(columns_of(ENCODERS[kind])).fit(mixed, table[1])
    strange = mixed.assign(colour="black", doors=9)
    found = run(to_onnx(model), strange)["decision"]
    np.testing.assert_allclose(found, model.decision_function(strange), 1e-11)


@pytest.mark.filterwarnings("ignore")
def test_an_unknown_category_stops_the_runtime_as_it_stops_predict(table, mixed, run):
    model = model_behind(columns_of(OneHotEncoder())).fit(mixed, table[1])
    strange = mixed.assign(colour="black")
    with pytest.raises(ValueError, match="unknown"):
        model.predict(strange)
    with pytest.raises(Exception, match="out of|bounds"):
        run(to_onnx(model), strange)


def test_columns_chosen_by_type_and_left_over(table, mixed, assert_exported):
    chosen = make_column_selector(dtype_exclude="number")
    steps = ColumnTransformer(
        [("o", OrdinalEncoder(), chosen)], remainder=SimpleImputer()
    )
    model = model_behind(steps, StandardScaler()).fit(mixed, table[1])
    made = to_onnx(model)
    assert [value.name for value in made.graph.input] == list(mixed.columns)
    assert_exported(model, mixed)


def test_columns_that_are_not_used_are_no_inputs(table, mixed):
    steps = ColumnTransformer([("o", OneHotEncoder(), ["colour"])])
    made = to_onnx(model_behind(steps).fit(mixed, table[1]))
    assert [value.name for value in made.graph.input] == ["colour"]


def test_missing_values_as_numbers_words_and_categories(table, assert_exported):
    X, labels, _ = table
    X = np.where(np.random.default_rng(0).uniform(size=X.shape) < 0.2, -9.0, X)
    model = model_behind(SimpleImputer(missing_values=-9.0, strategy="median"))
    assert_exported(model.fit(X, labels), X)
    frame = pd.DataFrame({"word": np.where(X[:, 0] > 0, "?", "yes"), "u": X[:, 1]})
    frame.loc[3, "word"] = "no"
    steps = ColumnTransformer(
        [
            (
                "w",
                make_pipeline(
                    SimpleImputer(missing_values="?", strategy="most_frequent"),
                    OneHotEncoder(),
                ),
                ["word"],
            )
        ],
        remainder="passthrough",
    )
    assert_exported(model_behind(steps).fit(frame, labels), frame)
    gaps = np.where(X == -9.0, np.nan, np.round(X[:, [0]]))
    encoder = OneHotEncoder(handle_unknown="ignore")
    assert_exported(model_behind(encoder).fit(gaps, labels), gaps)


def test_an_empty_column_is_dropped(table, assert_exported):
    X, labels, _ = table
    X = X.copy()
    X[:, 1] = np.nan
    with pytest.warns(UserWarning, match="without any observed"):
        model = model_behind(SimpleImputer()).fit(X, labels)
    with pytest.warns(UserWarning, match="without any observed"):
        assert_exported(model, X)


def test_powers_with_and_without_a_logarithm(table, assert_exported):
    X, labels, _ = table
    for method, given in (("yeo-johnson", X), ("box-cox", np.abs(X) + 0.1)):
        for standardize in (False, True):
            step = PowerTransformer(method=method, standardize=standardize)
            model = model_behind(step, StandardScaler()).fit(given, labels)
            assert_exported(model, given)
        step = PowerTransformer(method=method, standardize=False).fit(given)
        step.lambdas_ = np.array([0.0, 0.01, 1.0, 2.0])
        frozen = model_behind(FrozenEstimator(step), StandardScaler())
        assert_exported(frozen.fit(given, labels), given)


def test_exponentials_of_large_numbers(table, run):
    X, labels, _ = table
    step = FunctionTransformer(np.expm1)
    model = make_pipeline(StandardScaler(), step, Ridge()).fit(X, X[:, 0])
    far = X.mean(axis=0) + X.std(axis=0) * np.linspace(-20.0, 60.0, 80)[:, None]
    expected = model.predict(far)
    found = run(to_onnx(model, X=far), far)["prediction"]
    np.testing.assert_allclose(found, expected, 1e-10, 1e-10)


def test_other_converters_are_used_and_compared(table, assert_exported):
    pytest.importorskip("skl2onnx")
    X, labels, _ = table
    steps = [QuantileTransformer(n_quantiles=9), IncrementalPCA(2)]
    assert_exported(model_behind(*steps).fit(X, labels), X)
    with pytest.raises(UnsupportedModelError, match="QuantileTransformer"):
        step = QuantileTransformer(n_quantiles=9, output_distribution="normal")
        to_onnx(model_behind(step).fit(X, labels))


@pytest.mark.parametrize(
    "step, said",
    [
        (QuantileTransformer(n_quantiles=9), "preprocessing._data.QuantileTransformer"),
        (KNNImputer(), "sklearn.impute._knn.KNNImputer"),
        (FunctionTransformer(np.cbrt), "cbrt"),
        (FunctionTransformer(lambda X: X), "lambda"),
        (FunctionTransformer(np.clip, kw_args={"a_min": 0.0, "a_max": 1.0}), "clip"),
    ],
)
def test_other_steps_are_refused_by_their_full_name(step, said, table, monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    X, labels, _ = table
    with pytest.raises(UnsupportedModelError, match=said):
        to_onnx(model_behind(step).fit(X, labels))


class Doubled(StandardScaler):
    def transform(self, X, copy=None):
        return 2.0 * super().transform(X)


def test_a_subclass_is_not_its_parent(table):
    X, labels, _ = table
    with pytest.raises(UnsupportedModelError, match="Doubled is not exported"):
        to_onnx(model_behind(Doubled()).fit(X, labels))
    with pytest.raises(UnsupportedModelError, match="Doubled"):
        to_onnx(model_behind(FrozenEstimator(Doubled().fit(X))).fit(X, labels))
