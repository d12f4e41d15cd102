# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Training with the noise loss: what it is equal to, what it does, what it refuses."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale
from skorch.callbacks import Callback
from torch import nn

from sklip import (
    LipschitzRegularizedMLPClassifier,
    LipschitzRegularizedMLPRegressor,
    NoiseLipschitzClassifier,
    NoiseLipschitzRegressor,
    lipschitz_bound,
    noise_accuracy_curve,
)
from sklip.exceptions import DivergedTrainingError

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
)


def _classifier(**parameters):
    small = {"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0}
    small |= {"batch_size": 32, "certificate": None}
    small |= {"lipschitz_weight": 10.0, "lipschitz_target": 0.01}  # the paper's
    return NoiseLipschitzClassifier(**{**small, **parameters})


@pytest.mark.parametrize("load", [load_iris, load_wine])
def test_defaults_give_no_class_up(load):
    X, y = load(return_X_y=True)
    X = scale(X)
    model = NoiseLipschitzClassifier(random_state=0, certificate=None).fit(X, y)
    plain = clone(model).set_params(lipschitz_weight=0).fit(X, y)
    assert model.score(X, y) > plain.score(X, y) - 0.01
    noise = 0.25 * np.random.default_rng(0).normal(size=X.shape)
    moved = [
        np.linalg.norm(m.network_.forward(X + noise) - m.network_.forward(X), axis=1)
        for m in (model, plain)
    ]
    assert moved[0].mean() < moved[1].mean()


def _weights(model):
    return np.concatenate([a.ravel() for a in model.coefs_ + model.intercepts_])


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs", torch.optim.RMSprop])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weight_zero_is_standard_training_bit_for_bit(classification, solver, dtype):
    X, y = classification
    common = {"solver": solver, "max_iter": 5, "random_state": 0, "batch_size": 32}
    noise = NoiseLipschitzClassifier((8,), lipschitz_weight=0, **common)
    plain = LipschitzRegularizedMLPClassifier((8,), penalty="none", **common)
    X = X.astype(dtype)
    assert np.array_equal(_weights(noise.fit(X, y)), _weights(plain.fit(X, y)))
    assert noise.loss_curve_ == plain.loss_curve_


def test_weight_zero_is_standard_training_of_a_regressor(regression):
    common = {"max_iter": 5, "random_state": 0}
    noise = NoiseLipschitzRegressor((8,), lipschitz_weight=0, **common)
    plain = LipschitzRegularizedMLPRegressor((8,), penalty="none", **common)
    noise.fit(*regression)
    assert np.array_equal(_weights(noise), _weights(plain.fit(*regression)))


def test_a_threshold_never_reached_changes_nothing(classification):
    # The batches come in the same order with noise: only the hinge differs.
    far = _classifier(lipschitz_target=1e6).fit(*classification)
    none = _classifier(lipschitz_weight=0).fit(*classification)
    np.testing.assert_allclose(_weights(far), _weights(none), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_runs_repeat_and_seeds_differ(classification, solver):
    state = torch.get_rng_state()
    first = _weights(_classifier(solver=solver).fit(*classification))
    assert np.array_equal(
        first, _weights(_classifier(solver=solver).fit(*classification))
    )
    assert torch.equal(torch.get_rng_state(), state)
    other = _classifier(solver=solver, random_state=1).fit(*classification)
    assert not np.array_equal(first, _weights(other))


@pytest.mark.parametrize("space", ["logits", "proba"])
@pytest.mark.parametrize("probe", ["gaussian", "power"])
@pytest.mark.parametrize("loss", ["cross_entropy", "hinge"])
def test_the_term_makes_the_network_smoother(classification, space, probe, loss):
    X, y = classification
    common = {"ratio_space": space, "probe": probe, "loss": loss, "max_iter": 40}
    bounds = []
    for weight in (0.0, 3.0):
        model = _classifier(lipschitz_weight=weight, learning_rate_init=0.01, **common)
        model.fit(X, y)
        noise = 0.25 * np.random.default_rng(0).normal(size=X.shape)
        moved = model.network_.forward(X + noise) - model.network_.forward(X)
        bounds.append(float(np.linalg.norm(moved, axis=1).mean()))
    assert bounds[1] < 0.8 * bounds[0]


@pytest.mark.parametrize("module", [None, "cnn"])
def test_training_helps_under_noise(module):
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X / 16, y, random_state=0)
    curves = []
    for weight in (0.0, 3.0):
        model = _classifier(
            hidden_layer_sizes=(64,),
            module=module,
            noise_std=0.4,
            lipschitz_weight=weight,
            lipschitz_target=0.5,
            max_iter=40,
            batch_size=200,
            learning_rate_init=3e-3,
        ).fit(X, y)
        curve = noise_accuracy_curve(model, X_test, y_test, [0.0, 0.4], n_repeats=3)
        curves.append(curve.mean(axis=1))
    assert curves[1][0] > curves[0][0] - 0.03
    assert curves[1][1] > curves[0][1] + 0.08


def test_partial_fit_and_pickle_go_on_alike(classification):
    import pickle

    X, y = classification
    model = _classifier().partial_fit(X, y, classes=np.unique(y))
    other = pickle.loads(pickle.dumps(model))
    model.partial_fit(X, y)
    other.partial_fit(X, y)
    assert np.array_equal(_weights(model), _weights(other))


def test_milestones_divide_the_step_size(classification):
    rates = []

    class Watch(Callback):
        def on_epoch_end(self, net, **kwargs):
            rates.append(net.optimizer_.param_groups[0]["lr"])

    model = _classifier(
        solver="sgd",
        learning_rate_init=0.1,
        learning_rate_milestones=[2, 4],
        max_iter=6,
        callbacks=[Watch()],
        warm_start=True,
    ).fit(*classification)
    np.testing.assert_allclose(rates, [0.1, 0.1, 0.01, 0.01, 1e-3, 1e-3])
    model.fit(*classification)
    assert rates[6] == pytest.approx(1e-3)  # earlier epochs count


def test_weights_and_class_weights_are_the_same_thing(classification):
    X, y = classification
    by_class = _classifier(class_weight={0: 1, 1: 2, 2: 3}).fit(X, y)
    by_sample = _classifier().fit(X, y, sample_weight=y + 1)
    assert np.array_equal(_weights(by_class), _weights(by_sample))


def test_samples_of_weight_zero_do_not_count(classification):
    # In one batch the noise of the other rows does not change when rows are altered.
    X, y = classification
    weight = np.ones(len(y))
    weight[100:] = 0
    changed = X.copy()
    changed[100:] += 1.0
    common = {"batch_size": len(X), "lipschitz_target": 0.0}
    one = _classifier(**common).fit(X, y, sample_weight=weight)
    two = _classifier(**common).fit(changed, y, sample_weight=weight)
    np.testing.assert_allclose(_weights(one), _weights(two), rtol=1e-9, atol=1e-12)


def test_the_certificate_is_that_of_the_network(classification):
    model = _classifier(certificate="auto").fit(*classification)
    assert model.certificate_.verify(model)
    assert model.lipschitz_bound_ == pytest.approx(float(lipschitz_bound(model)))


@pytest.mark.parametrize("scale, expected", [(255.0, True), (1.0, False), (1e-4, True)])
def test_a_warning_names_the_scale(classification, scale, expected):
    X, y = classification
    X = scale * (X - X.min()) / (X.max() - X.min())
    model = _classifier(max_iter=1)
    if not expected:
        model.fit(X, y)
        return
    with pytest.warns(UserWarning, match="noise_std=0.25.*scale of X.*deviation"):
        model.fit(X, y)
    model.set_params(lipschitz_weight=0).fit(X, y)  # no noise, no warning


@pytest.mark.filterwarnings("ignore:hidden_layer_sizes=:UserWarning")
@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"noise_std": 0.0}, "noise_std"),
        ({"lipschitz_weight": -1.0}, "lipschitz_weight"),
        ({"lipschitz_target": -1.0}, "lipschitz_target"),
        ({"ratio_space": "probs"}, "ratio_space"),
        ({"probe": "worst"}, "probe"),
        ({"module": "alexnet"}, "module"),
        ({"module": nn.Module}, "module"),
        ({"learning_rate_milestones": [0]}, "learning_rate_milestones"),
        ({"learning_rate_milestones": [1.5]}, "learning_rate_milestones"),
        ({"learning_rate_milestones": [2], "solver": "lbfgs"}, "stochastic solver"),
        ({"amp": "float64"}, "amp"),
    ],
)
def test_wrong_parameters_are_named(classification, parameters, message):
    with pytest.raises(ValueError, match=message):
        _classifier(**parameters).fit(*classification)


