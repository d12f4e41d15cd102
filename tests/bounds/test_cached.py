# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""No program is solved twice for one network, nor for a sample beyond saving."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklip import (
    LipschitzRegularizedMLPClassifier,
    certified_accuracy_score,
    certified_radius,
    lipschitz_bound,
    make_certified_accuracy_scorer,
    make_lipschitz_scorer,
)
from sklip.bounds import _cached, cached_bound
from sklip.bounds._lipsdp import bound, pairs
from sklip.bounds._methods import METHODS
from sklip.networks import random_network

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
)


@pytest.fixture
def solves(monkeypatch):
    """Counts of LipSDPs of whole networks and of pairs of classes."""
    counts = {"network": 0, "pair": 0}
    solvers = (bound, "swept", "network"), (pairs, "low_rank_method", "pair")
    for module, solver, name in solvers:
        original = getattr(module, solver)

        def counted(*args, _original=original, _name=name, **kwargs):
            counts[_name] += 1
            return _original(*args, **kwargs)

        monkeypatch.setattr(module, solver, counted)
    _cached._known.clear()
    return counts


def test_remembers_by_network_and_method(solves):
    network = random_network((4, 8, 2), random_state=0)
    first = cached_bound(network)
    same = random_network((4, 8, 2), random_state=0)
    assert cached_bound(same) is first and solves["network"] == 1
    assert first.value == lipschitz_bound(network).value
    product = cached_bound(network, method="product")
    assert product.method == "product" and product.value >= first.value
    other = random_network((4, 8, 2), random_state=1)
    assert cached_bound(other).network_hash == other.hash


def test_auto_is_the_bound_of_lipschitz_bound_above_the_limit_of_lipsdp(monkeypatch):
    """Sweeps there; fit's certificate, which spares them, is looser."""
    X, y = load_digits(return_X_y=True)
    often = replace(METHODS["lipsdp"], limit=1, limit_often=1)
    monkeypatch.setitem(METHODS, "lipsdp", often)
    model = LipschitzRegularizedMLPClassifier((8, 8), max_iter=5, random_state=0)
    model.fit(X / 16, y)
    assert model.certificate_.method == "sequential"
    found = cached_bound(model)
    assert found.value == lipschitz_bound(model).value < model.certificate_.value
    assert cached_bound(model) is found
    assert cached_bound(model, method="sequential") is model.certificate_


def test_the_cache_is_bounded():
    networks = [random_network((2, 3, 1), random_state=seed) for seed in range(40)]
    first, *rest = networks
    kept = cached_bound(first, method="product")
    for network in rest:
        cached_bound(network, method="product")
    assert cached_bound(rest[-1], method="product") is cached_bound(
        rest[-1], method="product"
    )
    assert cached_bound(first, method="product") is not kept


def test_modules_and_linear_models_pass_through():
    X, y = load_digits(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=50)).fit(X, y)
    assert cached_bound(model).value == lipschitz_bound(model).value
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()).eval()
    assert cached_bound(module).value == lipschitz_bound(module).value


def test_scorers_of_a_search_solve_nothing_that_fit_has_solved(solves):
    X, y = load_digits(return_X_y=True)
    model = LipschitzRegularizedMLPClassifier((16,), max_iter=15, random_state=0)
    scoring = {
        "certified": make_certified_accuracy_scorer(radius=0.1),
        "neg_lipschitz": make_lipschitz_scorer(),
    }
    search = GridSearchCV(
        model,
        {"lipschitz_weight": [0.01, 0.1]},
        scoring=scoring,
        refit=False,
        cv=2,
        return_train_score=True,
    ).fit(X / 16, y)
    # One program in each of the four fits; train and test scores share the rest.
    assert solves["network"] == 4
    # Local bounds prove, attacks refute: of 4 x 45 pairs of classes few are left.
    assert solves["pair"] <= 45
    results = search.cv_results_
    assert np.all(results["mean_test_neg_lipschitz"] < 0)
    np.testing.assert_array_equal(
        results["mean_test_neg_lipschitz"], results["mean_train_neg_lipschitz"]
    )


def test_refuted_samples_change_no_score():
    X, y = load_digits(return_X_y=True)
    model = LipschitzRegularizedMLPClassifier((8,), max_iter=20, random_state=0)
    model.fit(X[:1200] / 16, y[:1200])
    X, y = X[1200:1400] / 16, y[1200:1400]
    for method in ("lipsdp", "best"):
        # At one radius branch and bound spends more than on the radii.
        how = {"method": method, "effort": 0}
        radius = certified_radius(model, X, y, **how)
        for needed in (0.05, 0.2):
            score = certified_accuracy_score(model, X, y, radius=needed, **how)
            assert score == np.mean(radius >= needed)
