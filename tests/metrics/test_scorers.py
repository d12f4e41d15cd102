# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Scorers: in model selection, pickled, weighted, routed, and checked when made.

Also tests of ``metrics/_scorer.py``.
"""

import pickle

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklip.bounds import lipschitz_bound
from sklip.metrics import (
    adversarial_accuracy_score,
    certified_accuracy_score,
    make_adversarial_accuracy_scorer,
    make_certified_accuracy_scorer,
    make_lipschitz_scorer,
    make_noise_accuracy_scorer,
)

SCORERS = {
    "certified": make_certified_accuracy_scorer(radius=0.2),
    "neg_lipschitz": make_lipschitz_scorer(),
    "adversarial": make_adversarial_accuracy_scorer(radius=0.2, n_steps=5),
}


@pytest.fixture(scope="module")
def fitted():
    X, y = load_iris(return_X_y=True)
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y), X, y


def test_scorers_are_their_score_functions(fitted):
    model, X, y = fitted
    assert SCORERS["certified"](model, X, y) == pytest.approx(
        certified_accuracy_score(model, X, y, radius=0.2)
    )
    assert SCORERS["neg_lipschitz"](model, X, y) == -lipschitz_bound(model).value
    assert SCORERS["adversarial"](model, X, y) == pytest.approx(
        adversarial_accuracy_score(model, X, y, radius=0.2, random_state=0)
    )


def test_the_score_of_the_worst_class(fitted):
    model, X, y = fitted
    weight = np.where(y == 1, 0.0, 1.0)
    for make, kwargs in (
        (make_certified_accuracy_scorer, {"radius": 0.3}),
        (make_adversarial_accuracy_scorer, {"radius": 0.3, "n_steps": 5}),
        (make_noise_accuracy_scorer, {"noise_std": 0.5}),
    ):
        scorer = make(**kwargs, groups="class", verbose=1, n_jobs=1)
        each = [make(**kwargs)(model, X[y == k], y[y == k]) for k in range(3)]
        if make is make_certified_accuracy_scorer:
            assert scorer(model, X, y) == pytest.approx(min(each))
            assert scorer(model, X, y, weight) == pytest.approx(min(each[::2]))
        assert scorer(model, X, y) < make(**kwargs)(model, X, y)
        assert "groups='class'" in repr(scorer) and "groups" not in repr(make(**kwargs))
        with pytest.raises(ValueError, match="groups must be one of 'class'"):
            make(**kwargs, groups=y)


def test_grid_search_on_several_processes(fitted):
    _, X, y = fitted
    model = make_pipeline(StandardScaler(), LogisticRegression())
    search = GridSearchCV(
        model,
        {"logisticregression__C": [0.01, 1.0]},
        scoring={**SCORERS, "accuracy": "accuracy"},
        refit="certified",
        cv=3,
        n_jobs=2,
        error_score="raise",
    ).fit(X, y)
    result = search.cv_results_
    # More regularisation, smaller bound.
    bounds = result["mean_test_neg_lipschitz"]
    assert bounds[0] > bounds[1]
    certified, attacked, clean = (
        result[f"mean_test_{name}"] for name in ("certified", "adversarial", "accuracy")
    )
    assert np.all((certified <= attacked) & (attacked <= clean))
    assert cross_val_score(model, X, y, scoring=SCORERS["certified"]).shape == (5,)


def test_scorers_pickle_clone_and_print():
    for scorer in SCORERS.values():
        again = pickle.loads(pickle.dumps(scorer))
        assert again == scorer
        assert hash(again) == hash(scorer)
        assert eval(repr(scorer)) == scorer
    search = GridSearchCV(LogisticRegression(), {}, scoring=SCORERS["certified"])
    assert clone(search).scoring == SCORERS["certified"]
    assert "make_certified_accuracy_scorer(radius=0.2" in repr(search)


def test_sample_weight(fitted):
    model, X, y = fitted
    weight = np.repeat([1.0, 0.0, 0.0], 50)
    for name in ("certified", "adversarial"):
        scorer = SCORERS[name]
        assert scorer(model, X, y, sample_weight=weight) == scorer(
            model, X[:50], y[:50]
        )
    scorer = SCORERS["neg_lipschitz"]
    assert scorer(model, X, y, sample_weight=weight) == scorer(model, X, y)


def test_sample_weight_reaches_scorers_in_a_search(fitted):
    _, X, y = fitted
    weight = np.random.default_rng(0).uniform(size=len(y))
    search = GridSearchCV(
        LogisticRegression(max_iter=500),
        {"C": [1.0]},
        scoring=SCORERS,
        refit=False,
        cv=3,
        error_score="raise",
    ).fit(X, y, sample_weight=weight)
    assert np.isfinite(search.cv_results_["mean_test_certified"]).all()


def test_metadata_routing(fitted):
    _, X, y = fitted
    weight = np.repeat([1.0, 0.0], [50, 100])
    with config_context(enable_metadata_routing=True):
        scoring = {
            "weighted": make_certified_accuracy_scorer(radius=0.6).set_score_request(
                sample_weight=True
            ),
            "plain": make_certified_accuracy_scorer(radius=0.6).set_score_request(
                sample_weight=False
            ),
            "neg_lipschitz": make_lipschitz_scorer(),
        }
        model = LogisticRegression(max_iter=500).set_fit_request(sample_weight=False)
        scores = cross_validate(
            model,
            X,
            y,
            scoring=scoring,
            params={"sample_weight": weight},
            cv=3,
            error_score="raise",
        )
        # All the weight is on the class that is easy to tell apart.
        assert np.all(scores["test_weighted"] > scores["test_plain"])
        with pytest.raises(TypeError, match="no weights"):
            scoring["neg_lipschitz"].set_score_request(sample_weight=True)


@pytest.mark.parametrize("name", ["certified", "adversarial"])
def test_a_fold_that_lacks_a_label_has_a_score(name, fitted):
    """A label that no training row had is a wrong prediction, not a failure."""
    _, X, y = fitted
    model = LogisticRegression(max_iter=500)
    folds = [(np.flatnonzero(y != k), np.flatnonzero(y == k)) for k in range(3)]
    folds.append((np.arange(100), np.arange(40, 150)))
    scores = cross_val_score(
        model, X, y, scoring=SCORERS[name], cv=folds, error_score="raise"
    )
    assert scores[:3].tolist() == [0.0] * 3
    known = model.fit(X[:100], y[:100])
    rows = np.arange(40, 100)
    expected = SCORERS[name](known, X[rows], y[rows]) * 60 / 110
    assert scores[3] == pytest.approx(expected)
    assert 0.2 < scores[3] <= 60 / 110


def test_labels_of_another_type_are_said_to_be(fitted):
    model, X, y = fitted
    for name in ("certified", "adversarial"):
        with pytest.raises(
            ValueError,
            match="of the type int instead of str",
        ):
            SCORERS[name](model, X, y.astype(str))
        with pytest.raises(ValueError, match="missing labels"):
            SCORERS[name](model, X, np.where(y > 0, y, np.nan))


def test_arguments_are_checked_when_the_scorer_is_made(fitted):
    model, _, _ = fitted
    with pytest.raises(ValueError, match="radius must be finite and >= 0"):
        make_certified_accuracy_scorer(radius=-1.0)
    with pytest.raises(ValueError, match="norm must be 1, 2"):
        make_adversarial_accuracy_scorer(radius=1.0, norm=3)
    with pytest.raises(ValueError, match="'product', 'pairwise'"):
        make_certified_accuracy_scorer(radius=1.0, method="guess")
    with pytest.raises(TypeError, match="method must be a name"):
        make_certified_accuracy_scorer(radius=1.0, method=lipschitz_bound(model))
    with pytest.raises(ValueError, match="method"):
        make_lipschitz_scorer(method="guess")
    with pytest.raises(ValueError, match="'age' in feature_eps must be a positive"):
        make_certified_accuracy_scorer(radius=1.0, feature_eps={"age": 0.0})
    with pytest.raises(TypeError, match="feature_eps must map"):
        make_adversarial_accuracy_scorer(radius=1.0, feature_eps=[1.0])
    with pytest.raises(TypeError, match="random_state"):
        make_adversarial_accuracy_scorer(radius=1.0, random_state="x")
