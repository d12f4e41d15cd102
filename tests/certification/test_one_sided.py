# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Tolerances that differ below and above a value, end to end."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklip import CertifiedIntervalRegressor, CertifiedRejectClassifier
from sklip.certification import (
    adversarial_interval,
    certified_accuracy_score,
    certified_error_score,
    certified_interval,
    certified_radius,
    minimum_norm_attack,
    pgd_attack,
    robustness_bracket,
    verify_robustness,
)
from sklip.metrics import make_certified_accuracy_scorer
from sklip.networks import FeedForward, random_network

NORMS = [1, 2, np.inf]
DUAL = {1: np.inf, 2: 2, np.inf: 1}
# Of four inputs: both ways differently, up only, down only, not at all.
EPS = {0: (0.5, 2.0), 1: (0.0, 1.0), 2: (3.0, 0.0)}
DOWN, UP = np.array([0.5, 0.0, 3.0, 0.0]), np.array([2.0, 1.0, 0.0, 0.0])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def _length(delta, norm):
    """Length of changes in the tolerances of their directions, inf where one is 0."""
    eps = np.where(delta > 0.0, UP, DOWN)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.linalg.norm(np.where(delta == 0.0, 0.0, delta / eps), norm, axis=1)


def _changes(norm, n, rng):
    """Random changes of length one, corners and single columns among them."""
    draw = rng.normal(size=(n, 4)) * rng.choice([1e-6, 1.0], size=(n, 4))
    draw /= np.linalg.norm(draw, norm, axis=1)[:, None]
    if norm == np.inf:
        draw = np.where(rng.random((n, 4)) < 0.5, draw, np.sign(draw))
    return np.where(draw > 0.0, draw * UP, draw * DOWN)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("method", ["best", "crown", "ibp"])
def test_a_linear_model_in_closed_form(norm, method, rng):
    for _ in range(5):
        w, x = rng.normal(size=4), rng.normal(size=(3, 4))
        net = FeedForward([[w, -w]])
        gap = 2.0 * x @ w
        # Towards the boundary against the sign of the gap.
        fall = -np.sign(gap)[:, None] * 2.0 * w
        scale = np.where(fall > 0.0, UP, DOWN) * np.abs(fall)
        exact = np.abs(gap) / np.linalg.norm(scale, DUAL[norm], axis=1)
        radius = certified_radius(net, x, norm=norm, method=method, feature_eps=EPS)
        assert np.all(radius <= exact)
        assert np.all(radius >= 0.998 * exact)
        rows, distance = minimum_norm_attack(
            net, x, norm=norm, feature_eps=EPS, random_state=0
        )
        assert np.all(distance >= exact) and np.all(distance <= 1.1 * exact)


@pytest.mark.parametrize(
    "activation, norm", [("relu", 1), ("abs", 2), ("tanh", 2), ("relu", np.inf)]
)
def test_no_change_below_the_radius_flips(activation, norm, rng):
    net = random_network([4, 6, 5, 3], activation=activation, random_state=0)
    X = rng.normal(size=(3, 4))
    radius = certified_radius(net, X, norm=norm, feature_eps=EPS)
    wide = {j: max(pair) for j, pair in EPS.items()}
    both_sides = certified_radius(net, X, norm=norm, feature_eps=wide)
    # The last parts of branch and bound are exact for boxes alone.
    assert np.all(radius >= (1.0 if norm == np.inf else 0.9) * both_sides)
    clean = net.forward(X).argmax(axis=1)
    finite = np.where(radius < 1e6, radius, 1e3)
    for change in _changes(norm, 300, rng):
        moved = X + 0.999999 * finite[:, None] * change
        assert np.array_equal(net.forward(moved).argmax(axis=1), clean)


@pytest.mark.parametrize("norm", NORMS)
def test_attacks_stay_inside_and_agree_with_what_is_proven(norm, rng):
    net = random_network([4, 6, 3], random_state=1)
    X = rng.normal(size=(8, 4))
    certified, attacked = robustness_bracket(
        net, X, norm=norm, feature_eps=EPS, random_state=0
    )
    assert np.all(certified <= attacked)
    # Branch and bound and attacks meet in so small a network.
    near = np.isfinite(attacked) & (certified > 0.0)
    assert near.any() and np.median(attacked[near] / certified[near]) < 1.05
    rows, distance = minimum_norm_attack(
        net, X, norm=norm, feature_eps=EPS, random_state=0
    )
    delta = rows - X
    found = np.isfinite(distance)
    assert np.all(_length(delta[found], norm) <= distance[found])
    middle = float(np.median(attacked[near]))
    rows, flipped = pgd_attack(
        net, X, radius=middle, norm=norm, feature_eps=EPS, random_state=0
    )
    delta = rows - X
    assert np.all(_length(delta, norm) <= middle * (1.0 + 1e-12))
    assert not np.any(flipped & (certified >= middle))
    found = verify_robustness(net, X, radius=middle, norm=norm, feature_eps=EPS)
    status = np.array([verification.status for verification in found])
    assert np.all(status[attacked <= middle * (1 - 1e-9)] == "falsified")
    assert np.all(status[certified >= middle] == "verified")
    assert not np.any(status[flipped] == "verified")


