# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What is returned was compared: comparison.py, inputs.py, rows.py.

Also tests of ``networks/_export/inputs.py``, ``networks/_export/rows.py``,
``networks/_export/table.py`` and ``networks/_export/to_onnx.py``.
"""

import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    StandardScaler,
)

from sklip import to_onnx
from sklip.exceptions import UnsupportedModelError
from sklip.networks import random_network
from sklip.networks._export.comparison import RTOL, _check
from sklip.networks._export.encoders import are_text
from sklip.networks._export.registry import CONVERTERS
from sklip.networks._export.rows import survey
from sklip.networks._export.table import Part


def model_behind(*steps):
    return make_pipeline(*steps, LogisticRegression(max_iter=500))


def spoiled(converter, add):
    def convert(exporter, transformer, table):
        made = converter(exporter, transformer, table)
        tensor = exporter.graph.add("Add", made.parts[0].tensor, add)
        return replace(made, parts=(Part(tensor, made.parts[0].width),))

    return convert


@pytest.mark.parametrize("runtime", ["onnxruntime", "onnx.reference"])
def test_a_wrong_step_is_named(runtime, table, monkeypatch):
    if runtime == "onnxruntime":
        pytest.importorskip("onnxruntime")
    else:
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
    X, labels, _ = table
    model = model_behind(MinMaxScaler(), StandardScaler()).fit(X, labels)
    to_onnx(model)
    wrong = spoiled(CONVERTERS[StandardScaler], [0.0, 0.0, 0.0, 1e-9])
    monkeypatch.setitem(CONVERTERS, StandardScaler, wrong)
    with pytest.raises(UnsupportedModelError, match="step .*StandardScaler"):
        to_onnx(model)
    # float32 allows for more, but not for all.
    to_onnx(model, dtype="float32")
    wrong = spoiled(CONVERTERS[MinMaxScaler], 0.01)
    monkeypatch.setitem(CONVERTERS, MinMaxScaler, wrong)
    with pytest.raises(UnsupportedModelError, match="MinMaxScaler.*Export in float64"):
        to_onnx(model, dtype="float32")


class Stubborn(LogisticRegression):
    """Predicts the second class above one tenth, and does not say so."""

    def predict(self, X):
        return self.classes_[(self.decision_function(X) > 0.1).astype(int)]


class Opaque(ClassifierMixin, BaseEstimator):
    """A model that states another's network."""

    def __init__(self, inner, shift=0.0):
        self.inner, self.shift = inner, shift
        self.classes_, self.n_features_in_ = inner.classes_, inner.n_features_in_

    def fit(self, X, y):
        return self

    def predict(self, X):
        return self.classes_[(self.inner.decision_function(X) > self.shift).astype(int)]

    def __sklearn_is_fitted__(self):
        return True

    def __sklip_network__(self):
        from sklip.networks import network_view

        return network_view(self.inner).network


def test_labels_are_those_of_predict(table):
    X, labels, _ = table
    inner = LogisticRegression(max_iter=500).fit(X[:, :1], np.minimum(labels, 1))
    made = to_onnx(Opaque(inner))
    assert [value.name for value in made.graph.output] == ["label"]
    with pytest.raises(UnsupportedModelError, match="Opaque.*predict gives"):
        to_onnx(Opaque(inner, shift=0.2), X=X[:, :1])
    with pytest.raises(UnsupportedModelError, match="Stubborn"):
        to_onnx(Stubborn().fit(X, np.minimum(labels, 1)))


def test_rounding_at_a_tie_is_no_difference(run):
    X = np.random.default_rng(0).normal(size=(200, 30))
    model = LogisticRegression().fit(X, (X[:, 0] > 0.0).astype(int))
    # All rows on the boundary, up to rounding, which decides otherwise elsewhere.
    normal = model.coef_[0]
    X -= model.decision_function(X)[:, None] * normal / (normal @ normal)
    found = run(to_onnx(model, X=X), X)["label"]
    assert (found != model.predict(X)).any()
    to_onnx(model, dtype="float32", X=X)


def test_float32_that_loses_everything_is_refused():
    X = 1e9 + np.random.default_rng(0).normal(size=(50, 2))
    model = make_pipeline(StandardScaler(with_std=False), Ridge()).fit(X, X[:, 0])
    to_onnx(model)
    shifted = make_pipeline(MinMaxScaler(), Ridge()).fit(X, X[:, 0])
    with pytest.raises(UnsupportedModelError, match="float64"):
        to_onnx(shifted, dtype="float32")