def test_a_regressor_has_no_probabilities(regression):
    with pytest.raises(ValueError, match="ratio_space"):
        NoiseLipschitzRegressor(ratio_space="proba").fit(*regression)


@pytest.mark.parametrize("module", [None, "cnn"])
def test_divergence_keeps_the_last_finite_weights(module):
    rng = np.random.default_rng(0)
    X, y = rng.uniform(size=(60, 64)), np.arange(60) % 3
    model = _classifier(
        module=module, solver="sgd", learning_rate_init=1e30, max_iter=50, tol=0
    )
    with pytest.raises(DivergedTrainingError, match="epoch.*Lower learning_rate_init"):
        model.fit(X, y)
    assert np.isfinite(model.decision_function(X)).all()
    model.set_params(learning_rate_init=1e-3, warm_start=True, max_iter=1).fit(X, y)


@pytest.mark.parametrize("module", [None, "cnn"])
def test_ctrl_c_keeps_the_epochs_done(module):
    class Interrupt(Callback):
        def on_epoch_begin(self, net, **kwargs):
            if len(net.history) == 3:
                raise KeyboardInterrupt

    X, y = np.random.default_rng(0).uniform(size=(60, 64)), np.arange(60) % 3
    with pytest.warns(UserWarning, match="interrupted by user"):
        model = _classifier(module=module, callbacks=[Interrupt()]).fit(X, y)
    whole = _classifier(module=module, max_iter=2).fit(X, y)
    assert model.n_iter_ == 2
    assert np.array_equal(model.predict_proba(X), whole.predict_proba(X))
