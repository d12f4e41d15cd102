# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Fitted state that is written to: predictions, bounds and certificate follow."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from sklip import (
    ADMMLipschitzMLPClassifier,
    FeedForward,
    LipschitzRegularizedMLPClassifier,
    LipschitzRegularizedMLPRegressor,
    NoiseLipschitzClassifier,
    certified_radius,
    lipschitz_bound,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = (X[:, 0] > 0).astype(int)
FAMILIES = [
    LipschitzRegularizedMLPClassifier,
    ADMMLipschitzMLPClassifier,
    NoiseLipschitzClassifier,
]


def _fitted(make=LipschitzRegularizedMLPClassifier, **parameters):
    return make((5,), max_iter=3, random_state=0, **parameters).fit(X, Y)


def _scale_in_place(model):
    model.coefs_[0][...] *= 3.0


def _replace_an_item(model):
    model.coefs_[1] = 3.0 * model.coefs_[1]


def _set_all(model):
    model.coefs_ = [3.0 * w for w in model.coefs_]


def _set_biases(model):
    model.intercepts_[0] += 1.0


def _set_network(model):
    net = model.network_
    model.network_ = FeedForward(
        [3.0 * w for w in net.weights], net.biases, net.activation
    )


EDITS = [_scale_in_place, _replace_an_item, _set_all, _set_biases, _set_network]


@pytest.mark.parametrize("make", FAMILIES)
@pytest.mark.parametrize("edit", EDITS)
def test_what_is_written_is_what_predicts_and_is_certified(make, edit):
    model = _fitted(make)
    before, certificate = model.decision_function(X), model.certificate_
    assert certificate.verify(model)
    edit(model)
    assert not np.allclose(model.decision_function(X), before)
    weights, biases = model.coefs_, model.intercepts_
    hidden = np.maximum(X @ weights[0] + biases[0], 0)
    logits = hidden @ weights[1] + biases[1]
    np.testing.assert_allclose(
        model.decision_function(X), logits[:, 1] - logits[:, 0], rtol=1e-12
    )
    assert not certificate.verify(model)
    assert model.certificate_ is certificate
    with pytest.raises(AttributeError, match="lipschitz_bound_ was proven.*changed"):
        model.lipschitz_bound_  # noqa: B018
    assert lipschitz_bound(model).verify(model)
    with pytest.raises(ValueError, match="network"):
        certified_radius(model, X, method=certificate)
    loaded = pickle.loads(pickle.dumps(model))
    copied = copy.deepcopy(model)
    for other in (loaded, copied):
        np.testing.assert_array_equal(
            other.decision_function(X), model.decision_function(X)
        )
        assert not hasattr(other, "lipschitz_bound_")
    assert "HTML" not in model._repr_html_()[:4]


@pytest.mark.parametrize("make", FAMILIES)
@pytest.mark.parametrize("edit", EDITS)
def test_training_goes_on_from_what_was_written(make, edit):
    still = {"learning_rate_init": 1e-12, "tol": 0}
    if make is ADMMLipschitzMLPClassifier:
        still |= {"lipschitz_bound": 1e4}
    model = make((5,), max_iter=3, random_state=0, warm_start=True, **still)
    model.fit(X, Y)
    edit(model)
    logits = model.decision_function(X)
    for train in (lambda: model.partial_fit(X, Y), lambda: model.fit(X, Y)):
        train()
        if make is ADMMLipschitzMLPClassifier:
            assert model.lipschitz_bound_ <= 1e4
        else:
            np.testing.assert_allclose(model.decision_function(X), logits, atol=1e-6)
        assert model.certificate_.verify(model)


def test_looking_changes_nothing():
    model = _fitted()
    network = model.network_
    assert model.coefs_ is model.coefs_ and model.intercepts_ is model.intercepts_
    model._repr_html_()
    assert model.network_ is network
    assert model.lipschitz_bound_ == float(model.certificate_)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda m: setattr(m, "coefs_", m.coefs_[:1]), "coefs_ and intercepts_ as set"),
        (lambda m: m.coefs_.__setitem__(0, np.ones((4, 6))), "as set"),
        (
            lambda m: m.coefs_.__setitem__(0, np.ones((3, 5))),
            "3 features.*for 4",
        ),
        (lambda m: m.coefs_[0].fill(np.nan), "NaN"),
        (lambda m: m.coefs_.__setitem__(0, "a"), "as set"),
        (lambda m: m.intercepts_.__setitem__(0, np.ones(2)), "as set"),
    ],
)
def test_what_is_no_network_is_refused(edit, said):
    model = _fitted()
    edit(model)
    for use in (model.predict, lambda X: lipschitz_bound(model)):
        with pytest.raises(ValueError, match=said):
            use(X)


def test_network_must_be_one_for_these_features_and_classes():
    model = _fitted()
    with pytest.raises(TypeError, match="must be a FeedForward"):
        model.network_ = None
    for shape in ((2, 3), (3, 4)):
        with pytest.raises(ValueError, match="fitted for 4 features and 2 outputs"):
            model.network_ = FeedForward([np.ones(shape)], None)
    regressor = LipschitzRegularizedMLPRegressor((3,), max_iter=2, random_state=0)
    regressor.fit(X, X[:, 0])
    with pytest.raises(ValueError, match="4 features and 1 outputs"):
        regressor.network_ = FeedForward([np.ones((2, 4))], None)
    pruned = FeedForward([np.ones((2, 4)), np.ones((1, 2))], None, "tanh")
    regressor.network_ = pruned
    assert regressor.predict(X).shape == (60,)


def test_a_module_that_is_written_to():
    module = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    model = NoiseLipschitzClassifier(
        module=module, max_iter=3, random_state=0, learning_rate_init=1e-12
    ).fit(X, Y)
    before = model.decision_function(X)
    with torch.no_grad():
        model.module_[2].weight.mul_(10.0)
    assert not model.certificate_.verify(model)
    with pytest.raises(AttributeError, match="lipschitz_bound_ was proven"):
        model.lipschitz_bound_  # noqa: B018
    after = model.decision_function(X)
    assert not np.allclose(after, before)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.decision_function(X), after)
    x = torch.tensor(X, dtype=torch.float32)
    logits = model.to_torch()(x).detach().numpy()
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], after, rtol=1e-5, atol=1e-6)
    model.partial_fit(X, Y)
    np.testing.assert_allclose(model.decision_function(X), after, atol=1e-5)
    assert model.certificate_.verify(model)
