# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What holds at the radii is what certified radii and attacks say, row by row."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklip import LipschitzRegularizedMLPClassifier, certified_radius, lipschitz_bound
from sklip._cli._holding import hold
from sklip._cli._threat import Threat
from sklip._progress import Progress
from sklip.networks import network_view

RADII = (0.1, 0.3, 0.8, 2.0)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(250, 3)) * [1.0, 20.0, 0.1], columns=[*"abc"])
    z = X.a + X.b / 20 + rng.normal(size=250) / 3
    return X, np.digitize(z, [-0.7, 0.7]).astype(str)


def held(model, X, y, threat):
    view = network_view(model).with_feature_eps(threat.eps)
    certificate = lipschitz_bound(view, norm=threat.norm)
    progress = Progress(len(y), "rows")
    return hold(model, X, y, threat, RADII, certificate, seed=0, progress=progress)


@pytest.mark.parametrize("norm", [1, 2, np.inf])
def test_a_linear_model_is_held_exactly(table, norm):
    X, y = table
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    threat = Threat({"a": 1.0, "b": 10.0}, norm, stated=True)
    found = held(model, X, y, threat)
    W = model[-1].coef_ / model[0].scale_ * [1.0, 10.0, 0.0]
    scores = model.decision_function(X)
    true = np.searchsorted(model.classes_, y)
    dual = {1: np.inf, 2: 2, np.inf: 1}[norm]
    distance = np.full(len(y), np.inf)
    for j in range(3):
        gap = scores[np.arange(len(y)), true] - scores[:, j]
        slope = np.linalg.norm(W[true] - W[j], dual, axis=1)
        near = np.where(true == j, np.inf, gap / np.where(true == j, 1.0, slope))
        distance = np.minimum(distance, near)
    assert np.array_equal(found.correct, distance > 0)
    clear = np.abs(distance[None] - np.array(RADII)[:, None]) > 1e-3
    holds = distance >= np.array(RADII)[:, None]
    assert np.array_equal(found.certified[clear], holds[clear])
    assert np.array_equal(found.unharmed[clear], holds[clear])
    assert 0 < holds[1].sum() < found.correct.sum()


def test_one_side_alone(table):
    X, y = table
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    setting = {"norm": np.inf, "stated": True}
    up, down, both = (
        held(model, X, y, Threat({"a": eps}, **setting))
        for eps in ((0.0, 1.0), (1.0, 0.0), 1.0)
    )
    # Along a line both sides hold if and only if each does.
    assert np.array_equal(both.certified, up.certified & down.certified)
    assert np.array_equal(both.unharmed, up.unharmed & down.unharmed)
    assert up.certified.sum() != down.certified.sum()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_network_is_certified_where_its_radius_says_so(table):
    X, y = table
    network = LipschitzRegularizedMLPClassifier((70,), max_iter=30, random_state=0)
    model = make_pipeline(StandardScaler(), network).fit(X, y)
    threat = Threat(X.std().to_dict())
    found = held(model, X, y, threat)
    radius = certified_radius(model, X, y, feature_eps=threat.eps, effort=0)
    assert (found.certified >= (radius >= np.array(RADII)[:, None])).all()
    assert np.all(found.certified <= found.unharmed)
    assert np.all(found.unharmed <= found.correct)
    assert np.all(np.diff(found.unharmed.astype(int), axis=0) <= 0)
    assert np.all(np.diff(found.certified.astype(int), axis=0) <= 0)
    assert found.certified[0].any()
    assert not found.unharmed[-1].all()
