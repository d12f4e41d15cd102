# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Refit rules and the front: on tables by hand, and inside searches."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklip.bounds import lipschitz_bound
from sklip.exceptions import CertificationWarning
from sklip.metrics import (
    make_certified_accuracy_scorer,
    make_certified_error_scorer,
    make_lipschitz_scorer,
)
from sklip.model_selection import LipschitzBudget, OneStandardError, pareto_front

SCORING = {
    "accuracy": "accuracy",
    "certified": make_certified_accuracy_scorer(radius=0.1),
    "neg_lipschitz": make_lipschitz_scorer(),
}
GRID = {"logisticregression__C": [1e-3, 1e-2, 1e-1, 1.0, 10.0]}


def results(scores, bounds):
    scores = np.asarray(scores, dtype=float)
    return {
        "mean_test_a": scores.mean(axis=0),
        "mean_test_neg_lipschitz": -np.asarray(bounds, dtype=float),
        **{f"split{k}_test_a": row for k, row in enumerate(scores)},
    }


def search(refit, **params):
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    X, y = load_iris(return_X_y=True)
    found = GridSearchCV(
        model, GRID, scoring=SCORING, refit=refit, cv=3, error_score="raise", **params
    )
    return found.fit(X, y), X, y


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_budget_in_a_search(n_jobs):
    found, X, _ = search(LipschitzBudget(5.0, metric="accuracy"), n_jobs=n_jobs)
    bound = -found.cv_results_["mean_test_neg_lipschitz"]
    accuracy = found.cv_results_["mean_test_accuracy"]
    assert bound.min() < 5.0 < bound.max()
    assert bound[found.best_index_] <= 5.0
    assert accuracy[found.best_index_] == accuracy[bound <= 5.0].max()
    assert found.predict(X).shape == (150,)


def test_budget_by_hand():
    rule = LipschitzBudget(2.0, metric="a")
    assert rule(results([[0.5, 0.9, 0.9, 1.0]], [1, 2, 1.5, 3])) == 2
    assert rule(results([[np.nan, 0.1]], [1, 2])) == 1
    with pytest.warns(CertificationWarning, match="smallest, 3, is taken"):
        assert rule(results([[0.9, 0.2, 0.3]], [4, 3, np.nan])) == 1
    with pytest.raises(ValueError, match="negated bound"):
        rule(results([[0.9]], [-4]))
    with pytest.raises(ValueError, match="no score 'b'"):
        LipschitzBudget(2.0, metric="b")(results([[0.9]], [1]))
    with pytest.raises(ValueError, match="All candidates failed"):
        rule(results([[0.9]], [np.nan]))


@pytest.mark.parametrize(
    "scores, bounds, chosen, says",
    [
        # Nothing fits: the smallest bound among those that were scored.
        ([0.9, np.nan], [6.0, 5.5], 0, "1 failed"),
        # What fits has failed.
        ([0.9, np.nan], [9.0, 1.0], 0, "1 failed"),
        ([np.nan, 0.9, np.nan], [np.inf, np.inf, 3.0], 1, "2 failed"),
        ([0.9, 0.8], [np.nan, 7.0], 1, "1 failed"),
    ],
)
def test_budget_never_takes_a_failed_candidate(scores, bounds, chosen, says):
    with pytest.warns(CertificationWarning, match=says):
        assert LipschitzBudget(5.0, metric="a")(results([scores], bounds)) == chosen


def test_budget_takes_a_score_that_is_the_worst_possible():
    rule = LipschitzBudget(5.0, metric="a")
    assert rule(results([[-np.inf, np.nan]], [4, 1])) == 0
    assert rule(results([[-np.inf, 0.1]], [1, 4])) == 1


def test_budget_with_failed_candidates_only():
    with pytest.raises(ValueError, match="All candidates failed"):
        LipschitzBudget(5.0, metric="a")(results([[0.9, np.nan]], [np.nan, 1.0]))