def test_drawn_rows_reach_beyond_the_ranges_and_know_gaps_and_words(table, mixed):
    X, labels, _ = table
    steps = ColumnTransformer(
        [
            ("s", MinMaxScaler(), ["v"]),
            ("e", OrdinalEncoder(), ["colour"]),
            ("i", make_pipeline(SimpleImputer(), StandardScaler()), ["gap"]),
        ]
    )
    vote = VotingClassifier(
        [("a", FixedThresholdClassifier(model_behind(steps)))], voting="soft"
    )
    known = survey(vote.fit(mixed, labels > 0), 5)
    rows = known.draw(5, 400)
    assert known.text == {2}
    assert set(rows[:, 2]) == set(mixed["colour"])
    v, gap = rows[:, 1].astype(float), rows[:, 4].astype(float)
    assert v.min() < mixed["v"].min() and v.max() > mixed["v"].max()
    assert 0.1 < np.isnan(gap).mean() < 0.3
    assert abs(np.nanmean(gap) - X[:, 3].mean()) < X[:, 3].std()


def test_rows_of_logarithms_are_positive_and_others_can_be_given(table):
    X, labels, _ = table
    given = np.exp(StandardScaler().fit_transform(X))
    to_onnx(model_behind(FunctionTransformer(np.log)).fit(given, labels))
    steps = [FunctionTransformer(np.negative), PowerTransformer(method="box-cox")]
    model = model_behind(*steps).fit(-given, labels)
    with pytest.raises(ValueError, match="Give some as X.*positive"):
        to_onnx(model)
    to_onnx(model, X=-given)


def test_given_rows_say_which_columns_are_text(table):
    X, labels, _ = table
    frame = pd.DataFrame({"u": X[:, 0], "note": "none"})
    steps = ColumnTransformer([("s", StandardScaler(), ["u"]), ("d", "drop", ["note"])])
    model = model_behind(steps).fit(frame, labels)
    made = to_onnx(model, X=frame)
    assert [value.name for value in made.graph.input] == ["u"]


def test_missing_text_is_refused(table):
    X, labels, _ = table
    frame = pd.DataFrame({"word": np.where(X[:, 0] > 0, "yes", "no")}, dtype=object)
    model = model_behind(OneHotEncoder()).fit(frame, labels)
    frame.loc[3, "word"] = None
    with pytest.raises(UnsupportedModelError, match="'word'.*no strings"):
        to_onnx(model, X=frame)


def test_text_where_numbers_are_needed(table):
    X, labels, _ = table
    frame = pd.DataFrame({"word": np.where(X[:, 0] > 0, "1", "2")})
    model = model_behind(StandardScaler()).fit(frame.astype(float), labels)
    with pytest.raises(UnsupportedModelError, match="StandardScaler.*columns of text"):
        to_onnx(model, X=frame)


def object_array(entries):
    array = np.empty(len(entries), dtype=object)
    array[:] = entries
    return array


@pytest.mark.parametrize("categories", [[1, "a"], [b"a", b"b"], [(1, 2), (3, 4)]])
def test_categories_that_onnx_has_no_type_for(categories):
    with pytest.raises(UnsupportedModelError, match="strings or of numbers"):
        are_text(object_array(categories), "OneHotEncoder")


def test_labels_that_onnx_has_no_type_for(table):
    X, labels, _ = table
    model = LogisticRegression(max_iter=500)
    model.fit(X, labels > 0)
    model.classes_ = np.array([("a",), 1], dtype=object)
    with pytest.raises(UnsupportedModelError, match="neither integers nor strings"):
        to_onnx(model)


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match="Writing ONNX.*pip install onnx"):
        to_onnx(random_network([2, 3, 1], random_state=0))


def test_a_function_of_rows_is_not_confused_with_one_of_columns(table):
    X, labels, _ = table
    model = model_behind(FunctionTransformer(np.tanh)).fit(X, labels)
    with pytest.raises(ValueError, match="3 columns|shape|features"):
        to_onnx(model, X=X[:, :3])


@pytest.mark.parametrize("size", [1e-20, 1.0, 1e20])
def test_columns_are_compared_in_their_own_units(size):
    expected = np.array([[size, 1.0], [-0.5 * size, 1.0]])
    for share, raised in ((0.5, False), (2.0, True)):
        found = expected + [[0.0, 0.0], [share * RTOL["float64"] * size, 0.0]]
        check = partial(_check, "step", "transform", found, expected, "float64", 0.0)
        if raised:
            with pytest.raises(UnsupportedModelError):
                check()
        else:
            check()
