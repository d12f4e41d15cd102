# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""categorical="flip": the worst case over all values, against trying them all."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)

from sklip.certification import (
    _categories,
    certified_accuracy_curve,
    certified_accuracy_score,
    certified_radius,
    is_certified,
)
from sklip.exceptions import UnsupportedModelError
from sklip.metrics import make_certified_accuracy_scorer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

VALUES = {"colour": ["red", "green", "blue"], "shape": ["round", "flat"]}


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    n = 120
    X = pd.DataFrame({name: rng.choice(v, n) for name, v in VALUES.items()})
    X["width"], X["height"] = rng.normal(size=(2, n)) * [[1.0], [5.0]]
    signal = X["width"] + 0.4 * X["height"] + 0.8 * (X["colour"] == "red")
    y = (signal + 0.3 * (X["shape"] == "flat") * X["width"] > 0.3).astype(int)
    y[signal > 3.0] = 2
    return X, y


def fitted(table, net, encoder=None):
    X, y = table
    transformer = make_column_transformer(
        (encoder or OneHotEncoder(), list(VALUES)),
        (StandardScaler(), ["width", "height"]),
    )
    return make_pipeline(transformer, net).fit(X, y)


NETS = {
    "linear": LogisticRegression(C=0.1),
    "shallow": MLPClassifier((6,), max_iter=1000, random_state=0),
    "deep": MLPClassifier((5, 5), activation="tanh", max_iter=1000, random_state=0),
}


def brute_force(model, X, **options):
    """Radius about the prediction at X, at each combination of categories."""
    target = model.predict(X)
    radii = []
    for combination in product(*VALUES.values()):
        moved = X.assign(**dict(zip(VALUES, combination, strict=True)))
        radii.append(certified_radius(model, moved, target, **options))
    return np.min(radii, axis=0)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("norm", [1, 2, np.inf])
@pytest.mark.parametrize("eps", [None, {"height": 2.0}])
def test_all_combinations_of_values(name, norm, eps, table):
    model, X = fitted(table, NETS[name]), table[0]
    for method in ("product", "pairwise"):
        options = {"norm": norm, "method": method, "feature_eps": eps}
        radius = certified_radius(model, X, categorical="flip", **options)
        np.testing.assert_allclose(radius, brute_force(model, X, **options), rtol=1e-6)
        assert np.all(radius <= certified_radius(model, X, **options) * (1 + 1e-9))
    assert 0 < np.count_nonzero(radius) < len(radius)


@pytest.mark.parametrize("name", NETS)
def test_bounded_combinations_are_sound_and_no_better(name, table, monkeypatch):
    model, X = fitted(table, NETS[name]), table[0]
    exact = certified_radius(model, X, categorical="flip")
    for most in (1, 2, 3):
        monkeypatch.setattr(_categories, "_MOST_COMBINATIONS", most)
        bounded = certified_radius(model, X, categorical="flip")
        assert np.all(bounded <= exact * (1 + 1e-9))
    if name == "linear":
        np.testing.assert_allclose(bounded, exact, rtol=1e-6)
    monkeypatch.setattr(_categories, "_MOST_COMBINATIONS", 3)
    # Constants of a deep net are too coarse here; one hidden layer is not.
    if name != "deep":
        assert np.any(certified_radius(model, X, categorical="flip") > 0)
    with pytest.raises(ValueError, match="more than 3"):
        certified_radius(model, X, method="crown", categorical="flip")


def test_no_change_inside_flips(table):
    model, X = fitted(table, NETS["shallow"]), table[0]
    rng = np.random.default_rng(0)
    eps = {"width": 0.5, "height": 2.0}
    for norm, method in ((2, "best"), (np.inf, "best"), (np.inf, "crown")):
        radius = certified_radius(
            model, X, norm=norm, method=method, feature_eps=eps, categorical="flip"
        )
        sure = radius > 0
        assert sure.any()
        for _ in range(60):
            moved = X.assign(
                **{name: rng.choice(v, len(X)) for name, v in VALUES.items()}
            )
            delta = rng.normal(size=(len(X), 2))
            delta *= (0.999 * radius / np.linalg.norm(delta, norm, axis=1))[:, None]
            moved["width"] += 0.5 * delta[:, 0]
            moved["height"] += 2.0 * delta[:, 1]
            assert np.array_equal(model.predict(moved)[sure], model.predict(X)[sure])


def test_scores_and_curves(table):
    model = fitted(table, NETS["shallow"])
    X, y = table
    kept = certified_radius(model, X, y)
    flipped = certified_radius(model, X, y, categorical="flip")
    radii = [0.0, 0.1, 0.5]
    curve = certified_accuracy_curve(model, X, y, radii, categorical="flip")
    assert curve[0] == pytest.approx(np.mean(flipped > 0))
    assert np.mean(flipped > 0) < np.mean(kept > 0)
    for radius, share in zip(radii, curve, strict=True):
        score = certified_accuracy_score(model, X, y, radius=radius, categorical="flip")
        assert score == pytest.approx(share)
        scorer = make_certified_accuracy_scorer(radius=radius, categorical="flip")
        assert scorer(model, X, y) == pytest.approx(share)
    assert certified_accuracy_score(model, X, y, radius=0.0) == model.score(X, y)


def test_models_without_categories_do_not_change(table):
    X, y = table
    X = X[["width", "height"]]
    model = RidgeClassifier().fit(X, y)
    np.testing.assert_array_equal(
        certified_radius(model, X, categorical="flip"),
        certified_radius(model, X),
    )


def test_refused(table):
    X, _ = table
    curved = make_pipeline(OrdinalEncoder(), FunctionTransformer(np.tanh))
    model = fitted(table, RidgeClassifier(), curved)
    with pytest.raises(UnsupportedModelError, match=r"columns \['shape'\]|'colour'"):
        certified_radius(model, X, categorical="flip")
    assert certified_radius(model, X).shape == (len(X),)
    with pytest.raises(ValueError, match="'immutable' or 'flip'"):
        certified_radius(model, X, categorical="all")


@pytest.mark.parametrize("norm", [1, 2, np.inf])
def test_is_certified_asks_for_all_categories(table, norm):
    """Without its margin the question has the same answer, and flips none at zero."""
    X, _ = table
    model = fitted(table, NETS["shallow"])
    asked = {"norm": norm, "method": "pairwise", "categorical": "flip"}
    radii = certified_radius(model, X, **asked)
    radius = float(np.median(radii[radii > 0.0]))
    found = is_certified(model, X, radius=radius, **asked)
    np.testing.assert_array_equal(found, radii >= radius)
    free = is_certified(model, X, radius=radius, norm=norm, method="pairwise")
    assert free.sum() > found.sum()
    at_zero = is_certified(model, X, radius=0.0, **asked)
    np.testing.assert_array_equal(at_zero, radii > 0.0)
    with pytest.raises(ValueError, match="categorical must be"):
        is_certified(model, X, radius=0.1, categorical="nonsense")