@pytest.mark.parametrize("best", [np.inf, -np.inf])
def test_one_standard_error_of_infinite_scores(best):
    other = min(best, 0.0)
    assert OneStandardError("a")(results([[other, best], [other, best]], [1, 2])) == (
        0 if other == best else 1
    )


@pytest.mark.parametrize(
    "rule", [LipschitzBudget(50.0, metric="accuracy"), OneStandardError("accuracy")]
)
def test_a_search_refitted_by_a_rule_can_be_scored(rule):
    found, X, y = search(rule)
    assert found.score(X, y) == np.mean(found.predict(X) == y)
    again = clone(found).fit(X, y)
    assert pickle.loads(pickle.dumps(again)).score(X, y) == found.score(X, y)
    assert rule == "accuracy" and rule != "certified" and rule != 3
    assert {"accuracy": 1}[rule] == 1


def test_rules_are_equal_by_their_arguments():
    rule = LipschitzBudget(5.0, metric="a")
    assert rule == LipschitzBudget(5, metric="a") != LipschitzBudget(6.0, metric="a")
    assert rule != OneStandardError("a")


def test_a_halving_search_says_that_it_never_calls_the_rule():
    X, y = load_iris(return_X_y=True)
    halving = HalvingGridSearchCV(
        LogisticRegression(max_iter=1000),
        {"C": [1e-3, 1.0]},
        scoring=SCORING["certified"],
        refit=OneStandardError("score", bound=None),
        cv=3,
        random_state=0,
    ).fit(X, y)
    with pytest.warns(UserWarning, match="never calls refit=OneStandardError"):
        lipschitz_bound(halving)


def test_one_standard_error_by_hand():
    scores = [[0.70, 0.80, 0.90], [0.80, 0.88, 0.86], [0.75, 0.90, 0.94]]
    # Best mean 0.9, standard error 0.0231: the second (0.86) is too far below.
    assert OneStandardError("a")(results(scores, [1, 2, 3])) == 2
    scores[1][1] = 0.95
    assert OneStandardError("a")(results(scores, [1, 2, 3])) == 1
    assert OneStandardError("a")(results(scores, [1, 4, 3])) == 2
    assert OneStandardError("a", bound=None)(results(scores, [1, 4, 3])) == 1
    assert OneStandardError("a")(results([[0.5, np.nan]], [1, 1])) == 0
    with pytest.raises(ValueError, match="All candidates failed"):
        OneStandardError("a")(results([[np.nan]], [1]))


def test_one_standard_error_in_a_search():
    found, _, _ = search(OneStandardError("accuracy"))
    table = found.cv_results_
    best = table["mean_test_accuracy"].argmax()
    splits = [table[f"split{k}_test_accuracy"][best] for k in range(3)]
    least = np.mean(splits) - np.std(splits, ddof=1) / np.sqrt(3)
    good = table["mean_test_accuracy"] >= least
    bound = -table["mean_test_neg_lipschitz"]
    assert bound[found.best_index_] == bound[good].min()


def test_rules_pickle_clone_and_print():
    for rule in (LipschitzBudget(2, metric="a", bound="b"), OneStandardError("a")):
        again = pickle.loads(pickle.dumps(rule))
        assert repr(again) == repr(rule)
        assert repr(eval(repr(rule))) == repr(rule)
        assert clone(GridSearchCV(Ridge(), {}, refit=rule)).refit is not None


def test_rules_check_their_arguments():
    with pytest.raises(TypeError, match="max_bound must be a number"):
        LipschitzBudget("5", metric="a")
    with pytest.raises(ValueError, match="max_bound must be > 0"):
        LipschitzBudget(0.0, metric="a")
    for max_bound in (True, 2**70, np.nan):
        with pytest.raises((TypeError, ValueError), match="max_bound must"):
            LipschitzBudget(max_bound, metric="a")
    with pytest.raises(TypeError, match="fitted search"):
        LipschitzBudget(2.0, metric="a")(3)
    with pytest.raises(TypeError, match="metric must be a name"):
        OneStandardError(None)


