# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Tolerances per column end to end: boxes and ellipsoids in the units of a table.

Also tests of ``_tolerances.py``.
"""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, RobustScaler, StandardScaler

from sklip import LipschitzScaler
from sklip.certification import (
    adversarial_accuracy_score,
    adversarial_interval,
    certified_accuracy_curve,
    certified_accuracy_score,
    certified_interval,
    certified_radius,
)
from sklip.metrics import make_certified_accuracy_scorer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

EPS = {"age": 2.0, "income": 500.0}
SITES = ["north", "south", "west"]


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(0)
    n = 300
    X = pd.DataFrame(
        {
            "age": rng.integers(18, 90, n),
            "income": rng.gamma(3.0, 10_000.0, n),
            "height": rng.normal(170.0, 10.0, n),
            "site": rng.choice(SITES, n),
        }
    )
    signal = (X["age"] - 50) / 20 + (X["income"] - 30_000) / 15_000
    signal += 0.5 * (X["site"] == "north") + 0.02 * (X["height"] - 170)
    return X, np.where(signal + rng.normal(0, 0.3, n) > 0, "yes", "no")


def fitted(people, net, scaler=StandardScaler):
    X, y = people
    return make_pipeline(
        make_column_transformer((OneHotEncoder(), ["site"]), remainder=scaler()), net
    ).fit(X, y)


@pytest.fixture(scope="module")
def deep(people):
    net = MLPClassifier((10, 8), max_iter=200, random_state=0)
    return fitted(people, net, RobustScaler)


@pytest.mark.parametrize("method", ["product", "best", "ibp", "crown", "local"])
@pytest.mark.parametrize("norm", [1, 2, np.inf])
def test_linear_model_in_closed_form(norm, method, people):
    X, y = people
    model = fitted(people, LogisticRegression())
    scale = model[0].named_transformers_["remainder"].scale_
    # The numeric columns come last: age, income, height.
    steepness = np.abs(model[-1].coef_[0][-3:] / scale)[:2] * [2.0, 500.0]
    dual = np.linalg.norm(steepness, ord={1: np.inf, 2: 2, np.inf: 1}[norm])
    exact = np.abs(model.decision_function(X)) / dual
    radius = certified_radius(model, X, norm=norm, method=method, feature_eps=EPS)
    assert np.all(radius <= exact * (1 + 1e-12))
    if method == "product" and norm == np.inf:
        return
    # Radii in balls are found by trial, to 0.14 %.
    np.testing.assert_allclose(radius, exact, rtol=2e-3)


@pytest.mark.parametrize("method", ["lipsdp", "ibp", "crown", "local", "best"])
@pytest.mark.parametrize("norm", [2, np.inf])
def test_nothing_within_the_tolerances_flips(norm, method, people, deep):
    X, y = people
    X = X[:80]
    radius = certified_radius(deep, X, norm=norm, method=method, feature_eps=EPS)
    assert np.all(radius > 0)
    rng = np.random.default_rng(1)
    before = deep.predict(X)
    directions = [np.array(d) for d in product([-1.0, 0.0, 1.0], repeat=2) if any(d)]
    directions += list(rng.uniform(-1.0, 1.0, (30, 2)))
    for direction in directions:
        step = direction / np.linalg.norm(direction, ord=norm)
        moved = X.assign(
            age=X["age"] + 2.0 * step[0] * radius * (1 - 1e-9),
            income=X["income"] + 500.0 * step[1] * radius * (1 - 1e-9),
        )
        np.testing.assert_array_equal(deep.predict(moved), before)


def test_tighter_methods_reach_farther_in_a_box(people, deep):
    X = people[0][:80]
    options = {"norm": np.inf, "feature_eps": EPS}
    found = {
        m: certified_radius(deep, X, method=m, **options)
        for m in ("lipsdp", "ibp", "crown", "best")
    }
    assert np.median(found["crown"]) > 1.1 * np.median(found["ibp"])
    for radius in found.values():
        assert np.all(found["best"] >= radius * (1 - 3e-3))


def test_columns_left_out_do_not_move(people, deep):
    X = people[0][:80]
    alone = certified_radius(deep, X, feature_eps={"age": 2.0})
    both = certified_radius(deep, X, feature_eps=EPS)
    assert np.all(alone >= both * (1 - 1e-9)) and np.any(alone > 1.05 * both)
    # By index too, in any order, and twice the tolerance is half the radius.
    doubled = certified_radius(deep, X, feature_eps={1: 1000.0, 0: 4.0})
    np.testing.assert_allclose(doubled, both / 2, rtol=3e-3)


@pytest.mark.parametrize("norm", [2, np.inf])
def test_accuracy_curve_and_scorer_count_tolerances(norm, people, deep):
    X, y = (part[:80] for part in people)
    options = {"norm": norm, "feature_eps": EPS}
    radius = certified_radius(deep, X, y, **options)
    sizes = [0.5, 1.0, 2.0]
    shares = [(radius >= s).mean() for s in sizes]
    curve = certified_accuracy_curve(deep, X, y, sizes, **options)
    np.testing.assert_allclose(curve, shares)
    one = certified_accuracy_score(deep, X, y, radius=1.0, **options)
    assert abs(one - shares[1]) <= 1 / len(X)
    scorer = make_certified_accuracy_scorer(radius=1.0, **options)
    assert scorer(deep, X, y) == one
    attacked = adversarial_accuracy_score(
        deep, X, y, radius=1.0, random_state=0, **options
    )
    assert one <= attacked < deep.score(X, y)


def test_worst_site_and_tolerances_together(people, deep):
    X = people[0][:80]
    worst = certified_radius(deep, X, feature_eps=EPS, categorical="flip")
    before = deep.predict(X)
    fixed = certified_radius(deep, X, feature_eps=EPS)
    assert np.all(worst <= fixed * (1 + 3e-3)) and np.any(worst == 0)
    rng = np.random.default_rng(0)
    for _ in range(20):
        step = rng.standard_normal((2, len(X)))
        step *= (1 - 1e-9) * worst / np.linalg.norm(step, axis=0)
        moved = X.assign(
            age=X["age"] + 2.0 * step[0],
            income=X["income"] + 500.0 * step[1],
            site=rng.choice(SITES, len(X)),
        )
        sure = worst > 0
        np.testing.assert_array_equal(deep.predict(moved)[sure], before[sure])


def test_a_category_has_no_tolerance(people, deep):
    X, _ = people
    with pytest.raises(ValueError, match="'site', which is immutable"):
        certified_radius(deep, X, feature_eps={"age": 1.0, "site": 1.0})
    with pytest.raises(ValueError, match="unknown column 'salary'"):
        certified_radius(deep, X, feature_eps={"salary": 1.0})


INTEGERS = np.random.default_rng(0).normal(size=(60, 3))
TWO = {0: 0.1, 2: 0.2}
ON_TABLES = {
    "radius": lambda X, y: certified_radius(
        LogisticRegression().fit(X, y), X, feature_eps=TWO
    ),
    "accuracy": lambda X, y: certified_accuracy_score(
        LogisticRegression().fit(X, y), X, y, radius=0.1, feature_eps=TWO
    ),
    "attack": lambda X, y: adversarial_accuracy_score(
        LogisticRegression().fit(X, y), X, y, radius=0.1, feature_eps=TWO
    ),
    "interval": lambda X, y: certified_interval(
        Ridge().fit(X, y), X, radius=0.1, feature_eps=TWO
    ),
    "reached": lambda X, y: adversarial_interval(
        Ridge().fit(X, y), X, radius=0.1, feature_eps=TWO, random_state=0
    ),
    "tolerance": lambda X, y: LipschitzScaler(tolerance=TWO).fit_transform(X),
}


@pytest.mark.parametrize("name", ON_TABLES)
def test_integer_names_that_are_no_positions_are_ambiguous(name):
    call, y = ON_TABLES[name], (INTEGERS[:, 0] > 0).astype(int)
    expected = call(INTEGERS, y)
    for columns in ([0, 1, 2], ["0", "1", "2"]):
        found = call(pd.DataFrame(INTEGERS, columns=columns), y)
        np.testing.assert_allclose(found, expected, rtol=1e-9)
    for columns in ([2, 1, 0], [10, 20, 30], [1, 2, 3], [0, 1, 3]):
        with pytest.raises(ValueError, match="names column [02], which is ambiguous"):
            call(pd.DataFrame(INTEGERS, columns=columns), y)


def test_integer_names_that_are_positions_are_not():
    y, eps = (INTEGERS[:, 0] > 0).astype(int), {1: 0.1}
    table = pd.DataFrame(INTEGERS, columns=[2, 1, 0])
    np.testing.assert_allclose(
        certified_radius(LogisticRegression().fit(table, y), table, feature_eps=eps),
        certified_radius(
            LogisticRegression().fit(INTEGERS, y), INTEGERS, feature_eps=eps
        ),
    )
