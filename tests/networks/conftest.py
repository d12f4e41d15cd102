# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of the views share: the parity check and a mixed table."""

import copy

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from sklip.networks import network_view


def model_outputs(model, X):
    """Logits or predictions of the model by its own public methods."""
    if hasattr(model, "decision_function"):
        outputs = model.decision_function(X)
    elif hasattr(model, "predict_proba"):
        # An MLPClassifier hides its logits; without output activation it shows them.
        model = copy.deepcopy(model)
        net = model[-1] if isinstance(model, Pipeline) else model
        net.out_activation_ = "identity"
        outputs = model.predict_proba(X)
        outputs = outputs[:, 1] if len(net.classes_) == 2 else outputs
    else:
        outputs = model.predict(X)
    return np.asarray(outputs).reshape(len(X), -1)


@pytest.fixture
def assert_parity():
    """Function that compares a fitted model with its view and returns the view."""

    def check(model, X):
        view = network_view(model)
        # Its own predict may write into what it gets.
        expected = model_outputs(model, copy.deepcopy(X))
        actual = view.network.forward(view.encode(X))
        assert actual.shape == expected.shape
        np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-10)
        if view.classes is not None:
            logits = view.decision_network().forward(view.encode(X))
            np.testing.assert_array_equal(
                view.classes[logits.argmax(axis=1)], model.predict(copy.deepcopy(X))
            )
        return view

    return check


@pytest.fixture
def census():
    """A table like the adult data: strings, gaps, and scales from 1 to 1e5."""
    rng = np.random.default_rng(7)
    n = 160
    X = pd.DataFrame(
        {
            "age": rng.integers(17, 90, n).astype(float),
            "workclass": rng.choice(["private", "state", "self"], n),
            "weight": rng.normal(1.9e5, 1e5, n),
            "education": rng.choice(["school", "college", "master", "doctor"], n),
            "gain": rng.exponential(1000.0, n),
            "hours": rng.integers(1, 99, n),
            "sex": rng.choice(["m", "f"], n),
        }
    )
    signal = 0.05 * X["age"] + (X["education"] == "master") - 0.001 * X["gain"]
    y = np.where(signal + rng.normal(0, 0.5, n) > signal.median(), ">50K", "<=50K")
    X.loc[rng.random(n) < 0.15, "age"] = np.nan
    X.loc[rng.random(n) < 0.15, "workclass"] = np.nan
    return X, y