def test_front_against_all_pairs():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 6, size=(40, 3)).astype(float)
    scores[5] = np.nan
    table = {f"mean_test_{name}": scores[:, k] for k, name in enumerate("abc")}
    front = pareto_front(table, ["a", "b", "c"])
    assert 1 < len(front) < 39
    for row in range(40):
        beaten = np.all(scores >= scores[row], axis=1) & np.any(
            scores > scores[row], axis=1
        )
        expected = not beaten.any() and not np.isnan(scores[row]).any()
        same = (scores[front] == scores[row]).all(axis=1).any()
        assert same == expected
    assert np.all(np.diff(scores[front, 0]) <= 0)
    assert len(np.unique(scores[front], axis=0)) == len(front)


def test_front_of_a_search():
    found, _, _ = search("accuracy")
    front = pareto_front(found, ["accuracy", "neg_lipschitz"])
    table = found.cv_results_
    assert table["mean_test_neg_lipschitz"].argmax() in front
    assert np.all(np.diff(table["mean_test_neg_lipschitz"][front]) > 0)
    with pytest.raises(ValueError, match="list of names"):
        pareto_front(found, "accuracy")
    with pytest.raises(ValueError, match="no score 'gain'"):
        pareto_front(found, ["gain"])


def test_halving_search_and_cross_validate():
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    halving = HalvingGridSearchCV(
        model, GRID, scoring=SCORING["certified"], cv=3, random_state=0
    ).fit(X, y)
    assert 0.5 < halving.best_score_ <= 1.0
    scores = cross_validate(model, X, y, scoring=SCORING, cv=3, error_score="raise")
    assert np.all(scores["test_certified"] <= scores["test_accuracy"])


def test_a_fit_is_certified_once(monkeypatch):
    from sklip.bounds import _cached

    solved = []
    original = _cached.lipschitz_bound

    def counted(network, **options):
        solved.append(network.hash)
        return original(network, **options)

    monkeypatch.setattr(_cached, "lipschitz_bound", counted)
    X, y = load_iris(return_X_y=True)
    scoring = {"one": make_lipschitz_scorer(), "two": make_lipschitz_scorer()}
    model = LogisticRegression(C=0.123, max_iter=1000)
    cross_validate(model, X, y, scoring=scoring, cv=3, return_train_score=True)
    assert len(solved) == len(set(solved)) == 3


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "r2"])
def test_certified_error_scorer(loss):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    y = X @ [1.0, -2.0, 0.5] + rng.normal(size=80)
    model = Ridge().fit(X, y)
    L = float(lipschitz_bound(model))
    scores = [
        make_certified_error_scorer(radius=radius, loss=loss)(model, X, y)
        for radius in (0.0, 0.3, 0.6)
    ]
    assert scores[0] > scores[1] > scores[2]
    worst = np.abs(y - model.predict(X)) + 0.3 * L
    expected = {
        "squared_error": -np.mean(worst**2),
        "absolute_error": -np.mean(worst),
        "r2": 1.0 - np.sum(worst**2) / np.sum((y - y.mean()) ** 2),
    }
    assert scores[1] == pytest.approx(expected[loss], rel=1e-6)
    again = pickle.loads(pickle.dumps(make_certified_error_scorer(radius=0.3)))
    assert again == make_certified_error_scorer(radius=0.3)
    search = GridSearchCV(
        Ridge(),
        {"alpha": [0.1, 1000.0]},
        scoring=make_certified_error_scorer(radius=2.0, loss=loss),
    ).fit(X, y)
    # Where X moves a lot, the flat model is the better one.
    assert search.best_params_["alpha"] == 1000.0


def test_certified_error_scorer_checks():
    with pytest.raises(ValueError, match="'squared_error', 'absolute_error'"):
        make_certified_error_scorer(radius=0.1, loss="log_loss")
    with pytest.raises(ValueError, match="radius must be finite"):
        make_certified_error_scorer(radius=-0.1)
