# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The usual knob of regressions: tried on held-out rows, the robust values first."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyRegressor

from sklip._cli import _usual
from sklip._cli._choices import Choice
from sklip._cli._data import load_csv
from sklip._cli._selection import Selection


@pytest.fixture
def loaded(folder):
    return load_csv(
        folder / "t.csv", "score", None, 0.25, 0, Selection(drop=("label",))
    )


@pytest.mark.parametrize(
    "scores, best, n_tried",
    [
        ({30: 0.5, 10: 0.7, 3: 0.6, 1: 0.9}, 10, 3),
        ({30: 0.5, 10: 0.6, 3: 0.6, 1: 0.7}, 1, 4),
        ({30: 0.5, 10: 0.4}, 30, 2),
    ],
)
def test_tried_until_it_gets_worse(loaded, monkeypatch, scores, best, n_tried):
    asked = []

    def score(factor, *args):
        asked.append(factor)
        return scores[factor]

    monkeypatch.setattr(_usual, "_score", score)
    factor, note = _usual.usual_factor("lipschitz_weight", None, loaded, 0)
    assert factor == best
    assert asked == list(scores)[:n_tried]
    assert note.startswith("lipschitz_weight is ")
    assert f"{best:g}: {scores[best]:.3f}" in note


def test_the_score_is_of_rows_held_out(loaded):
    sizes = []

    def make(factor, part):
        sizes.append(len(part.X_train))
        return DummyRegressor()

    folds = _usual.folds_of(loaded, 0)
    assert _usual._score(1.0, make, loaded, folds) == pytest.approx(0.0)
    assert sizes == [40, 40, 40]

    class Knowing(DummyRegressor):
        def predict(self, X):
            return loaded.y_train[loaded.X_train.index.get_indexer(X.index)]

    assert _usual._score(1.0, lambda *args: Knowing(), loaded, folds) == 1.0


def test_noise_asks_for_robustness_and_a_clear_function_for_none(call, tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 6))
    frame = pd.DataFrame(X, columns=[*"abcdef"])
    weights = {}
    for noise in (0.0, 3.0):
        frame["y"] = np.abs(X[:, 0]) * 2 + X[:, 1] + noise * rng.normal(size=120)
        path = tmp_path / "n.csv"
        frame.to_csv(path, index=False)
        options = ("--target", "y", "--no-baselines", "--hidden-layer-sizes", 32)
        outcome = call(path, *options, "--max-iter", 100)
        assert outcome.code == 0
        (found,) = re.findall(r"penalty with lipschitz_weight (\S+)\.\n", outcome.err)
        weights[noise] = float(found)
        assert "held out of trial fits" in outcome.text
    assert weights[3.0] >= 0.03 > weights[0.0]


def test_what_was_asked_for_is_not_tried(call, folder):
    options = ("--target", "score", "--drop", "label", "--no-baselines")
    quick = ("--hidden-layer-sizes", 4, "--max-iter", 2)
    for asked in (("--lipschitz-weight", 0.5), ("--penalty", "none")):
        outcome = call(folder / "t.csv", *options, *quick, *asked)
        assert outcome.code == 0
        assert "held out" not in outcome.text
        assert "part of the rows" not in outcome.err


def test_a_scaled_choice_changes_its_usual_value_alone():
    choice = Choice(
        "x", "admm", {"lipschitz_weight": 0.001, "max_admm_iter": 3}, "lipschitz_weight"
    )
    assert choice.scaled(30.0).parameters == {
        "lipschitz_weight": 0.03,
        "max_admm_iter": 3,
    }
    assert choice.parameters["lipschitz_weight"] == 0.001
