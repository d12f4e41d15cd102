# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What would flip a row, said in words that are true of the model."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklip import lipschitz_bound
from sklip._cli._explain import explain
from sklip._cli._threat import Threat
from sklip.networks import network_view

SAID = re.compile(
    r"Row (\d+), '(\w+)'(?: \(in truth '(\w+)'\))?: (.+) would flip it to '(\w+)' "
    r"\(radius (\S+)\); nothing below (\S+) can\."
)


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, 3)) * [9.0, 30.0, 1.0], columns=[*"abc"])
    z = X.a / 9 + X.b / 60 + rng.normal(size=60) / 2
    y = np.where(z > 0, "yes", "no")
    X.index += 1
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y), X, y


def explained(fitted, threat, n):
    model, X, y = fitted
    view = network_view(model).with_feature_eps(threat.eps)
    certificate = lipschitz_bound(view, norm=threat.norm)
    return [SAID.fullmatch(t) for t in explain(model, X, y, threat, certificate, n)]


@pytest.mark.parametrize("norm", [2, np.inf])
def test_the_change_that_is_named_flips_the_row(fitted, norm):
    model, X, y = fitted
    threat = Threat({"a": 9.0, "b": 30.0}, norm, stated=True)
    found = explained(fitted, threat, 4)
    slopes = model[-1].coef_[0] / model[0].scale_ * [9.0, 30.0, 0.0]
    dual = 2 if norm == 2 else 1
    distance = np.abs(model.decision_function(X)) / np.linalg.norm(slopes, dual)
    nearest = set(X.index[np.argsort(distance)[:4]])
    assert {int(said[1]) for said in found} == nearest
    for said in found:
        row = X.loc[[int(said[1])]].copy()
        assert model.predict(row)[0] == said[2]
        assert said[3] == (None if y[row.index[0] - 1] == said[2] else said[5])
        for change in said[4].split(", "):
            name, before, _, after = change.split()
            assert float(before) == pytest.approx(row.at[row.index[0], name], rel=1e-4)
            # What is printed is rounded, the flip itself is a hair's breadth away.
            step = float(after) - row.at[row.index[0], name]
            row.at[row.index[0], name] += step * (1.0 + 1e-2)
        assert model.predict(row)[0] == said[5]
        true = distance[X.index == int(said[1])][0]
        assert float(said[7]) <= true <= float(said[6]) * (1 + 1e-2)
        assert float(said[7]) == pytest.approx(true, rel=1e-2)
