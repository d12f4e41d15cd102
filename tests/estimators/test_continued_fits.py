# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Fits that go on from earlier ones, and fits that fail."""

import pickle

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from skorch.callbacks import Callback

from sklip import (
    LipschitzRegularizedMLPClassifier,
    LipschitzRegularizedMLPRegressor,
    certified_radius,
)
from sklip.exceptions import DivergedTrainingError

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
)


def _classifier(**parameters):
    small = {"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0}
    return LipschitzRegularizedMLPClassifier(**{**small, **parameters})


def _regressor(**parameters):
    small = {"hidden_layer_sizes": (8,), "max_iter": 30, "random_state": 0}
    return LipschitzRegularizedMLPRegressor(**{**small, **parameters})


def test_other_layers_cannot_go_on_from_fitted_ones(classification):
    model = _classifier(warm_start=True).fit(*classification)
    model.set_params(hidden_layer_sizes=(4, 4))
    with pytest.raises(ValueError, match=r"\(4, 4\).*goes on with has \(8,\)"):
        model.fit(*classification)
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        model.partial_fit(*classification)
    model.set_params(warm_start=False).fit(*classification)
    assert model.network_.layer_sizes == (6, 4, 4, 3)


@pytest.mark.parametrize("pickled", [False, True])
def test_partial_fit_takes_changed_parameters(classification, pickled):
    model = _classifier(solver="sgd").fit(*classification)
    if pickled:
        model = pickle.loads(pickle.dumps(model))
    weights = model.coefs_[0].copy()
    model.set_params(solver="adam", learning_rate_init=1e-9, lipschitz_weight=0.5)
    model.partial_fit(*classification)
    assert model.net_.penalty.weight == 0.5
    assert 0 < np.abs(model.coefs_[0] - weights).max() < 1e-7
    steps = float(model.net_.optimizer_.state_dict()["state"][0]["step"])
    model.partial_fit(*classification)
    after = float(model.net_.optimizer_.state_dict()["state"][0]["step"])
    assert after == 2 * steps  # unchanged parameters: the same optimizer goes on


def test_rebuilding_the_net_leaves_the_random_state_alone(classification):
    model = _classifier(random_state=np.random.RandomState(0)).fit(*classification)
    model = pickle.loads(pickle.dumps(model))
    before = model.random_state.get_state()[1].copy()
    assert model.net_ is not None
    assert np.array_equal(model.random_state.get_state()[1], before)


def test_a_failed_first_partial_fit_leaves_nothing_behind(classification):
    X, y = classification
    model = _classifier()
    with pytest.raises(ValueError, match="NaN"):
        model.partial_fit(np.full_like(X, np.nan), y, classes=[0, 1, 2, 3])
    assert model.fit(X, y).classes_.tolist() == [0, 1, 2]


def test_a_failed_fit_is_no_fit(classification):
    X, y = classification
    model = _classifier()
    with pytest.raises(ValueError, match="non-zero"):
        model.fit(X, y, sample_weight=np.zeros(len(X)))
    for use in (model.predict, lambda X: certified_radius(model, X)):
        with pytest.raises(NotFittedError):
            use(X)


@pytest.mark.parametrize("factor", [-1.0, np.nan, np.inf])
def test_class_weights_are_finite_and_not_negative(classification, factor):
    with pytest.raises(ValueError, match="class_weight"):
        _classifier(class_weight={0: factor}).fit(*classification)


@pytest.mark.parametrize("callback", [3, "EarlyStopping", ("name", None), object()])
def test_only_callbacks_are_callbacks(classification, callback):
    with pytest.raises(TypeError, match="callbacks must hold skorch callbacks"):
        _classifier(callbacks=[callback]).fit(*classification)


@pytest.mark.parametrize("make", [lambda c: c, lambda c: c(), lambda c: ("name", c())])
def test_callbacks_as_class_instance_or_pair(classification, make):
    epochs = []

    class Count(Callback):
        def on_epoch_end(self, net, **kwargs):
            epochs.append(len(net.history))

    _classifier(callbacks=[make(Count)]).fit(*classification)
    assert epochs == [1, 2, 3, 4, 5]


def test_early_stopping_needs_weight_on_both_sides(classification):
    weight = np.zeros(150)
    weight[0] = 1.0
    with pytest.raises(ValueError, match="every sample_weight is 0"):
        _classifier(early_stopping=True).fit(*classification, sample_weight=weight)


@pytest.mark.parametrize("penalty", ["none", "spectral", "product", "jacobian"])
@pytest.mark.parametrize("scale, gain", [(1e200, 1.0), (1.0, 1e155), (1.0, 1e300)])
def test_lbfgs_that_diverges_says_so(regression, penalty, scale, gain):
    X, y = regression
    model = _regressor(solver="lbfgs", penalty=penalty, init_gain=gain)
    with pytest.raises(DivergedTrainingError, match="epoch 1.*init_gain"):
        model.fit(X, scale * y)
    assert all(np.isfinite(w).all() for w in model.coefs_)


def test_weights_without_a_finite_bound_have_diverged(regression):
    X, y = regression
    model = _regressor(
        init_gain=1e200, penalty="none", alpha=0.0, max_iter=1, certificate="product"
    )
    with pytest.raises(DivergedTrainingError, match="Lower learning_rate_init"):
        model.fit(1e-300 * X, y)
    assert model.certificate_ is None
    assert np.isfinite(model.coefs_[0]).all()


class _Interrupt(Callback):
    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == 3:
            raise KeyboardInterrupt


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_ctrl_c_between_epochs_keeps_those_done(regression, solver):
    with pytest.warns(UserWarning, match="interrupted by user"):
        model = _regressor(solver=solver, callbacks=[_Interrupt()]).fit(*regression)
    assert model.n_iter_ == len(model.loss_curve_) == 2
    assert model.certificate_.verify(model)
    whole = _regressor(solver=solver, max_iter=2).fit(*regression)
    for interrupted, reference in zip(model.coefs_, whole.coefs_, strict=True):
        np.testing.assert_array_equal(interrupted, reference)


def test_the_certificate_of_a_linear_network_belongs_to_the_model(classification):
    model = _classifier(hidden_layer_sizes=(8, 8), activation="identity")
    model.fit(*classification)
    assert model.certificate_.verify(model)
    certified_radius(model, classification[0], method=model.certificate_)
