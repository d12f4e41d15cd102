# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The nearest flip under bounds and whole steps, against all points of small grids.

Also tests of ``certification/_attacks/found.py`` and
``certification/_attacks/whole_steps.py``.
"""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklip.certification import certified_radius, minimum_norm_attack, nearest_flip
from sklip.networks import random_network

NETWORK = random_network((3, 12, 12, 3), gain=2.5, random_state=0)
NORMS = [1, 2, np.inf]


def nearest_of_grid(X, units, norm, low, high):
    """Distance of the nearest flip of each row among whole steps inside bounds."""
    steps = np.array(list(product(range(-12, 13), repeat=X.shape[1])))
    found = []
    for x in X:
        points = x + steps
        inside = ((points >= low) & (points <= high)).all(axis=1)
        flips = NETWORK.forward(points).argmax(1) != NETWORK.forward(x[None]).argmax(1)
        lengths = np.linalg.norm(steps / units, norm, axis=1)[inside & flips]
        found.append(lengths.min(initial=np.inf))
    return np.array(found)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("offset", [0.0, 0.25])
def test_whole_steps_find_the_nearest_point_of_the_grid(norm, offset):
    X = np.random.default_rng(0).integers(-4, 5, size=(12, 3)) + offset
    units, low, high = np.array([1.0, 2.0, 0.5]), -5.0, 6.0
    flips = nearest_flip(
        NETWORK,
        X,
        norm=norm,
        feature_eps=dict(enumerate(units)),
        bounds=dict.fromkeys(range(3), (low, high)),
        integer=[0, 1, 2],
    )
    exact = nearest_of_grid(X, units, norm, low, high)
    np.testing.assert_allclose(flips.distances, exact, rtol=1e-12)
    assert np.isfinite(exact).any()
    steps = flips.rows - X
    np.testing.assert_array_equal(steps, np.rint(steps))


@pytest.mark.parametrize("norm", NORMS)
def test_fractions_beside_whole_steps_stay_inside_and_flip(norm):
    X = np.random.default_rng(1).integers(-3, 4, size=(30, 3)).astype(float)
    X[:, 2] += 0.3
    bounds = {0: (-3.0, 4.0), 2: (-3.0, np.inf)}
    rows, distances = nearest_flip(NETWORK, X, norm=norm, bounds=bounds, integer=[0])
    found = np.isfinite(distances)
    assert found.mean() > 0.8
    labels = NETWORK.forward(X).argmax(axis=1)
    assert np.all((NETWORK.forward(rows).argmax(axis=1) != labels) == found)
    assert rows[:, 0].min() >= -3.0 and rows[:, 0].max() <= 4.0
    assert rows[:, 2].min() >= -3.0
    np.testing.assert_array_equal(rows[:, 0], np.rint(rows[:, 0]))
    lengths = np.linalg.norm(rows - X, norm, axis=1)
    np.testing.assert_allclose(lengths[found], distances[found], rtol=1e-12)
    # Seldom much farther than what may move freely, never below what is proven.
    free = minimum_norm_attack(NETWORK, X, norm=norm, n_restarts=5, random_state=0)[1]
    assert np.median(distances[found] / free[found]) < 1.5
    assert np.all(distances >= certified_radius(NETWORK, X, norm=norm, method="crown"))


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "age": rng.integers(18, 80, 100),
            "income": rng.normal(30.0, 8.0, 100),
            "job": rng.choice(list("abc"), 100),
        },
        index=np.arange(100)[::-1],
    )
    y = (X["age"] - 45) / 9 + (X["income"] - 30) / 8 + (X["job"] == "a") > 0.5
    encoder = make_column_transformer(
        (OneHotEncoder(), ["job"]), remainder=StandardScaler()
    )
    net = MLPClassifier((6,), solver="lbfgs", alpha=1.0, random_state=0)
    return make_pipeline(encoder, net).fit(X, np.where(y, "yes", "no")), X[:12]


def test_table_shows_both_sides(table):
    model, X = table
    bounds = {"age": (18, 80), "income": (0, 100)}
    flips = nearest_flip(model, X, bounds=bounds)
    found = np.isfinite(flips.distances)
    assert found.all()
    shown = flips.table
    pd.testing.assert_index_equal(shown.index, X.index)
    assert (shown["prediction"] == model.predict(X)).all()
    assert (shown["flips_to"] == model.predict(flips.rows)).all()
    for name in ("age", "income"):
        np.testing.assert_array_equal(shown[name], X[name])
        np.testing.assert_array_equal(shown[f"{name} (flip)"], flips.rows[name])
        assert flips.rows[name].between(*bounds[name]).all()
    assert "job" not in shown
    first = flips.rows.iloc[0]["age"]
    assert f"age: {X.iloc[0]['age']} → {first}" in shown["changes"].iloc[0] or (
        first == X.iloc[0]["age"]
    )
    assert "<table" in flips._repr_html_()


def test_nothing_is_found_where_bounds_leave_no_flip(table):
    model, X = table
    still = {
        "age": (X["age"].min(), X["age"].max()),
        "income": (X["income"].min(), X["income"].max()),
    }
    one = X[:1]
    pinned = {name: (one[name].iloc[0],) * 2 for name in still}
    rows, distances = nearest_flip(model, one, bounds=pinned)
    assert np.isinf(distances).all()
    pd.testing.assert_frame_equal(rows, one)
    flips = nearest_flip(model, one, bounds=pinned)
    assert flips.table["flips_to"].isna().all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bounds": {"age": (50, 10)}}, "bounds of 'age'"),
        ({"bounds": {"age": 3}}, "bounds of 'age'"),
        ({"bounds": {"age": (0, np.nan)}}, "bounds of 'age'"),
        ({"bounds": {"age": (79, 80)}}, "bounds of 'age' are"),
        ({"bounds": {"height": (0, 1)}}, "bounds names the unknown column 'height'"),
        ({"bounds": {"job": (0, 1)}}, "bounds names column 'job'"),
        ({"bounds": [(0, 1)]}, "bounds must map"),
        ({"integer": ["height"]}, "integer names the unknown column 'height'"),
        ({"integer": ["job"]}, "integer names column 'job'"),
        ({"integer": 2.5}, "integer must be a list"),
        ({"norm": 3}, "norm must be"),
    ],
)
def test_bad_arguments(arguments, message, table):
    model, X = table
    with pytest.raises((ValueError, TypeError), match=message):
        nearest_flip(model, X, **arguments)
