# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Statements of functions and transformers: what a few rows contradict is refused."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklip.certification import certified_radius
from sklip.exceptions import UnsupportedModelError
from sklip.networks import network_view
from sklip.preprocessing import LipschitzScaler


@pytest.fixture(scope="module")
def blobs():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    return X, (X[:, 0] + X[:, 1] > 0).astype(int)


def stated(function, slope=1.0):
    def func(X, **kwargs):
        return function(X, **kwargs)

    func.slope = slope
    return func


def in_place(X):
    X *= 0.5
    return X


def guarded(X):
    if not (np.asarray(X) >= 0.0).all():
        raise ValueError("negative")
    return np.log1p(X)


CONTRADICTED = {
    "too steep": (lambda X: 2.0 * X, "steeper than the slope 1.0"),
    "steep in one place": (lambda X: np.tanh(20.0 * (X - 3.0)), "steeper"),
    "only below zero": (np.log1p, "steeper"),
    "a jump": (np.sign, "steeper"),
    "an infinite value": (lambda X: 1.0 / X, "steeper"),
    "one column into another": (
        lambda X: X + 1e-3 * np.roll(X, 1, axis=1),
        "mixes columns",
    ),
    "one column into another where it is large": (
        lambda X: X + 1e-3 * (np.roll(X, 1, axis=1) > 4.0),
        "mixes columns",
    ),
    "the last column only": (
        lambda X: np.where(np.arange(X.shape[1]) == X.shape[1] - 1, X[:, :1], X),
        "mixes columns",
    ),
    "other rows": (lambda X: X - X.mean(axis=0), "beside other rows"),
    "fewer columns": (lambda X: X[:, :1], "shape"),
    "half a type": (lambda X: X.astype(np.float16), "float16"),
    "an error": (lambda X: X.no_such_method(), "no_such_method"),
}


@pytest.mark.parametrize("name", CONTRADICTED)
def test_contradicted_statements_are_refused_by_name(name, blobs):
    function, why = CONTRADICTED[name]
    X, y = np.abs(blobs[0]), blobs[1]
    step = FunctionTransformer(stated(function))
    try:
        model = make_pipeline(step, LogisticRegression()).fit(X, y)
    except AttributeError:
        model = make_pipeline(step, LogisticRegression().fit(X, y))
    with pytest.raises(UnsupportedModelError, match=why) as error:
        network_view(model)
    assert "FunctionTransformer" in str(error.value)


@pytest.mark.parametrize(
    "function, slope",
    [
        (np.tanh, 1.0),
        (lambda X: 3.0 * np.sin(X), 3.0),
        (lambda X: np.clip(X, -1.0, 2.0), 1.0),
        (lambda X: np.log1p(np.maximum(X, 0.0)), 1.0),
        (guarded, 1.0),
        (in_place, 0.5),
        (lambda X: X.astype(np.float32), 1.0),
        (lambda X: np.ones_like(X), 0.0),
    ],
)
@pytest.mark.parametrize("n_columns", [1, 3])
def test_true_statements_are_taken(function, slope, n_columns, blobs):
    X, y = np.abs(blobs[0][:, :n_columns]), blobs[1]
    func = stated(function, slope)
    model = make_pipeline(FunctionTransformer(func), RidgeClassifier()).fit(X.copy(), y)
    given = X.copy()
    radius = certified_radius(model, given)
    np.testing.assert_array_equal(given, X)
    flips = np.zeros(len(X), dtype=bool)
    rng = np.random.default_rng(1)
    labels = model.predict(X.copy())
    for _ in range(20):
        step = rng.normal(size=X.shape)
        step *= 0.999 * radius[:, None] / np.linalg.norm(step, axis=1, keepdims=True)
        near = np.where(np.isfinite(step), X + step, X)
        if function is not guarded or (near >= 0).all():
            flips |= model.predict(near.copy()) != labels
    assert not flips.any()


def test_rows_of_the_user_refute_what_the_grid_does_not_see(blobs):
    X, y = blobs
    func = stated(lambda X: np.tanh(40.0 * (X - 54321.0)))
    X = X + 54321.0
    model = make_pipeline(FunctionTransformer(func), RidgeClassifier()).fit(X, y)
    network_view(model)
    with pytest.raises(UnsupportedModelError, match="steeper than the slope"):
        certified_radius(model, X)
    behind = make_pipeline(StandardScaler(with_std=False), *model).fit(X + 54321.0, y)
    assert certified_radius(behind, X + 54321.0).shape == (80,)


def steep(X, steepness=1.0):
    return np.tanh(steepness * X)


def test_a_slope_for_the_arguments_in_use(blobs, monkeypatch):
    X, y = blobs
    curve = FunctionTransformer(steep, kw_args={"steepness": 30.0})
    model = make_pipeline(curve, RidgeClassifier()).fit(X, y)
    monkeypatch.setattr(steep, "slope", 30.0, raising=False)
    with pytest.raises(UnsupportedModelError, match="steep.*lambda steepness"):
        network_view(model)
    monkeypatch.setattr(steep, "slope", lambda steepness: steepness)
    assert network_view(model).units == pytest.approx([1.0] * 3 + [30.0] * 3)
    monkeypatch.setattr(steep, "slope", lambda steepness: 1.0)
    with pytest.raises(UnsupportedModelError, match="steeper than the slope 1.0"):
        network_view(model)
    monkeypatch.setattr(steep, "slope", lambda steepness=1.0: steepness)
    curve.kw_args = None
    assert network_view(model).units == pytest.approx([1.0] * 6)
    # That of np.abs is known without arguments only.
    curve = FunctionTransformer(np.abs, kw_args={"where": True})
    model = make_pipeline(curve, RidgeClassifier()).fit(X, y)
    with pytest.raises(UnsupportedModelError, match="slope is not known"):
        network_view(model)


