# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Rows written back into the user's own table, whatever stands between."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklip.certification import (
    adversarial_interval,
    minimum_norm_attack,
    pgd_attack,
    verify_robustness,
)
from sklip.networks import FeedForward, RowWriter, network_view

NET = FeedForward([[[1.5, 2.0, 0.0], [-1.5, -2.0, 0.0]]])


@pytest.fixture(scope="module")
def census_like():
    rng = np.random.default_rng(0)
    n = 80
    X = pd.DataFrame(
        {
            "job": rng.choice(["a", "b", "c"], n),
            "income": rng.normal(3e4, 8e3, n).astype(np.float32),
            "age": rng.integers(18, 80, n),
            "kids": pd.array(rng.integers(0, 5, n), dtype="Int64"),
            "hours": np.where(rng.random(n) < 0.3, np.nan, rng.normal(40, 9, n)),
            "member": rng.random(n) < 0.5,
        },
        index=[f"row {i}" for i in range(n)],
    )
    y = (X["age"] - 45) / 9 + 2 * X["member"] + (X["job"] == "a") > 0.5
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    model = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(), ["job"]),
            (numbers, ["hours", "age", "kids"]),
            remainder=StandardScaler(),
        ),
        LogisticRegression(),
    )
    return model.fit(X, np.where(y, "yes", "no")), X


EPS = {"age": 2.0, "income": 1e4, "kids": 1.0, "hours": 5.0, "member": 1.0}


@pytest.mark.parametrize("norm", [1, 2, np.inf])
def test_flips_are_rows_of_a_mixed_table(norm, census_like):
    model, X = census_like
    arguments = {"norm": norm, "feature_eps": EPS, "random_state": 0}
    rows, distances = minimum_norm_attack(model, X, **arguments)
    pd.testing.assert_index_equal(rows.index, X.index)
    pd.testing.assert_series_equal(rows.dtypes, X.dtypes)
    assert (rows["job"] == X["job"]).all()
    assert (rows["hours"].isna() == X["hours"].isna()).all()
    found = np.isfinite(distances)
    assert found.mean() > 0.8
    assert np.all((model.predict(rows) != model.predict(X)) == found)
    steps = [
        (rows[name].astype(float) - X[name].astype(float)).abs() / eps
        for name, eps in EPS.items()
    ]
    steps = np.nan_to_num(np.column_stack(steps))
    lengths = np.linalg.norm(steps, norm, axis=1)
    np.testing.assert_allclose(lengths[found], distances[found], rtol=1e-9)
    assert np.all(lengths[found] <= distances[found])
    assert np.all(lengths[~found] == 0.0)


@pytest.mark.parametrize("norm", [1, 2, np.inf])
def test_points_of_a_ball_are_rows_inside_it(norm, census_like):
    model, X = census_like
    ball = {"norm": norm, "feature_eps": EPS, "radius": 1.5}
    rows, flipped = pgd_attack(model, X, random_state=0, **ball)
    assert 5 < flipped.sum() < len(X)
    pd.testing.assert_series_equal(rows.dtypes, X.dtypes)
    assert np.all((model.predict(rows) != model.predict(X)) == flipped)
    labels = model.predict(X)
    verdicts = verify_robustness(model, X[:20], **ball)
    assert {v.status for v in verdicts} == {"verified", "falsified"}
    points = [rows] + [v.point for v in verdicts if v.point is not None]
    for point in points:
        moved = [
            (point[name].astype(float) - X.loc[point.index, name].astype(float)) / eps
            for name, eps in EPS.items()
        ]
        moved = np.nan_to_num(np.column_stack(moved))
        assert np.all(np.linalg.norm(moved, norm, axis=1) <= 1.5 * (1 + 1e-12))
    for label, verdict in zip(labels, verdicts, strict=False):
        if verdict.point is not None:
            assert model.predict(verdict.point)[0] != label


def test_whole_numbers_of_an_array_stay_whole():
    X = np.array([[3, 4, 1], [0, 1, 7], [-2, 1, 0]], dtype=np.int16)
    rows, distances = minimum_norm_attack(NET, X, random_state=0)
    assert rows.dtype == np.int16
    assert np.isfinite(distances).all()
    assert np.all(NET.forward(rows).argmax(1) != NET.forward(X).argmax(1))
    lists, nearer = minimum_norm_attack(NET, X.tolist(), random_state=0)
    assert lists.dtype == np.float64 and np.all(nearer <= distances)
    # A ball of radius 0.9 holds no whole step; the verifier's points may be fractions.
    assert not pgd_attack(NET, X[[1]], radius=0.9, random_state=0)[1].any()
    verdict = verify_robustness(NET, X[[1]], radius=0.9)[0]
    assert verdict.status == "falsified" and verdict.point.dtype == np.float64


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csc_matrix])
def test_sparse_rows_stay_sparse(kind):
    X = kind([[3.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    rows, distances = minimum_norm_attack(NET, X, random_state=0)
    assert type(rows) is kind and np.isfinite(distances).all()
    labels = NET.forward(X.toarray()).argmax(axis=1)
    assert np.all(NET.forward(rows.toarray()).argmax(axis=1) != labels)


def test_single_precision_does_not_undo_a_flip():
    X = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    model = LogisticRegression().fit(X, X @ [1.0, 2.0, 0.5] > 0.1)
    rows, distances = minimum_norm_attack(model, X, random_state=0)
    assert rows.dtype == np.float32
    assert np.isfinite(distances).all()
    assert np.all(model.predict(rows) != model.predict(X))
    steps = np.linalg.norm(rows.astype(float) - X.astype(float), axis=1)
    assert np.all(steps <= distances)


def test_values_of_an_interval_are_predictions():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=30), "n": rng.integers(0, 9, 30)})
    from sklearn.linear_model import LinearRegression

    y = np.column_stack([X["a"] + X["n"], X["a"] - X["n"]])
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(X, y)
    lower, upper, low, high = adversarial_interval(
        model, X, radius=0.7, return_points=True, random_state=0
    )
    for output in range(2):
        assert list(low[output].columns) == ["a", "n"]
        np.testing.assert_array_equal(
            model.predict(low[output])[:, output], lower[:, output]
        )
        np.testing.assert_array_equal(
            model.predict(high[output])[:, output], upper[:, output]
        )
    assert np.all(lower < upper)


def test_what_does_not_move_is_written_bit_for_bit():
    X = pd.DataFrame({"a": [0.1 + 0.2, 1 / 3], "b": [1e300, -1e-300]})
    view = network_view(FeedForward([np.ones((2, 2))])).with_feature_eps({0: 3.0})
    writer = RowWriter(view, X)
    samples = np.arange(2)
    values = writer.values(view.encode(X), samples)
    pd.testing.assert_frame_equal(writer.rows(samples, values), X, check_exact=True)
    moved = view.encode(X) + [[1.0, 0.0], [0.0, 0.0]]
    rows = writer.rows(samples, writer.values(moved, samples))
    assert rows.loc[0, "a"] <= X.loc[0, "a"] + 3.0
    assert rows.loc[0, "a"] == pytest.approx(X.loc[0, "a"] + 3.0)
    pd.testing.assert_frame_equal(rows.iloc[1:], X.iloc[1:], check_exact=True)
