# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Learning-rate schedules, against what they say and scikit-learn's."""

import pickle
import warnings

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from skorch.callbacks import Callback, LRScheduler

from sklip import LipschitzRegularizedMLPClassifier

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 4))
Y = (X[:, 0] > 0).astype(int)


class Rates(Callback):
    def __init__(self):
        self.rates = []

    def on_epoch_end(self, net, **kwargs):
        self.rates.append(net.optimizer_.param_groups[0]["lr"])


def _fit(schedule, solver="sgd", **parameters):
    rates = Rates()
    model = LipschitzRegularizedMLPClassifier(
        (4,),
        solver=solver,
        learning_rate=schedule,
        callbacks=[rates],
        random_state=0,
        penalty="none",
        **{"max_iter": 5, "tol": 0, **parameters},
    )
    return model.fit(X, Y), rates.rates


@pytest.mark.parametrize("solver", ["sgd", torch.optim.RMSprop])
def test_invscaling_divides_by_a_power_of_the_samples_seen(solver):
    model, rates = _fit("invscaling", solver, power_t=0.3)
    np.testing.assert_allclose(rates, 1e-3 / (40.0 * np.arange(5) + 1) ** 0.3)
    assert model.t_ == 200
    sklearn = MLPClassifier(
        (4,), solver="sgd", learning_rate="invscaling", power_t=0.3, max_iter=4
    ).fit(X, Y)
    assert rates[4] == pytest.approx(sklearn._optimizer.learning_rate)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_others_do_not_use_it(solver):
    constant = _fit("constant", solver)[0]
    for schedule in ("invscaling", "adaptive"):
        np.testing.assert_array_equal(
            constant.coefs_[0], _fit(schedule, solver)[0].coefs_[0]
        )


def test_adaptive_divides_by_five_and_gives_up():
    model, rates = _fit("adaptive", max_iter=500, tol=10.0, n_iter_no_change=2)
    assert len(rates) < 500
    steps = sorted(set(rates), reverse=True)
    np.testing.assert_allclose(steps, 1e-3 / 5.0 ** np.arange(6))
    assert model.n_iter_ == len(rates)


@pytest.mark.parametrize("pickled", [False, True])
@pytest.mark.parametrize("schedule", ["invscaling", "adaptive"])
def test_a_stream_follows_it_as_well(schedule, pickled):
    parameters = {"tol": 10.0, "n_iter_no_change": 2, "max_iter": 1}
    model, _ = _fit(schedule, **parameters)
    model = LipschitzRegularizedMLPClassifier(**model.get_params(deep=False))
    rates = []
    for _ in range(9):
        model.partial_fit(X, Y, classes=[0, 1])
        if pickled:
            model = pickle.loads(pickle.dumps(model))
        rates.append(model.net_.optimizer_.param_groups[0]["lr"])
    whole = _fit(schedule, **{**parameters, "max_iter": 9})[1]
    np.testing.assert_allclose(rates[: len(whole)], whole)  # a fit stops, it does not


def test_by_default_the_step_size_of_adam_falls_over_a_fit():
    model, rates = _fit("auto", "adam", max_iter=150, n_iter_no_change=np.inf)
    share = (np.arange(150) + 0.5) / 150
    np.testing.assert_allclose(rates, 1.5e-3 * (1.0 + np.cos(np.pi * share)))
    assert np.mean(rates) == pytest.approx(1.5e-3)
    # A stream has no known end, and goes on at the rate of the start.
    model.partial_fit(X, Y)
    assert rates[150:] == pytest.approx([1e-3])
    # Every fit of a warm start has an end of its own.
    model.set_params(warm_start=True).fit(X, Y)
    np.testing.assert_allclose(rates[151:], rates[:150])


def test_epochs_of_many_batches_need_not_all_be_run():
    """Forty batches are four thirds of thirty; all epochs where none may stop."""
    options = {"max_iter": 160, "batch_size": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model, rates = _fit("auto", "adam", n_iter_no_change=159, **options)
    share = (np.arange(120) + 0.5) / 120
    np.testing.assert_allclose(rates, 1.5e-3 * (1.0 + np.cos(np.pi * share)))
    assert model.n_iter_ == 120
    assert len(_fit("auto", "adam", n_iter_no_change=160, **options)[1]) == 160


@pytest.mark.parametrize(
    "solver, parameters",
    [
        ("adam", {"max_iter": 149}),
        ("adam", {"max_iter": 150, "early_stopping": True}),
        ("sgd", {"max_iter": 150}),
        (torch.optim.RMSprop, {"max_iter": 150}),
    ],
)
def test_the_default_leaves_short_fits_and_other_solvers_alone(solver, parameters):
    _, rates = _fit("auto", solver, n_iter_no_change=np.inf, **parameters)
    assert rates == [1e-3] * len(rates)


def test_a_schedule_among_the_callbacks_has_the_only_say():
    halving = LRScheduler("StepLR", step_size=75, gamma=0.5)
    rates = Rates()
    LipschitzRegularizedMLPClassifier(
        (4,),
        callbacks=[rates, halving],
        max_iter=150,
        n_iter_no_change=np.inf,
        random_state=0,
    ).fit(X, Y)
    np.testing.assert_allclose(rates.rates, np.repeat([1e-3, 5e-4], 75))


def test_the_default_converges_where_a_constant_step_does_not():
    found = {}
    for schedule in ("auto", "constant"):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            options = {"max_iter": 150, "tol": 1e-4}
            model, _ = _fit(schedule, "adam", **options)
        found[schedule] = len(caught), model.loss_
    assert (found["auto"][0], found["constant"][0]) == (0, 1)
    assert found["auto"][1] < found["constant"][1]