@pytest.mark.parametrize(
    "function, dtype",
    [
        (lambda X: -X, np.uint8),
        (lambda X: -X, np.int64),
        (lambda X: np.abs(X), np.int16),
        (lambda X: X + X // 2, np.uint16),
        (lambda X: (X * 3) / 3.0, np.int32),
    ],
)
def test_integers_that_wrap_around(function, dtype, blobs):
    X, y = (50.0 + 10.0 * blobs[0]).astype(dtype), blobs[1]
    func = stated(function, 2.0)
    model = make_pipeline(FunctionTransformer(func), RidgeClassifier()).fit(X, y)
    with pytest.raises(UnsupportedModelError, match="steeper"):
        certified_radius(model, X)
    # The way out: the same numbers as floats.
    if dtype is not np.uint16:
        assert certified_radius(model, X.astype(float)).shape == (80,)


def test_functions_of_frames(blobs):
    X = pd.DataFrame(blobs[0], columns=list("abc"))
    X["b"] = X["b"].astype(np.float32)
    func = stated(lambda X: X.clip(lower=-0.5))
    model = make_pipeline(FunctionTransformer(func), RidgeClassifier()).fit(X, blobs[1])
    assert np.isfinite(certified_radius(model, X)).all()
    func = stated(lambda X: X.assign(c=X["a"]))
    model = make_pipeline(FunctionTransformer(func), RidgeClassifier()).fit(X, blobs[1])
    with pytest.raises(UnsupportedModelError, match="mixes columns"):
        certified_radius(model, X)


def test_sparse_rows(blobs):
    X, y = np.where(blobs[0] > 0.3, blobs[0], 0.0), blobs[1]
    func = stated(lambda X: 0.5 * X, 0.5)
    model = make_pipeline(FunctionTransformer(func), RidgeClassifier()).fit(X, y)
    assert certified_radius(model, X).all()
    with pytest.raises(UnsupportedModelError, match="sparse"):
        certified_radius(model, sparse.csr_array(X))


class Doubling(TransformerMixin, BaseEstimator):
    """States its map; whether that is true, writes or mixes is up to the test."""

    stated, write = 2.0, False

    def fit(self, X, y=None):
        self.n_features_in_ = np.shape(X)[1]
        return self

    def transform(self, X):
        if self.write:
            X *= 2.0
            return X
        return 2.0 * np.asarray(X)

    def __sklip_affine__(self):
        n = self.n_features_in_
        return np.full(n, self.stated), np.zeros(n)


class Tripling(Doubling):
    def transform(self, X):
        return 3.0 * np.asarray(X)


def test_maps_that_are_stated(blobs, assert_parity):
    X, y = blobs
    model = make_pipeline(Doubling(), RidgeClassifier()).fit(X, y)
    assert_parity(model, X)
    model[0].stated = 2.0001
    with pytest.raises(UnsupportedModelError, match="Doubling.*not to"):
        network_view(model)
    model = make_pipeline(Tripling(), RidgeClassifier()).fit(X, y)
    with pytest.raises(UnsupportedModelError, match="Tripling overrides transform"):
        network_view(model)
    scaler = LipschitzScaler(tolerance=[1.0, 0.1, 3.0])
    assert_parity(make_pipeline(scaler, RidgeClassifier()).fit(X, y), X)


@pytest.mark.parametrize("kind", ["function", "map"])
def test_what_writes_is_refused_beside_another_branch(kind, blobs):
    X, y = blobs
    step = FunctionTransformer(stated(in_place, 0.5))
    if kind == "map":
        step = Doubling()
        step.write = True
    union = FeatureUnion([("plain", "passthrough"), ("written", step)])
    union.fit(X)
    model = make_pipeline(union, RidgeClassifier())
    model.steps[1][1].fit(union.transform(X.copy()), y)
    with pytest.raises(UnsupportedModelError, match="writes into its input"):
        network_view(model)
    alone = make_pipeline(FeatureUnion([("written", step)]), RidgeClassifier())
    alone.steps[1][1].fit(alone[0].transform(X.copy()), y)
    assert certified_radius(alone, X).shape == (80,)


def jump(where):
    """Constant but for a jump of a thousandth."""

    def function(x):
        return np.where(x > where, 1e-3, 0.0)

    function.slope = 1.0
    return function


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_a_step_right_beside_a_row_contradicts_a_slope(side):
    """Half a millionth of one plus its size away: too near for a grid."""
    columns, beside = np.linspace(-1.0, 1.0, 8)[:, None], 2.02
    with_it = np.append(columns, [[beside]], axis=0)
    step = jump(beside + side * 0.5e-6 * (1.0 + beside))
    model = make_pipeline(FunctionTransformer(step), RidgeClassifier())
    model.fit(with_it, np.arange(9) % 2)
    assert certified_radius(model, columns).shape == (8,)
    with pytest.raises(UnsupportedModelError, match="steeper than the slope"):
        certified_radius(model, with_it)


class AlmostDouble(TransformerMixin, BaseEstimator):
    """Twice the numbers, but for one of them."""

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return np.where(X == 10.0, 21.0, 2.0 * X)

    def __sklip_affine__(self):
        return np.full(self.n_features_in_, 2.0), np.zeros(self.n_features_in_)


def test_a_single_number_contradicts_a_map():
    X = np.linspace(-1.0, 1.0, 8)[:, None]
    model = make_pipeline(AlmostDouble(), RidgeClassifier()).fit(X, np.arange(8) % 2)
    with pytest.raises(UnsupportedModelError, match="10.0 to 21.0, and not to 20.0"):
        network_view(model)
