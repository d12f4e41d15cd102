# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a bound speaks of: decision_function itself, all outputs, one of them."""

import copy

import numpy as np
import pytest
import torch
from sklearn.ensemble import BaggingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import nn

from sklip import (
    ADMMLipschitzMLPClassifier,
    LipschitzRegularizedMLPClassifier,
    NoiseLipschitzClassifier,
    certified_radius,
    feature_slopes,
    lipschitz_bound,
    lipschitz_bracket,
    local_lipschitz_bound,
    make_lipschitz_scorer,
    margins,
)
from sklip.exceptions import UnsupportedModelError
from sklip.networks import FeedForward, network_view

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
SCORE = X @ [1.0, 2.0, -1.0] + 0.3
BINARY, THREE = (SCORE > 0.0).astype(int), np.digitize(SCORE, [-0.8, 0.8])


def own(**options):
    return LipschitzRegularizedMLPClassifier(
        (6,), max_iter=30, random_state=0, **options
    )


def module():
    torch.manual_seed(1)
    return NoiseLipschitzClassifier(
        module=nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)),
        max_iter=20,
        random_state=0,
    )


MODELS = {
    "own": own(),
    "enforced": ADMMLipschitzMLPClassifier(
        (4,), lipschitz_bound=2.0, max_iter=10, max_admm_iter=5, random_state=0
    ),
    "scaled": make_pipeline(StandardScaler(), own()),
    "module": module(),
    "scaled module": make_pipeline(StandardScaler(), module()),
    "one logit": LogisticRegression(),
    "kernel": SVC(kernel="linear"),
    "bag": BaggingClassifier(own(), 3, random_state=0),
    "threshold": FixedThresholdClassifier(
        own(), threshold=0.4, response_method="decision_function"
    ),
}


@pytest.fixture(scope="module")
def fitted():
    """Each model, fitted once."""
    models = {}

    def get(name):
        if name not in models:
            models[name] = MODELS[name].fit(X, BINARY)
        return models[name]

    return get


def steepest(function, norm, n_steps=40):
    """Largest quotient of pairs, near and far."""
    rng, best = np.random.default_rng(1), 0.0
    for step in 10.0 ** rng.uniform(-3, 0.5, n_steps):
        delta = step * rng.normal(size=X.shape)
        if step < 0.01:
            delta[:, rng.permutation(3)[:2]] *= rng.integers(2)
        moved = function(X + delta) - function(X)
        moved = np.linalg.norm(moved.reshape(len(X), -1), norm, axis=1)
        best = max(best, (moved / np.linalg.norm(delta, norm, axis=1)).max())
    return best


@pytest.mark.parametrize("norm", [1, 2, np.inf])
@pytest.mark.parametrize("name", MODELS)
def test_bounds_hold_for_decision_function(name, norm, fitted):
    model = fitted(name)
    bound = lipschitz_bound(model, norm=norm)
    reached = steepest(model.decision_function, norm)
    assert 0.05 * bound.value < reached <= bound.value * (1.0 + 1e-6)
    assert bound.verify(model)


@pytest.mark.parametrize("name", ["module", "scaled module"])
def test_methods_changed_beside_a_module_are_refused(name, fitted):
    model = copy.deepcopy(fitted(name))
    last = model[-1] if name == "scaled module" else model
    last.decision_function = lambda X: 1e3 * X[:, 0]
    with pytest.raises(UnsupportedModelError, match="decision_function of its own"):
        lipschitz_bound(model)


@pytest.mark.parametrize("name", ["own", "enforced", "scaled", "module"])
def test_the_difference_may_be_steeper_than_both_logits_together(name, fitted):
    model = fitted(name)
    both = lipschitz_bound(model, output="all", method="product")
    whole = lipschitz_bound(model, method="product")
    assert both.verify(model) and both.verify(model, output="all")
    assert whole.verify(model) and not whole.verify(model, output="all")
    assert whole.network_hash != both.network_hash
    assert both.value < whole.value <= 2**0.5 * both.value * (1.0 + 1e-9)
    last = model[-1] if name == "scaled" else model
    assert last.certificate_.verify(last)
    for name in ("output", "feature"):
        with pytest.raises(ValueError, match=name):
            lipschitz_bound(model, **{name: "none"})


