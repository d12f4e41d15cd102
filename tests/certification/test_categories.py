# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""categorical="flip": the worst case over all values, against trying them all."""

import warnings
from fractions import Fraction
from itertools import product
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.decomposition import TruncatedSVD
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)

from sklip.bounds import Residual
from sklip.certification import (
    _categories,
    certified_accuracy_curve,
    certified_accuracy_score,
    certified_radius,
    is_certified,
)
from sklip.certification._decisions import decide
from sklip.estimators import NoiseLipschitzClassifier
from sklip.exceptions import UnsupportedModelError
from sklip.metrics import make_certified_accuracy_scorer
from sklip.networks import FeedForward

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


def fitted(table, net, encoder=None, names=tuple(VALUES)):
    X, y = table
    transformer = make_column_transformer(
        (encoder or OneHotEncoder(), list(names)),
        (StandardScaler(), ["width", "height"]),
    )
    return make_pipeline(transformer, net).fit(X, y)


NETS = {
    "linear": LogisticRegression(C=0.1),
    "shallow": MLPClassifier((6,), max_iter=1000, random_state=0),
    "deep": MLPClassifier((5, 5), activation="tanh", max_iter=1000, random_state=0),
}


@pytest.fixture(scope="module")
def nets(table):
    """Each behind encoded categories, fitted once."""
    return {name: fitted(table, net) for name, net in NETS.items()}


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
def test_all_combinations_of_values(name, norm, eps, table, nets):
    model, X = nets[name], table[0]
    for method in ("product", "pairwise"):
        options = {"norm": norm, "method": method, "feature_eps": eps}
        radius = certified_radius(model, X, categorical="flip", **options)
        np.testing.assert_allclose(radius, brute_force(model, X, **options), rtol=1e-6)
        assert np.all(radius <= certified_radius(model, X, **options) * (1 + 1e-9))
    assert 0 < np.count_nonzero(radius) < len(radius)


@pytest.mark.parametrize("name", NETS)
def test_bounded_combinations_are_sound_and_no_better(name, table, nets, monkeypatch):
    model, X = nets[name], table[0]
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


def test_no_change_inside_flips(table, nets):
    model, X = nets["shallow"], table[0]
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


def test_scores_and_curves(table, nets):
    model = nets["shallow"]
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
    with pytest.raises(ValueError, match="'immutable', 'flip'"):
        certified_radius(model, X, categorical="all")


@pytest.mark.parametrize("norm", [1, 2, np.inf])
def test_is_certified_asks_for_all_categories(table, nets, norm):
    """Without its margin the question has the same answer, and flips none at zero."""
    X, _ = table
    model = nets["shallow"]
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


def codes_of(first, code):
    """A table of a column of categories and one of numbers, with their model."""
    rng = np.random.default_rng(0)
    kinds = np.array(["a", "b", "c", np.nan], dtype=object)
    X = pd.DataFrame({"c": kinds[rng.choice(4, 200, p=[0.3, 0.3, 0.3, 0.1])]})
    X["x"] = rng.normal(size=200)
    y = ((X["x"] > 0) ^ X["c"].isna()).astype(int)
    columns = make_column_transformer(
        (make_pipeline(first, *code), ["c"]), ("passthrough", ["x"])
    )
    return X, make_pipeline(columns, LogisticRegression()).fit(X, y)


FILL = {"strategy": "constant", "fill_value": -10.0}
UNKNOWN = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)


@pytest.mark.parametrize(
    "first", [OrdinalEncoder(), UNKNOWN], ids=["missing", "unknown"]
)
@pytest.mark.parametrize(
    "code",
    [
        [SimpleImputer(**FILL)],
        [SimpleImputer(**FILL, add_indicator=True)],
        [StandardScaler(), SimpleImputer()],
        [SimpleImputer(strategy="most_frequent", add_indicator=True), StandardScaler()],
    ],
    ids=["constant", "marked", "behind a scaler", "in front of one"],
)
def test_missing_and_unknown_categories_that_are_imputed_behind(first, code):
    X, model = codes_of(first, code)
    radius = certified_radius(model, X, categorical="flip")
    labels, flips = model.predict(X), np.zeros(len(X), dtype=bool)
    others = ["a", "b", "c", np.nan] + ["never seen"] * (first is UNKNOWN)
    for other in others:
        moved = X.assign(c=pd.Series([other] * len(X), dtype=object))
        flips |= model.predict(moved) != labels
    assert not np.any(flips & (radius > 0))
    # The model is linear: what no category flips has a radius.
    assert np.all((radius > 0) | flips) and 0 < np.count_nonzero(flips) < len(X)


def test_fills_that_differ_between_branches_cannot_be_listed():
    union = FeatureUnion(
        [
            ("a", SimpleImputer(**FILL)),
            ("b", SimpleImputer(strategy="constant", fill_value=3.0)),
        ]
    )
    X, model = codes_of(OrdinalEncoder(), [union])
    known = X[X["c"].notna()]
    assert np.all(certified_radius(model, known) > 0)
    with pytest.raises(UnsupportedModelError, match=r"\['c'\].*in more ways than one"):
        certified_radius(model, known, categorical="flip")