@pytest.mark.parametrize("norm", NORMS)
def test_intervals_of_a_linear_regressor_in_closed_form(norm, rng):
    w, X = rng.normal(size=4), rng.normal(size=(6, 4))
    net = FeedForward([[w]])
    options = {"radius": 0.7, "norm": norm, "feature_eps": EPS}
    lower, upper = certified_interval(net, X, **options)
    down, up = (
        np.linalg.norm(np.where(sign * w > 0.0, UP, DOWN) * np.abs(w), DUAL[norm])
        for sign in (-1.0, 1.0)
    )
    assert np.allclose(lower, X @ w - 0.7 * down, rtol=0.0, atol=1e-12)
    assert np.allclose(upper, X @ w + 0.7 * up, rtol=0.0, atol=1e-12)
    low, high = adversarial_interval(net, X, random_state=0, **options)
    assert np.all(lower <= low) and np.all(high <= upper)
    assert np.allclose(low, lower, rtol=0.01, atol=0.01)
    assert np.allclose(high, upper, rtol=0.01, atol=0.01)
    error = certified_error_score(net, X, X @ w, loss="absolute_error", **options)
    assert error == pytest.approx(0.7 * max(down, up))


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(80, 3)), columns=["age", "size", "angle"])
    return X, np.where(X["age"] - X["size"] > 0.0, "yes", "no")


def test_series_and_pairs_mean_the_same_everywhere(table):
    X, y = table
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    eps = {"age": (0.0, 1.0), "size": 2.0}
    forms = [eps, pd.Series(eps), {0: (0.0, 1.0), 1: np.array([2.0, 2.0])}]
    radii = [certified_radius(model, X, norm=np.inf, feature_eps=e) for e in forms]
    assert np.array_equal(radii[0], radii[1]) and np.array_equal(radii[0], radii[2])
    plain = pd.Series({"age": 1.0, "size": 2.0})
    same = certified_radius(model, X, feature_eps=plain)
    assert np.array_equal(same, certified_radius(model, X, feature_eps=dict(plain)))
    middle = float(np.median(radii[0]))
    options = {"radius": middle, "norm": np.inf, "feature_eps": pd.Series(eps)}
    score = certified_accuracy_score(model, X, y, **options)
    right = model.predict(X) == y
    assert score == np.mean(right & (radii[0] >= middle))
    assert make_certified_accuracy_scorer(**options)(model, X, y) == score
    reject = CertifiedRejectClassifier(model, reject_label="?", **options).fit(X, y)
    assert np.array_equal(reject.rejected(X), radii[0] < middle)
    regressor = CertifiedIntervalRegressor(Ridge(), **options).fit(X, X["age"])
    assert regressor.predict_interval(X)[1].shape == (80,)


def test_a_curved_map_has_the_larger_tolerance_on_both_sides(table):
    X, y = table
    front = make_column_transformer(
        (FunctionTransformer(np.cos), ["angle"]), remainder="passthrough"
    )
    model = make_pipeline(front, LogisticRegression()).fit(X, y)
    options = {"norm": np.inf, "method": "crown"}
    one, two = (
        certified_radius(model, X, feature_eps={"angle": eps}, **options)
        for eps in ((0.0, 1.0), 1.0)
    )
    assert np.array_equal(one, two)


@pytest.mark.parametrize(
    "eps",
    [(0.0, 0.0), (-1.0, 1.0), (1.0,), (1.0, 2.0, 3.0), (np.inf, 0.0), ("1", 2.0)],
    ids=str,
)
def test_what_is_no_pair_is_refused(table, eps):
    model = LogisticRegression().fit(*table)
    with pytest.raises(ValueError, match=r"'age' in feature_eps .* \(down, up\)"):
        certified_radius(model, table[0], feature_eps={"age": eps})


def test_a_series_that_names_a_column_twice_is_refused(table):
    model = LogisticRegression().fit(*table)
    twice = pd.Series([1.0, 2.0], index=["age", "age"])
    with pytest.raises(ValueError, match="names column 'age' twice"):
        certified_radius(model, table[0], feature_eps=twice)