@pytest.mark.parametrize("name", ["own", "enforced"])
def test_the_certificate_of_a_fit_speaks_of_the_network(name, fitted):
    model = fitted(name)
    assert model.certificate_.network_hash == model.network_.hash
    assert lipschitz_bound(model, output="all").network_hash == model.network_.hash
    outputs = [float(lipschitz_bound(model, output=k)) for k in range(2)]
    assert max(outputs) <= model.lipschitz_bound_ * (1.0 + 1e-5)
    assert float(lipschitz_bound(model)) <= sum(outputs) * (1.0 + 1e-5)


def test_a_bare_network_has_outputs_only():
    network = FeedForward([[[1.0, 0.0], [-1.0, 0.0]]])
    assert float(lipschitz_bound(network)) == pytest.approx(2**0.5, rel=1e-9)
    assert lipschitz_bound(network) == lipschitz_bound(network, output="all")
    view = network_view(network)
    assert view.as_score() is view


@pytest.mark.parametrize("name", ["own", "scaled", "one logit", "threshold"])
def test_all_numbers_called_bounds_speak_of_the_same(name, fitted):
    model = fitted(name)
    bound = float(lipschitz_bound(model))
    lower, upper = lipschitz_bracket(model, n_restarts=2, random_state=0)
    assert float(upper) == bound
    reached = steepest(model.decision_function, 2)
    assert 0.5 * bound < reached <= float(lower) * (1.0 + 1e-6) <= bound * (1.0 + 1e-6)
    assert make_lipschitz_scorer()(model, X) == -bound
    local = local_lipschitz_bound(model, X, radius=0.05)
    assert (local <= bound).all()
    delta = RNG.normal(size=X.shape)
    delta *= 0.05 / np.linalg.norm(delta, axis=1, keepdims=True)
    moved = np.abs(model.decision_function(X + delta) - model.decision_function(X))
    assert (moved <= 0.05 * local * (1.0 + 1e-9)).all()
    slopes = feature_slopes(model)
    assert np.linalg.norm(slopes) >= float(lower) * (1.0 - 1e-9)
    step = 1e-4 * np.eye(3)[:, None]
    here = model.decision_function(X)
    change = [np.abs(model.decision_function(X + s) - here) for s in step]
    assert (np.max(change, axis=1) / 1e-4 <= slopes * (1.0 + 1e-6)).all()


@pytest.mark.parametrize("name", ["own", "scaled", "module", "scaled module"])
def test_radii_from_either_certificate(name, fitted):
    model = fitted(name)
    gap = np.abs(model.decision_function(X))
    both = lipschitz_bound(model, output="all", method="product")
    whole = lipschitz_bound(model, method="product")
    for certificate, factor in ((both, 2**0.5), (whole, 1.0)):
        radius = certified_radius(model, X, method=certificate)
        expected = gap / (factor * certificate.value)
        np.testing.assert_allclose(radius, expected, rtol=1e-3, atol=1e-6)
        assert (radius <= expected * (1.0 + 1e-9)).all()
    np.testing.assert_allclose(margins(model, X), gap, rtol=1e-5, atol=1e-6)


def test_three_classes_have_one_meaning():
    model = own().fit(X, THREE)
    assert lipschitz_bound(model) == lipschitz_bound(model, output="all")
    assert steepest(model.decision_function, 2) <= float(lipschitz_bound(model))


@pytest.mark.parametrize("response", ["predict_proba", "decision_function"])
def test_a_bag_decides_by_another_function_than_its_score(response, fitted):
    bag = fitted("bag")
    model = FixedThresholdClassifier(
        FrozenEstimator(bag), threshold=0.4, response_method=response
    ).fit(X, BINARY)
    bound = lipschitz_bound(model)
    assert bound == lipschitz_bound(bag)
    np.testing.assert_array_equal(model.decision_function(X), bag.decision_function(X))
    chance = lipschitz_bound(model, output="all")
    assert (chance.value < 0.5 * bound.value) == (response == "predict_proba")
    # A bound of what decides gives radii, one of another function does not.
    radius = certified_radius(model, X, method=chance)
    assert (radius > 0.0).any()
    if response == "decision_function":
        assert np.array_equal(radius, certified_radius(model, X, method=bound))
    else:
        with pytest.raises(ValueError, match="of another network.*output='all'"):
            certified_radius(model, X, method=bound)