def test_torch_modules_are_refused_by_the_names_of_the_columns(table):
    X, y = table
    # No plain stack: that would be a network.
    module = torch.nn.Sequential(Residual(torch.nn.Linear(5, 5)), torch.nn.Linear(5, 3))
    net = NoiseLipschitzClassifier(module=module, max_iter=1, certificate=None)
    encoder = OneHotEncoder(sparse_output=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = fitted((X.drop(columns="shape"), y), net, encoder, ["colour"])
        plain = make_pipeline(
            StandardScaler(),
            clone(net).set_params(module=torch.nn.Sequential(torch.nn.Linear(2, 3))),
        ).fit(X[["width", "height"]], y)
    X = X.drop(columns="shape")
    with pytest.raises(ValueError, match=r"module=None.*\['colour'\]"):
        certified_radius(model, X, categorical="flip")
    with pytest.raises(ValueError, match="'colour'"):
        certified_accuracy_score(model, X, y, radius=0.1, categorical="flip")
    assert certified_radius(model, X).shape == (len(X),)
    # Without categories there is nothing to flip.
    numbers = X[["width", "height"]]
    np.testing.assert_array_equal(
        certified_radius(plain, numbers, categorical="flip"),
        certified_radius(plain, numbers),
    )


def far_codes(n_codes, weights):
    """A linear model of three classes on a column of codes, and its decisions."""
    codes = np.arange(float(n_codes))[:, None]
    model = make_pipeline(OrdinalEncoder(), RidgeClassifier())
    model.fit(codes, np.arange(n_codes) % 3)
    model[-1].coef_ = np.array(weights)[:, None]
    model[-1].intercept_ = np.zeros(3)
    return codes, decide(model, codes)


def test_losses_are_no_smaller_than_in_exact_arithmetic(monkeypatch):
    """Weights that differ in their last bits: the difference may be rounded off."""
    # The roundings that grow with distance are another term: the slack alone is enough.
    monkeypatch.setattr(
        type(far_codes(3, [0.1] * 3)[1]), "rounding", lambda self: (0.0, 0.0)
    )
    rng = np.random.default_rng(0)
    rounded_off = 0
    for _ in range(20):
        first = rng.uniform(0.1, 1.0)
        weights = first * (1.0 + rng.integers(-3, 4, 3) * 2.0**-52)
        codes, decisions = far_codes(9, weights)
        loss = _categories._loss(decisions, list(decisions.view.groups))
        values = [Fraction(v) for v in decisions.view.groups[0].values[:, 0].tolist()]
        exact = [Fraction(w) for w in weights.tolist()]
        for i, t in enumerate(decisions.target.tolist()):
            for j in set(range(3)) - {t}:
                gap = exact[t] - exact[j]
                worst = max(gap * (values[i] - there) for there in values)
                assert Fraction(loss[i, j]) >= worst
                computed = decisions.gaps()[i, j] - min(
                    weights[t] * v - weights[j] * v for v in codes[:, 0]
                )
                rounded_off += Fraction(computed) < worst
    assert rounded_off > 20


def test_rounding_at_a_far_category_is_taken_off_the_margin():
    """Terms of 1e8 that cancel: predict itself is noisy there, and nowhere else."""
    rng = np.random.default_rng(0)
    n = 400
    X = np.column_stack([rng.integers(0, 5, n), rng.normal(size=n)]).astype(float)
    columns = make_column_transformer((OrdinalEncoder(), [0]), ("passthrough", [1]))
    model = make_pipeline(columns, TruncatedSVD(2), LogisticRegression())
    model.fit(X, X[:, 1] > 0)
    model[1].components_ = np.array([[1e8 / 3.0, 1.0 / 3.0], [1e8 / 3.0, -2.0 / 3.0]])
    model[2].coef_, model[2].intercept_ = np.array([[1.0, -1.0]]), np.zeros(1)
    # Exactly, the logit is x and no category matters.
    rows = np.column_stack([np.zeros(n), rng.uniform(-4e-8, 4e-8, n)])
    labels, flips = model.predict(rows), np.zeros(n, dtype=bool)
    for code in range(1, 5):
        moved = np.column_stack([np.full(n, float(code)), rows[:, 1]])
        flips |= model.predict(moved) != labels
    assert flips.sum() > 20
    radius = certified_radius(model, rows, categorical="flip")
    assert not np.any(flips & (radius > 0))
    # At the category that the rows have there is no such noise.
    assert np.count_nonzero(certified_radius(model, rows) > 0) > 300
    rows[:, 1] *= 1e4
    assert np.count_nonzero(certified_radius(model, rows, categorical="flip") > 0) > 300


def test_groups_that_may_matter_most_are_gone_through(monkeypatch):
    """The farthest value counts, from the mean of all of them."""
    values = {"far": [[0.0], [4.5], [9.0]], "near": [[-2.0], [2.0], [2.0]]}
    groups = [
        SimpleNamespace(values=np.array(v), coordinates=np.array([k]), name=name)
        for k, (name, v) in enumerate(values.items())
    ]
    network = FeedForward([[[1.0, 1.0]]])
    monkeypatch.setattr(_categories, "_MOST_COMBINATIONS", 3)
    each, rest = _categories._split(network, groups)
    assert [g.name for g in each] == ["far"] and [g.name for g in rest] == ["near"]
    # By the matrix, not by the values alone.
    network = FeedForward([[[1.0, 4.0]]])
    each, rest = _categories._split(network, groups[::-1])
    assert [g.name for g in each] == ["near"] and [g.name for g in rest] == ["far"]
    monkeypatch.setattr(_categories, "_MOST_COMBINATIONS", 9)
    assert len(_categories._split(network, groups)[0]) == 2
