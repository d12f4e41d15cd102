# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""One classifier for each class, as a network; what is inside of others."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    RANSACRegressor,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklip import (
    LipschitzRegularizedMLPClassifier,
    certified_interval,
    certified_radius,
    margins,
)
from sklip.exceptions import UnsupportedModelError
from sklip.networks import network_view

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def scaled(model):
    """Behind a scaler, as members are."""
    return make_pipeline(StandardScaler(), model)


def own():
    """A small network of sklip's own."""
    settings = {"max_iter": 30, "learning_rate_init": 0.03, "random_state": 0}
    return LipschitzRegularizedMLPClassifier((4,), **settings)


LOGISTIC = LogisticRegression()
# Scores: decision_function, a probability, a prediction.
MEMBERS = {
    "own": scaled(own()),
    "logistic": LOGISTIC,
    "regressor": LinearRegression(),
    "probability": scaled(MLPClassifier((4,), max_iter=40, random_state=0)),
    "calibrated": CalibratedClassifierCV(LOGISTIC, ensemble=False, cv=2),
    "voted": VotingClassifier([("a", LOGISTIC), ("b", scaled(own()))], voting="soft"),
}


@pytest.fixture(scope="module")
def flowers():
    X, y = load_iris(return_X_y=True)
    return X[::2], np.array(["a", "b", "c"])[y[::2]]


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", MEMBERS)
def test_the_class_holds_within_the_radius_and_flips_beyond(name, n_classes, flowers):
    X, y = flowers
    if n_classes == 2:
        X, y = X[y != "a"], y[y != "a"]
    model = scaled(OneVsRestClassifier(MEMBERS[name])).fit(X, y)
    view, predicted = network_view(model), model.predict(X)
    logits = view.decision_network().forward(view.encode(X))
    assert margins(model, X).min() > 1e-9
    np.testing.assert_array_equal(view.classes[logits.argmax(axis=1)], predicted)
    radius = certified_radius(model, X)
    assert np.median(radius) > 0.05
    rng, flipped = np.random.default_rng(0), 0
    for share in [0.999] * 8 + [30.0] * 8:
        step = rng.normal(size=X.shape)
        step *= share * radius[:, None] / np.linalg.norm(step, axis=1, keepdims=True)
        same = model.predict(X + step) == predicted
        assert share > 1.0 or same.all()
        flipped += (~same).sum()
    assert flipped > 0


def test_the_outputs_are_the_members_scores(flowers):
    X, y = flowers
    model = OneVsRestClassifier(LOGISTIC).fit(X, y)
    found = network_view(model).network.forward(X)
    np.testing.assert_allclose(found, model.decision_function(X), rtol=1e-12)
    two = OneVsRestClassifier(LinearRegression()).fit(X, y == "a")
    shifted = network_view(two).network.forward(X)[:, 0]
    scores = two.estimators_[0].predict(X)
    np.testing.assert_allclose(shifted, scores - 0.5, atol=1e-12)


def test_what_is_refused(flowers):
    X, y = flowers
    sets = OneVsRestClassifier(LOGISTIC).fit(X, np.c_[y == "a", y != "b"].astype(int))
    mixed = OneVsRestClassifier(LOGISTIC).fit(X, y)
    mixed.estimators_ = mixed.estimators_[:2]
    votes = VotingClassifier([("a", LOGISTIC)], voting="soft").fit(X, y)
    bags = CalibratedClassifierCV(LOGISTIC, method="isotonic", ensemble=False, cv=2)
    for model, match in (
        (sets, r"sklearn.multiclass.OneVsRestClassifier of sets.*estimators_\[k\]"),
        (mixed, "holds 2 classifiers.*changed after fit"),
        (votes, "least of their certified radii"),
        (OneVsRestClassifier(bags).fit(X, y), "isotonic"),
    ):
        with pytest.raises(UnsupportedModelError, match=match):
            certified_radius(model, X)


@pytest.mark.parametrize(
    ("model", "inside"),
    [
        (RANSACRegressor(random_state=0), r"model\.estimator_,"),
        (MultiOutputRegressor(LinearRegression()), r"model\.estimators_\[k\]"),
    ],
    ids=["found", "each"],
)
def test_models_that_are_not_opened_say_what_is_inside(model, inside, flowers):
    X = flowers[0]
    model.fit(X, X[:, :2] if "[k" in inside else X[:, 0])
    with pytest.raises(UnsupportedModelError, match=inside):
        certified_interval(model, X, radius=0.1)
