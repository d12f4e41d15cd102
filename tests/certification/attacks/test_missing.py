# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Entries that are missing stay missing: in every attack, and in what is verified."""

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklip.certification import (
    adversarial_accuracy_score,
    adversarial_interval,
    certified_interval,
    certified_radius,
    minimum_norm_attack,
    pgd_attack,
    robustness_bracket,
    verify_robustness,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def gappy():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(240, 3))
    y = (3.0 * X[:, 0] + X[:, 1] - X[:, 2] > 0).astype(int)
    missing = rng.random(X.shape) < 0.3
    X[missing] = np.nan
    return X, y


@pytest.fixture(scope="module")
def model(gappy):
    net = MLPClassifier((5,), max_iter=400, random_state=0, learning_rate_init=0.02)
    return make_pipeline(SimpleImputer(add_indicator=True), net).fit(*gappy)


@pytest.fixture(scope="module")
def rows(gappy):
    X = gappy[0]
    chosen = np.isnan(X).any(axis=1)
    return X[chosen][:24]


@pytest.mark.parametrize("norm", [1, 2, np.inf])
def test_points_are_rows_with_the_same_gaps(norm, model, rows):
    labels = model.predict(rows)
    still = np.isnan(rows)
    assert still.any()
    attacks = {
        "pgd": pgd_attack(model, rows, radius=1.5, norm=norm, random_state=0),
        "nearest": minimum_norm_attack(model, rows, norm=norm, random_state=0),
    }
    for name, (points, outcome) in attacks.items():
        flipped = outcome if name == "pgd" else np.isfinite(outcome)
        np.testing.assert_array_equal(np.isnan(points), still)
        assert 0 < np.count_nonzero(flipped)
        moved = model.predict(points) != labels
        np.testing.assert_array_equal(moved, flipped)
    # With everything missing nothing can move.
    empty = np.full((2, 3), np.nan)
    assert not pgd_attack(model, empty, radius=9.0, norm=norm)[1].any()
    assert np.isinf(minimum_norm_attack(model, empty, norm=norm)[1]).all()
    assert np.isinf(certified_radius(model, empty, norm=norm)).all()
    score = adversarial_accuracy_score(
        model, empty, model.predict(empty), radius=9.0, norm=norm
    )
    assert score == 1.0


def distances(model, row, norm):
    """Distance of the nearest flip on a fine grid of the entries that are there."""
    present = np.flatnonzero(~np.isnan(row))
    axis = np.linspace(-3.0, 3.0, 61)
    steps = np.stack(np.meshgrid(*[axis] * len(present)), axis=-1)
    steps = steps.reshape(-1, len(present))
    moved = np.repeat(row[None], len(steps), axis=0)
    moved[:, present] += steps
    flips = model.predict(moved) != model.predict(row[None])
    return np.linalg.norm(steps[flips], norm, axis=1).min(initial=np.inf)


@pytest.mark.parametrize("norm", [2, np.inf])
def test_brackets_hold_the_nearest_flip_with_the_same_gaps(norm, model, rows):
    rows = rows[(~np.isnan(rows)).any(axis=1)][:10]
    lower, upper = robustness_bracket(model, rows, norm=norm, random_state=0)
    nearest = np.array([distances(model, row, norm) for row in rows])
    assert np.all(lower <= nearest)
    found = np.isfinite(nearest)
    assert found.sum() >= 5
    # The grid is not finer than a tenth.
    assert np.all(nearest[found] <= upper[found] + 0.15)
    assert np.all(upper[found] <= nearest[found] * 1.05)
    # Small ReLU networks are settled, since nothing else moves in the proof either.
    assert np.all(lower[found] >= 0.8 * upper[found])


def test_verification_agrees_with_the_grid(model, rows):
    rows = rows[(~np.isnan(rows)).any(axis=1)][:12]
    nearest = np.array([distances(model, row, 2) for row in rows])
    labels = model.predict(rows)
    seen = set()
    for radius in (0.3, 1.0):
        found = verify_robustness(model, rows, radius=radius)
        for row, label, result, far in zip(rows, labels, found, nearest, strict=True):
            seen.add(result.status)
            if result.status == "falsified":
                point = result.point[None]
                assert model.predict(point)[0] != label
                assert np.linalg.norm((point - row)[~np.isnan(point - row)]) <= radius
            else:
                assert result.status == "verified" and far > radius
    assert seen == {"verified", "falsified"}


def test_many_patterns_are_certified_together_and_hold(monkeypatch, model, rows):
    rows = rows[:10]
    apart = certified_radius(model, rows, method="crown")
    monkeypatch.setattr("sklip.certification._decided._MOST_PATTERNS", 1)
    together = certified_radius(model, rows, method="crown")
    assert np.all(together <= apart * (1 + 1e-9))
    assert np.any(together < 0.9 * apart)


def test_intervals_and_their_attacks(gappy, rows):
    X, _ = gappy
    target = np.nan_to_num(X[:, 0]) * 2.0 + np.isnan(X[:, 1])
    net = MLPRegressor(hidden_layer_sizes=(5,), max_iter=300, random_state=0)
    model = make_pipeline(SimpleImputer(add_indicator=True), net).fit(X, target)
    attacked = adversarial_interval(model, rows, radius=0.5, return_points=True)
    lower, upper = certified_interval(model, rows, radius=0.5)
    for reached, points in zip(attacked[:2], attacked[2:], strict=True):
        np.testing.assert_array_equal(model.predict(points), reached)
        assert np.all(reached <= upper) and np.all(reached >= lower)
    empty = np.full((1, 3), np.nan)
    low, high = adversarial_interval(model, empty, radius=0.5)
    assert low == high


def test_curved_columns_are_not_moved_as_if_they_were_straight():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 2))
    curve = make_pipeline(StandardScaler(), FunctionTransformer(np.tanh))
    transformer = make_column_transformer((curve, [0]), ("passthrough", [1]))
    net = MLPRegressor(hidden_layer_sizes=(4,), max_iter=300, random_state=0)
    model = make_pipeline(transformer, net).fit(X, np.tanh(X[:, 0]) + X[:, 1])
    *values, low, high = adversarial_interval(model, X, radius=2.0, return_points=True)
    for reached, rows in zip(values, (low, high), strict=True):
        np.testing.assert_array_equal(rows[:, 0], X[:, 0])
        assert (rows[:, 1] != X[:, 1]).all()
        np.testing.assert_array_equal(model.predict(rows), reached)


def test_linear_models_too(gappy):
    X, y = gappy
    model = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression())
    model.fit(X, y)
    rows = X[:30]
    slopes = np.abs(model[-1].coef_[0] / model[1].scale_)
    slopes = np.where(np.isnan(rows), 0.0, slopes)
    exact = np.abs(model.decision_function(rows)) / np.linalg.norm(slopes, axis=1)
    exact[np.isnan(rows).all(axis=1)] = np.inf
    np.testing.assert_allclose(certified_radius(model, rows), exact, rtol=1e-9)
    found = minimum_norm_attack(model, rows, random_state=0)[1]
    np.testing.assert_allclose(found, exact, rtol=1e-3)
