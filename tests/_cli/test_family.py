# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The family of classifiers: bounded layers, unless a linear model does better."""

import numpy as np
import pandas as pd
import pytest

from sklip._cli import _family
from sklip._cli._choices import Choice
from sklip._cli._data import load_csv
from sklip._cli._selection import Selection
from sklip._cli._threat import Threat

BOUNDED = Choice("bounded", "bounded", {"radius": 1.0})
PENALISED = Choice(
    "spectral penalty", "regularized", {"lipschitz_weight": 0.03}, "lipschitz_weight"
)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(120, 2)), columns=["a", "b"])
    noise = 0.3 * rng.normal(size=120)
    frame["label"] = np.where(frame.a - frame.b + noise > 0.3, "yes", "no")
    path = tmp_path_factory.mktemp("family") / "t.csv"
    frame.to_csv(path, index=False)
    return load_csv(path, "label", None, 0.25, 0, Selection())


@pytest.mark.parametrize(
    "scores, alpha",
    [
        ((0.5, 0.519), None),
        ((0.5, 0.6, 0.55, 0.52), 10.0),
        ((0.5, 0.6, 0.51, 0.56), 3.0),
        ((0.5, 0.6, 0.54, 0.4), None),
    ],
)
def test_what_is_compared_and_kept(loaded, monkeypatch, scores, alpha):
    left = list(scores)
    monkeypatch.setattr(_family._Trial, "shares", lambda *args: np.full(9, left.pop(0)))
    arguments = loaded, Threat(loaded.spread), [0.5], 0
    found, note = _family.usual_family(
        BOUNDED, lambda part: PENALISED, None, *arguments
    )
    assert not left
    if alpha is None:
        assert (found, note) == (BOUNDED, "")
        return
    assert found.parameters == {"lipschitz_weight": 0.09, "alpha": alpha}
    assert f"alpha {alpha:g} takes the place of bounded layers" in note


def test_the_score_counts_held_out_rows_by_their_radii(loaded):
    threat, radii = Threat(loaded.spread), [0.4, 0.8]
    rows = np.arange(len(loaded.X_train))
    train, test = rows[::2], rows[1::2]
    models = []

    def make(part):
        models.append(_family._linear(part))
        assert list(part.X_train.index) == list(loaded.X_train.index[train])
        return models[0]

    trial = _family._Trial(loaded, [(train, test)], threat, radii)
    found = trial.shares(make)
    slopes = models[0][-1].coef_[0] / np.array([loaded.X_train.iloc[train].std(ddof=0)])
    slopes = slopes * np.array(list(threat.eps.values()))
    X, y = loaded.X_train.iloc[test], loaded.y_train[test]
    distance = np.abs(models[0].decision_function(X)) / np.linalg.norm(slopes)
    right = models[0].predict(X) == y
    shares = [right & (distance >= radius) for radius in (0.0, *radii)]
    assert shares[0].sum() > shares[1].sum() > shares[2].sum() > 0
    np.testing.assert_allclose(found, np.mean(shares, axis=0))


def test_a_lead_that_chance_explains_is_none():
    gains = 0.05 + 0.3 * (-1.0) ** np.arange(400)
    assert _family._is_ahead(gains, np.zeros(400))
    assert not _family._is_ahead(gains[:50], np.zeros(50))
    assert not _family._is_ahead(np.full(400, 0.019), np.zeros(400))


def test_noise_is_left_to_a_penalty_unless_bounded_layers_are_asked_for(call, tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 50))
    frame = pd.DataFrame(X, columns=[f"x{k}" for k in range(50)])
    frame["y"] = np.where(X.sum(axis=1) + 3.0 * rng.normal(size=200) > 0, "yes", "no")
    path = tmp_path / "n.csv"
    frame.to_csv(path, index=False)
    options = ("--target", "y", "--no-baselines", "--hidden-layer-sizes", 24)
    outcome = call(path, *options)
    assert outcome.code == 0
    assert "spectral penalty with lipschitz_weight 0.09 and alpha" in outcome.err
    assert "takes the place of bounded layers: on training rows" in outcome.text
    asked = call(path, *options, "--estimator", "bounded", "--max-iter", 2)
    assert "takes the place" not in asked.text
    assert "part of the rows" not in asked.err
