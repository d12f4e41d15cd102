# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The knob of --search: tried in order, scored as certified, the robust one kept.

Also tests of ``_cli/_choices.py``.
"""

import re

import numpy as np
import pytest

from sklip._cli import _search
from sklip._cli._choices import Choice
from sklip._cli._data import load_csv
from sklip._cli._errors import JobError
from sklip._cli._selection import Selection
from sklip._cli._threat import Threat


@pytest.fixture
def loaded(folder):
    selection = Selection(drop=("score",))
    return load_csv(folder / "t.csv", "label", None, 0.25, 0, selection)


@pytest.mark.parametrize(
    "scores, best",
    [
        ({10: 0.5, 3: 0.7, 1: 0.9, 0.3: 0.9, 0.1: 0.8}, 1),
        ({10: 0.5, 3: 0.6, 1: 0.7, 0.3: 0.8, 0.1: 0.9}, 0.1),
        ({10: 0.9, 3: 0.9, 1: 0.9, 0.3: 0.9, 0.1: 0.9}, 10),
    ],
)
def test_the_most_robust_of_the_good_ones(loaded, monkeypatch, scores, best):
    monkeypatch.setattr(_search, "_score", lambda model, *args: scores[model])
    choice = Choice("x", "regularized", {"lipschitz_weight": 1.0, "penalty": "product"})

    def make(candidate):
        return candidate.parameters["lipschitz_weight"]

    threat = Threat(loaded.spread)
    found, note = _search.search(choice, make, loaded, threat, 0.5, 0)
    assert found.parameters == {"lipschitz_weight": best, "penalty": "product"}
    assert f"chose lipschitz_weight {best:g}," in note
    assert f"{best:g}: {scores[best]:.3f}" in note


def test_folds_share_no_row_and_hold_every_class(loaded):
    folds = _search.folds_of(loaded, 0)
    assert len(folds) == 3
    for train, test in folds:
        assert len(np.intersect1d(train, test)) == 0
        assert set(loaded.y_train[train]) == set(loaded.y_train[test]) == {"yes", "no"}
    tested = np.concatenate([test for _, test in folds])
    assert sorted(tested) == list(range(len(loaded.X_train)))


def test_a_search_on_the_command_line(call, folder):
    options = ("--target", "score", "--drop", "label", "--search", "--no-baselines")
    quick = ("--estimator", "bounded", "--hidden-layer-sizes", "4", "--max-iter", "2")
    outcome = call(folder / "t.csv", *options, *quick)
    assert outcome.code == 0
    assert "Searching lipschitz_bound: 5 values, 3 folds." in outcome.err
    (chosen,) = re.findall(r"--search chose lipschitz_bound (\S+),", outcome.text)
    assert f"bounded with lipschitz_bound {chosen}." in outcome.err


@pytest.mark.parametrize(
    "options, said",
    [
        (("--lipschitz-weight", "1"), "give one of the two"),
        (("--penalty", "none"), "has nothing to choose"),
    ],
)
def test_refusals(call, options, said):
    outcome = call("--search", *options)
    assert outcome.code == 2
    assert said in outcome.err


def test_a_fit_that_fails_is_one_sentence(loaded):
    class Failing:
        def fit(self, X, y):
            raise ValueError("Too much. Lower it.")

    with pytest.raises(JobError, match="--search failed: Too much."):
        _search._score(Failing(), loaded, ([0, 1], [2]), None)
