# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Sparse X: the same models as from dense X, and never a dense copy of all of it."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklip import (
    ADMMLipschitzMLPClassifier,
    ADMMLipschitzMLPRegressor,
    LipschitzBoundedMLPClassifier,
    LipschitzBoundedMLPRegressor,
    LipschitzRegularizedMLPClassifier,
    LipschitzRegularizedMLPRegressor,
    NoiseLipschitzClassifier,
    NoiseLipschitzRegressor,
    certified_radius,
    lipschitz_bound,
    nearest_flip,
)
from sklip.exceptions import UnsupportedModelError
from sklip.training import LipschitzHistory

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
)

MODELS = [
    ADMMLipschitzMLPClassifier((8,), max_iter=3, random_state=0),
    ADMMLipschitzMLPRegressor((8,), max_iter=3, solver="lbfgs", random_state=0),
    LipschitzBoundedMLPClassifier((8,), max_iter=3, random_state=0),
    LipschitzBoundedMLPRegressor((8,), max_iter=3, random_state=0),
    LipschitzRegularizedMLPClassifier(
        (8,), max_iter=3, early_stopping=True, random_state=0
    ),
    LipschitzRegularizedMLPRegressor(
        (8,), max_iter=3, solver="lbfgs", penalty="jacobian", random_state=0
    ),
    NoiseLipschitzClassifier((8,), max_iter=3, random_state=0),
    NoiseLipschitzClassifier(max_iter=3, module="cnn", random_state=0),
    NoiseLipschitzRegressor((8,), max_iter=3, solver="lbfgs", random_state=0),
]


@pytest.fixture(scope="module")
def table():
    """A matrix with many zeros, as array; labels that depend on two columns."""
    rng = np.random.default_rng(0)
    X = np.where(rng.random((120, 25)) < 0.3, rng.normal(size=(120, 25)), 0.0)
    return X, (X[:, 0] + X[:, 1] > 0).astype(int)


def _name(model):
    return f"{type(model).__name__}-{getattr(model, 'module', None)}"


@pytest.mark.parametrize("model", MODELS, ids=_name)
@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csc_matrix])
def test_a_sparse_table_gives_the_model_of_the_dense_one(model, kind, table):
    X, y = table
    dense, other = clone(model).fit(X, y), clone(model).fit(kind(X), y)
    assert other.loss_curve_ == pytest.approx(dense.loss_curve_, rel=1e-9)
    np.testing.assert_allclose(other.predict(kind(X)), dense.predict(X), atol=1e-9)
    np.testing.assert_array_equal(other.predict(kind(X)), other.predict(X))
    assert other.score(kind(X), y) == other.score(X, y)
    if getattr(model, "solver", "adam") != "lbfgs":
        labels = {"classes": [0, 1]} if hasattr(dense, "classes_") else {}
        streams = [
            clone(model).set_params(early_stopping=False).partial_fit(Z, y, **labels)
            for Z in (X, kind(X))
        ]
        outputs = [stream.predict(X) for stream in streams]
        np.testing.assert_allclose(*outputs, atol=1e-9)


@pytest.mark.parametrize("options", [{}, {"solver": "lbfgs"}, {"early_stopping": True}])
def test_no_more_than_a_block_is_ever_dense(monkeypatch, options):
    rng = np.random.default_rng(0)
    X = sparse.random_array((700, 40_000), density=1e-3, format="csr", rng=rng)
    y = rng.integers(2, size=700)
    taken = []
    toarray = sparse.csr_array.toarray

    def recording(self, *args, **kwargs):
        taken.append(self.shape[0])
        return toarray(self, *args, **kwargs)

    monkeypatch.setattr(sparse.csr_array, "toarray", recording)
    model = LipschitzRegularizedMLPClassifier(
        (4,), batch_size=50, max_iter=2, certificate=None, penalty="none", **options
    )
    model.fit(X, y).predict_proba(X[:200])
    assert max(taken) <= 200 < len(y) < sum(taken)


def test_explicit_zeros_and_single_precision(table):
    X, y = table
    rows = sparse.csr_array(X.astype(np.float32))
    rows.data[:5] = 0.0
    model = LipschitzRegularizedMLPClassifier((8,), max_iter=2, random_state=0)
    dense = clone(model).fit(rows.toarray(), y)
    np.testing.assert_array_equal(model.fit(rows, y).coefs_[0], dense.coefs_[0])
    assert dense.net_.module_.flat.numpy().dtype == np.float32


def test_a_history_of_bounds_scores_sparse_samples(table):
    X, y = table
    model = LipschitzRegularizedMLPClassifier(
        (8,), max_iter=2, callbacks=[LipschitzHistory()], random_state=0
    )
    dense = clone(model).fit(X, y).history_[:, "accuracy"]
    assert model.fit(sparse.csr_array(X), y).history_[:, "accuracy"] == dense


def test_radii_of_sparse_rows_are_those_of_dense_ones(table):
    X, y = table
    rows = sparse.csc_array(X)
    model = LipschitzRegularizedMLPClassifier((8,), max_iter=9, random_state=0)
    model = make_pipeline(StandardScaler(with_mean=False), model).fit(rows, y)
    # Dense rows of a scaler without a center are scaled by the same numbers.
    np.testing.assert_allclose(
        radii := certified_radius(model, rows[:3], method="crown"),
        certified_radius(model, X[:3], method="crown"),
        rtol=1e-9,
    )
    flips = nearest_flip(model, rows[:3])
    assert sparse.issparse(flips.rows)
    assert np.all(flips.distances >= radii)


@pytest.fixture(scope="module")
def texts():
    """A number, a category and a text in each row."""
    rng = np.random.default_rng(0)
    words = np.array(["good", "bad", "red", "blue", "small"])
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=80),
            "kind": rng.choice(["a", "b", "c"], 80),
            "text": [" ".join(rng.choice(words, 3)) for _ in range(80)],
        }
    )
    return frame, (frame["size"] + frame["text"].str.contains("good") > 0.5).to_numpy()


def test_encoders_that_give_sparse_columns_stay_still(texts):
    frame, y = texts
    columns = make_column_transformer(
        (StandardScaler(), ["size"]),
        (OneHotEncoder(), ["kind"]),
        (TfidfVectorizer(), "text"),
        sparse_threshold=1.0,
    )
    model = LipschitzRegularizedMLPClassifier((8,), max_iter=30, random_state=0)
    model = make_pipeline(columns, model).fit(frame, y)
    assert sparse.issparse(model[0].transform(frame))
    radii = certified_radius(
        model, frame[:20], feature_eps={"size": 1.0}, method="crown"
    )
    assert np.all(radii > 0.0)
    labels = model.predict(frame[:20])
    for step in (-0.999, 0.999):
        moved = frame[:20].assign(size=frame["size"][:20] + step * radii)
        np.testing.assert_array_equal(model.predict(moved), labels)
    assert float(lipschitz_bound(model[-1])) > 0.0


def test_a_pipeline_of_texts_says_what_can_be_certified(texts):
    frame, y = texts
    model = LipschitzRegularizedMLPClassifier((8,), max_iter=2, random_state=0)
    model = make_pipeline(TfidfVectorizer(), model).fit(frame["text"], y)
    with pytest.raises(UnsupportedModelError, match=r"TfidfVectorizer.*model\[1:\]"):
        certified_radius(model, frame["text"])
    rows = model[0].transform(frame["text"])
    assert np.all(certified_radius(model[1:], rows, method="crown") >= 0.0)
