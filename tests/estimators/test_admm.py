# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""ADMM estimators: the bound holds at all times, and the optimum is the right one.

Also tests of ``training/_admm/deploy.py``, ``training/_admm/iteration.py``,
``training/_admm/loop.py``, ``training/_admm/refresh.py``, ``training/_admm/rho.py``,
``training/_admm/state.py`` and ``training/_admm/update.py``.
"""

import pickle
from inspect import signature

import cvxpy as cp
import numpy as np
import pytest
import torch
from joblib import parallel_config
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import scale
from skorch.callbacks import Callback, EarlyStopping

from sklip import (
    ADMMLipschitzMLP,
    ADMMLipschitzMLPClassifier,
    ADMMLipschitzMLPRegressor,
    FeedForward,
    lipschitz_lower_bound,
)
from sklip.bounds import lipsdp_bound, multiplier_certificate
from sklip.exceptions import DivergedTrainingError
from sklip.networks import random_network
from sklip.training import ADMM, ConsensusTerm, FlatMLP, certified_network
from sklip.training._admm import loop
from sklip.training._admm.rho import adapted_rho, rho_that_binds
from sklip.training._admm.state import SplitState, find_multipliers

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
)


def _classifier(**parameters):
    small = dict(hidden_layer_sizes=(8,), max_iter=20, max_admm_iter=8, random_state=0)
    return ADMMLipschitzMLPClassifier(**{**small, **parameters})


def _regressor(**parameters):
    small = dict(hidden_layer_sizes=(8,), max_iter=20, max_admm_iter=8, random_state=0)
    return ADMMLipschitzMLPRegressor(**{**small, **parameters})


def _assert_kept(model, bound):
    """The bound holds exactly, is proven, and no pair of points violates it."""
    assert model.lipschitz_bound_ <= bound
    assert model.lipschitz_bound_ == float(model.certificate_)
    assert model.certificate_.verify(model.network_)
    assert float(lipschitz_lower_bound(model.network_, random_state=0)) <= bound


@pytest.mark.parametrize("hidden", [(), (8,), (8, 6), (6, 5, 4)])
@pytest.mark.parametrize("bound", [1e-6, 0.3, 2.0, 1e6])
def test_every_bound_is_kept_at_any_depth(classification, hidden, bound):
    model = _classifier(hidden_layer_sizes=hidden, lipschitz_bound=bound)
    _assert_kept(model.fit(*classification), bound)


@pytest.mark.parametrize("n_iter", [1, 2, 3, 5])
@pytest.mark.parametrize("certificate", ["auto", None, "product"])
def test_bound_holds_after_every_iteration(classification, n_iter, certificate):
    model = _classifier(
        lipschitz_bound=0.7, max_admm_iter=n_iter, certificate=certificate, admm_tol=0
    )
    _assert_kept(model.fit(*classification), 0.7)
    assert len(model.primal_residuals_) == len(model.dual_residuals_) == n_iter


def test_gradient_steps_alone_would_break_the_bound(classification):
    """Theorem 8 speaks of the projected weights only (P20)."""
    model = _classifier(lipschitz_bound=0.7, max_admm_iter=2, admm_tol=0)
    model.fit(*classification)
    trained = model._admm_state.weights
    network = type(model.network_)(trained, None, "relu")
    assert lipsdp_bound(network).value > 0.7


@pytest.mark.parametrize("loss", ["cross_entropy", "hinge"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "elu(1.5)"])
def test_losses_and_activations_of_the_classifier(classification, loss, activation):
    model = _classifier(loss=loss, activation=activation, lipschitz_bound=1.0)
    _assert_kept(model.fit(*classification), 1.0)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
def test_losses_of_the_regressor(regression, loss):
    X, y = regression
    model = _regressor(loss=loss, lipschitz_bound=0.5).fit(X, np.c_[y, -y])
    _assert_kept(model, 0.5)


@pytest.mark.parametrize(
    "parameters",
    [
        {"solver": "sgd"},
        {"solver": "lbfgs"},
        {"solver": torch.optim.RMSprop},
        {"multipliers": "layer"},
        {"multipliers": [np.linspace(0.1, 3.0, 8)]},
        {"refresh_multipliers": 2},
        {"rho": 1e-4},
        {"rho": 1e3},
        {"rho": "balanced"},
        {"epochs_per_iter": 3},
        {"early_stopping": True},
        {"class_weight": "balanced"},
        {"init_alpha": 0.0},
        {"init_alpha": 1e3},
        {"step_tol": 0.5},
    ],
    ids=lambda p: "-".join(map(str, p)),
)
def test_bound_holds_for_all_parameters(classification, parameters):
    model = _classifier(lipschitz_bound=0.9, **parameters).fit(*classification)
    _assert_kept(model, 0.9)


def test_float32(classification):
    X, y = classification
    for bound in (0.3, 1.7):
        model = _classifier(hidden_layer_sizes=(8, 6), lipschitz_bound=bound)
        model.fit(X.astype(np.float32), y)
        _assert_kept(model, bound)
        for weight in model.coefs_:
            assert np.array_equal(weight, weight.astype(np.float32))


@pytest.mark.parametrize(
    "parameters",
    [
        {"solver": "lbfgs"},
        {"early_stopping": True},
        {"callbacks": [EarlyStopping(monitor="train_loss", patience=1, threshold=1.0)]},
        {"multipliers": [np.linspace(0.1, 3.0, 8)]},
        {"hidden_layer_sizes": (), "loss": "hinge"},
    ],
    ids=["lbfgs", "early_stopping", "callback", "given T", "linear"],
)
def test_float32_with_every_way_to_end(classification, parameters):
    X, y = classification
    model = _classifier(lipschitz_bound=0.4, warm_start=True, **parameters)
    for bound in (0.4, 0.15, 0.9):
        model.set_params(lipschitz_bound=bound).fit(X.astype(np.float32), y)
        _assert_kept(model, bound)
        for weight in model.coefs_:
            assert np.array_equal(weight, weight.astype(np.float32))


@pytest.mark.parametrize("epoch", [3, 21])
def test_interrupted_float32_and_partial_fit(classification, epoch):
    X, y = classification
    X = X.astype(np.float32)
    model = _classifier(
        lipschitz_bound=0.35, callbacks=[_Interrupt(epoch)], tol=0, admm_tol=0
    )
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(X, y)
    _assert_kept(model, 0.35)
    model.set_params(callbacks=None)
    for bound in (0.35, 0.2):
        model.set_params(lipschitz_bound=bound).partial_fit(X, y)
        _assert_kept(model, bound)


@pytest.mark.parametrize("bound", [0.7, None])
def test_proof_holds_at_every_iteration(classification, monkeypatch, bound):
    """Theorem 8: the certified copy, at all times, whatever the multipliers do."""
    iterate, shares = ADMM.iterate, []

    def watched(self, data, valid=None):
        done = iterate(self, data, valid)
        network = FeedForward(self.state.projected, None, "relu")
        kept, certificate = certified_network(network, self.state, bound is not None)
        assert kept.hash == network.hash  # nothing had to shrink
        shares.append(certificate.value / self.state.bound)
        return done

    monkeypatch.setattr(ADMM, "iterate", watched)
    _classifier(
        hidden_layer_sizes=(8, 6),
        lipschitz_bound=bound,
        refresh_multipliers=3,
        max_admm_iter=12,
        admm_tol=0,
    ).fit(*classification)
    assert len(shares) == 12
    assert max(shares) <= (1.0 if bound else 1.0 + 1e-9)


def test_the_term_of_the_loss_step_leaves_biases_free():
    """Gradient of <Y, W - V> + rho / 2 ||W - V||^2 by W, and nothing by the biases."""
    module = FlatMLP((3, 4, 2), "tanh", dtype=torch.float64)
    rng = np.random.default_rng(0)
    anchor, dual = ([rng.normal(size=w.shape) for w in module.weights] for _ in "VY")
    term = ConsensusTerm(module)
    term.set(0.7, anchor, dual)
    module.flat_grad.zero_()
    value = term.add_exact_gradient(None)
    weights = [w.numpy() for w in module.weights]
    triples = list(zip(weights, anchor, dual, strict=True))
    expected = sum(
        np.sum(y * (w - v)) + 0.35 * np.sum((w - v) ** 2) for w, v, y in triples
    )
    assert value == pytest.approx(expected)
    gradient = np.concatenate([(y + 0.7 * (w - v)).ravel() for w, v, y in triples])
    np.testing.assert_allclose(module.flat_grad[: module.n_weights], gradient)
    assert not module.flat_grad[module.n_weights :].any()


def test_rho_is_fixed_or_balances_the_residuals(classification):
    for rho in (1e-3, 10.0):
        model = _classifier(rho=rho, lipschitz_bound=0.7, admm_tol=0)
        assert model.fit(*classification)._admm_state.rho == rho
    worst = []
    for rho in ("balanced", 1e-3):
        model = _classifier(
            rho=rho,
            lipschitz_weight=0.1,
            max_admm_iter=40,
            epochs_per_iter=100,
            admm_tol=0,
            solver="lbfgs",
        )
        model.fit(*classification)
        worst.append(max(model.primal_residuals_[-1], model.dual_residuals_[-1]))
    assert worst[0] < worst[1]


@pytest.mark.parametrize(
    ("rule", "primal", "dual", "factor"),
    [
        ("residuals", 1.0, 0.1, 2.0),
        ("residuals", 0.1, 1.0, 0.5),
        ("residuals", 1.0, 0.5, 1.0),
        ("forces", 0.0, 0.0, 0.8),
        (None, 1.0, 0.1, 1.0),
    ],
)
def test_a_step_of_rho(rule, primal, dual, factor):
    one = [np.ones((2, 3))]
    dual_variable = [np.full((2, 3), 0.7)]
    state = SplitState(one, one, dual_variable, [], 1.0, rho=5.0)
    assert adapted_rho(rule, state, primal, dual) == pytest.approx(5.0 * factor)


@pytest.mark.parametrize(
    "goal", [{"lipschitz_bound": 0.2}, {"lipschitz_bound": 3.0}, {}]
)
def test_rho_follows_the_forces(classification, goal):
    """Y is half of rho V at the end, whatever size the bound asks of it."""
    model = _classifier(
        **{"max_admm_iter": 40, "admm_tol": 0, "solver": "lbfgs", **goal}
    )
    state = model.fit(*classification)._admm_state
    forces, weights = (
        np.linalg.norm(np.concatenate([a.ravel() for a in arrays]))
        for arrays in (state.dual, state.projected)
    )
    assert forces == pytest.approx(0.5 * state.rho * weights, rel=0.1)


@pytest.mark.parametrize(("bound", "bad"), [(4.0, 1.0), (0.5, 0.003)])
def test_rho_that_follows_the_forces_suits_every_bound(bound, bad):
    """A loose bound wants a small rho, a tight one a large rho: "auto" finds both."""
    X, y = load_breast_cancer(return_X_y=True)
    X = scale(X).astype(np.float32)
    losses = {}
    for rho in ("auto", 0.003, 0.03, 1.0):
        model = ADMMLipschitzMLPClassifier(
            (16,),
            lipschitz_bound=bound,
            rho=rho,
            learning_rate_init=1e-2,
            max_iter=20,
            max_admm_iter=60,
            tol=0,
            admm_tol=0,
            random_state=0,
        )
        _assert_kept(model.fit(X, y), bound)
        losses[rho] = log_loss(y, model.predict_proba(X))
    best = min(losses.values())
    assert losses["auto"] < 1.02 * best
    assert losses[bad] > 1.1 * best


def test_rho_stays_positive_where_the_bound_does_not_bind(classification):
    """No forces at all: rho falls, but never to zero."""
    model = _classifier(lipschitz_bound=1e6)
    for _ in range(100):
        model.partial_fit(*classification, classes=np.unique(classification[1]))
    assert 1e-9 < model._admm_state.rho < 1e-7
    _assert_kept(model, 1e6)


@pytest.mark.parametrize("goal", [{"lipschitz_bound": 0.8}, {"lipschitz_weight": 0.05}])
@pytest.mark.parametrize("solver", ["scs", "clarabel"])
def test_general_solvers_agree_with_the_native_step(classification, goal, solver):
    settings = dict(
        solver="lbfgs", hidden_layer_sizes=(4,), max_admm_iter=1, admm_tol=0, **goal
    )
    native = _classifier(step_tol=1e-8, **settings).fit(*classification)
    general = _classifier(sdp_solver=solver, step_tol=1e-8, **settings)
    general.fit(*classification)
    if "lipschitz_bound" in goal:
        _assert_kept(general, 0.8)
    assert general.lmi_bound_ == pytest.approx(native.lmi_bound_, rel=1e-4)
    for a, b in zip(native.coefs_, general.coefs_, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_a_missing_licence_says_what_to_use_instead(classification):
    if "MOSEK" in cp.installed_solvers():
        pytest.skip("MOSEK is installed")
    with pytest.raises(ValueError, match="not installed. Use sdp_solver='native'"):
        _classifier(sdp_solver="mosek", lipschitz_bound=1.0).fit(*classification)


def test_warm_start_goes_on_and_follows_the_bound(classification):
    model = _classifier(lipschitz_bound=2.0, warm_start=True).fit(*classification)
    epochs = len(model.history_)
    model.fit(*classification)
    # No second start; an epoch of these 60 samples is one batch, an iteration eight.
    assert model.n_iter_ == 1
    assert len(model.history_) == epochs + 8 * len(model.primal_residuals_)
    for bound in (0.5, 3.0):
        _assert_kept(
            model.set_params(lipschitz_bound=bound).fit(*classification), bound
        )


def test_at_the_end_what_is_deployed_meets_the_weights(classification, monkeypatch):
    """rho grows while the steps shrink, and is as before for a fit that goes on."""
    found = []
    for growth in (1.0, 100.0):
        monkeypatch.setattr(loop, "_GROWTH", growth)
        options = {"max_iter": 150, "max_admm_iter": "auto", "admm_tol": 0}
        options["batch_size"] = len(classification[1]) // 2
        model = _classifier(**options).fit(*classification)
        assert model.n_admm_iter_ == 13  # of twelve batches each, in 80 epochs
        found.append(model)
    plain, grown = found
    assert grown.primal_residuals_[-1] < 0.5 * plain.primal_residuals_[-1]
    assert grown._admm_state.rho < 5 * plain._admm_state.rho


@pytest.mark.parametrize("pickled", [False, True])
def test_partial_fit(classification, pickled):
    X, y = classification
    model = _classifier(lipschitz_bound=0.8)
    for k in range(5):
        model.partial_fit(X[k::2], y[k::2], classes=np.unique(y))
        _assert_kept(model, 0.8)
        if pickled:
            other = pickle.loads(pickle.dumps(model))
            again = clone(model)
            assert not hasattr(again, "network_")
            model.partial_fit(X, y)
            other.partial_fit(X, y)
            np.testing.assert_array_equal(model.coefs_[0], other.coefs_[0])
    assert len(model.primal_residuals_) == 5 + 5 * pickled
    before = model.score(X, y)
    for _ in range(40):
        model.partial_fit(X, y)
    assert model.score(X, y) > before


class _Interrupt(Callback):
    """Ctrl-C in the middle of an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == self.epoch:
            raise KeyboardInterrupt


@pytest.mark.parametrize("epoch", [1, 10, 21, 24])
def test_interrupted_training_keeps_the_bound(classification, epoch):
    model = _classifier(
        lipschitz_bound=0.6, callbacks=[_Interrupt(epoch)], tol=0, admm_tol=0
    )
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(*classification)
    _assert_kept(model, 0.6)
    assert model.set_params(callbacks=None).partial_fit(*classification)
    _assert_kept(model, 0.6)


def test_interrupted_projection_keeps_the_bound(classification, monkeypatch):
    from sklip.training._admm.update import LipschitzUpdate

    step, calls = LipschitzUpdate.__call__, []

    def interrupted(self, *args):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return step(self, *args)

    monkeypatch.setattr(LipschitzUpdate, "__call__", interrupted)
    model = _classifier(lipschitz_bound=0.6, admm_tol=0)
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(*classification)
    _assert_kept(model, 0.6)
    assert len(model.primal_residuals_) == 2


def test_divergence_keeps_the_bound_and_can_go_on(classification):
    model = _classifier(
        lipschitz_bound=0.6, learning_rate_init=1e200, solver="sgd", warm_start=True
    )
    with pytest.raises(DivergedTrainingError, match="learning_rate_init"):
        model.fit(*classification)
    _assert_kept(model, 0.6)
    model.set_params(learning_rate_init=1e-2).fit(*classification)
    _assert_kept(model, 0.6)


@pytest.mark.parametrize("bound", [0.6, None])
@pytest.mark.parametrize("rate", [1e-3, 1e308])
def test_an_exploded_start_is_a_clear_error(classification, bound, rate):
    model = _classifier(
        lipschitz_bound=bound, init_gain=1e150, solver="sgd", learning_rate_init=rate
    )
    with pytest.raises(DivergedTrainingError, match="init_gain"):
        model.fit(*classification)


def test_regularised_bound_falls_with_the_weight(classification):
    bounds = [
        _classifier(lipschitz_weight=mu, max_admm_iter=30)
        .fit(*classification)
        .lipschitz_bound_
        for mu in (1e-3, 1e-1, 10.0)
    ]
    assert bounds[0] > bounds[1] > bounds[2]


def test_certificate_is_solved_again_with_free_multipliers(classification):
    model = _classifier(lipschitz_weight=0.05).fit(*classification)
    assert model.lipschitz_bound_ <= model.lmi_bound_ * (1 + 1e-9)
    own = multiplier_certificate(model.network_, model.lmi_bound_, model.multipliers_)
    assert own.verify(model.network_)
    fixed = clone(model).set_params(certificate=None).fit(*classification)
    assert fixed.certificate_.method == "admm"
    assert model.lipschitz_bound_ < fixed.lipschitz_bound_


def test_start_can_be_given(regression):
    X, y = regression
    start = _regressor().fit(X, y)
    model = _regressor(lipschitz_bound=0.4)
    model.fit(X, y, coef_init=start.coefs_, intercept_init=start.intercepts_)
    _assert_kept(model, 0.4)
    assert model.n_iter_ == 1
    assert len(model.history_) == 8 * len(model.primal_residuals_)
    for wrong, message in (
        ({"coef_init": start.coefs_[:1]}, "shapes"),
        ({"coef_init": [c.T for c in start.coefs_]}, "shapes|coef_init"),
        ({"intercept_init": start.intercepts_}, "needs coef_init"),
    ):
        with pytest.raises(ValueError, match=message):
            model.fit(X, y, **wrong)


def test_biases_are_optimal_for_the_certified_weights(regression):
    X, y = regression
    model = _regressor(lipschitz_bound=0.4, max_admm_iter=2, alpha=0).fit(X, y)
    # The output bias of a squared error makes the residuals average to zero.
    assert abs(np.mean(model.predict(X) - y)) < 1e-3


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"lipschitz_bound": 0.0}, "lipschitz_bound"),
        ({"lipschitz_bound": -1.0}, "lipschitz_bound"),
        ({"lipschitz_bound": np.inf}, "lipschitz_bound"),
        ({"lipschitz_bound": np.nan}, "lipschitz_bound"),
        ({"lipschitz_weight": 0.0}, "lipschitz_weight"),
        ({"rho": 0.0}, "rho"),
        ({"rho": -1.0}, "rho"),
        ({"rho": np.nan}, "rho"),
        ({"rho": "balance"}, "rho"),
        ({"admm_tol": -1e-3}, "admm_tol"),
        ({"step_tol": 0.0}, "step_tol"),
        ({"max_admm_iter": 0}, "max_admm_iter"),
        ({"epochs_per_iter": 0}, "epochs_per_iter"),
        ({"refresh_multipliers": -1}, "refresh_multipliers"),
        ({"multipliers": []}, "0 arrays.*1 hidden"),
        ({"multipliers": [np.ones(7)]}, r"shape \(8,\)"),
        ({"multipliers": [np.eye(8)]}, r"shape \(8,\)"),
        ({"multipliers": [np.zeros(8)]}, "positive"),
        ({"multipliers": [-np.ones(8)]}, "positive"),
        ({"multipliers": [np.full(8, np.nan)]}, "positive"),
        ({"activation": "gelu"}, "'gelu'.*Remark 2"),
        ({"activation": ["leaky_relu"]}, "'leaky_relu'.*Remark 2"),
        ({"activation": "identity"}, "'identity'.*Remark 2"),
        ({"sdp_solver": "magic"}, "sdp_solver"),
        (
            {"lipschitz_bound": 1.0, "lipschitz_weight": 0.5},
            "^lipschitz_weight=0.5 has no effect where lipschitz_bound=1 ",
        ),
        (
            {"multipliers": [np.ones(8)], "refresh_multipliers": 3},
            "^refresh_multipliers=3 has no effect with given multipliers",
        ),
    ],
)
def test_absurd_arguments_are_refused(classification, parameters, message):
    with pytest.raises(ValueError, match=message):
        _classifier(**parameters).fit(*classification)


def test_base_is_abstract():
    with pytest.raises(TypeError, match="ADMMLipschitzMLPClassifier"):
        ADMMLipschitzMLP((16,), rho=1.0)
    assert str(signature(ADMMLipschitzMLP)) == "()"
    assert isinstance(_regressor(), ADMMLipschitzMLP)


@pytest.mark.parametrize("bound", [0.15, 0.3, 0.6])
@pytest.mark.parametrize("sizes", [(16,), (12, 12)])
def test_the_whole_allowance_is_used(regression, bound, sizes):
    X, y = regression
    parameters = dict(
        hidden_layer_sizes=sizes,
        lipschitz_bound=bound,
        learning_rate_init=1e-2,
        max_iter=60,
        max_admm_iter=20,
    )
    model = _regressor(**parameters).fit(X, y)
    _assert_kept(model, bound)
    assert model.lipschitz_bound_ >= 0.995 * bound
    fixed = _regressor(**parameters, refresh_multipliers=0).fit(X, y)
    assert fixed.lipschitz_bound_ <= model.lipschitz_bound_
    assert model.score(X, y) > fixed.score(X, y)


def test_a_bound_that_does_not_bind_costs_no_search(classification, monkeypatch):
    searches = []
    monkeypatch.setattr(ADMM, "search_multipliers", searches.append)
    model = _classifier(lipschitz_bound=1e3, max_admm_iter=40, admm_tol=0)
    model.fit(*classification)
    assert not searches
    assert model.lipschitz_bound_ < 100.0
    # Nor is the start held back for its sake.
    held = clone(model).set_params(init_alpha=10.0).fit(*classification)
    assert held.network_.hash == model.network_.hash


@pytest.mark.parametrize("n_dead", [1, 8, 16])
def test_neurons_that_do_nothing_leave_the_others_multipliers_alone(n_dead):
    """Theirs may be anything: a mean over all of them would be that of no neuron."""
    network = random_network([4, 16, 2], random_state=0)
    first, last = (np.array(w) for w in network.weights)
    first[:n_dead] *= 1e-25
    last[:, : min(n_dead, 15)] *= 1e-25
    network = FeedForward([first, last], network.biases)
    multipliers, bound, _ = find_multipliers(network, "lipsdp")
    assert multiplier_certificate(network, 1.001 * bound, multipliers, method="admm")
    assert multipliers[0].max() <= 1e6 * multipliers[0].min() * (1 + 1e-9)


def test_rho_returns_once_the_bound_binds():
    """It fell while there was no force: with it the force would come too late."""
    one, free, held = ([np.full((2, 3), x)] for x in (1.0, 1e-9, 1e-4))
    before = SplitState(one, one, free, [], 1.0, rho=1e-5)
    after = SplitState(one, one, held, [], 1.0, rho=1e-5)
    assert rho_that_binds("forces", before, after) == 0.1
    assert rho_that_binds("forces", after, after) == 1e-5
    assert rho_that_binds("forces", before, before) == 1e-5
    assert rho_that_binds(None, before, after) == 1e-5


def test_effort_follows_the_arguments(classification):
    for max_iter, start, iterations in ((1, 1, 1), (6, 6, 1), (17, 17, 2)):
        model = ADMMLipschitzMLPClassifier(
            (4,), max_iter=max_iter, tol=0, n_iter_no_change=np.inf, admm_tol=0
        ).fit(*classification)
        assert (model.n_iter_, model.n_admm_iter_) == (start, iterations)
        per_iter = min(8, max_iter)
        assert len(model.history_) == start + iterations * per_iter


class StepSizes(Callback):
    """Notes what each epoch's steps are multiplied by."""

    def on_epoch_end(self, net, **kwargs):
        self.seen = [*getattr(self, "seen", []), net.schedule.applied * net.rate_factor]


@pytest.mark.parametrize(
    "parameters, start, iterations, peak",
    [
        ({}, 100, 10, 5.0),
        ({"max_iter": 301}, 151, 10, 5.0),
        ({"hidden_layer_sizes": (4, 4, 4)}, 100, 8, 5.0),
        ({"max_iter": 149}, 149, 12, 1.0),
        ({"learning_rate": "constant"}, 200, 12, 1.0),
        ({"solver": "sgd"}, 200, 12, 1.0),
        ({"max_admm_iter": 3}, 200, 3, 1.0),
    ],
)
def test_where_the_step_size_falls_fewer_epochs_are_enough(
    classification, parameters, start, iterations, peak
):
    sizes = StepSizes()
    model = ADMMLipschitzMLPClassifier(
        **{"hidden_layer_sizes": (4,), **parameters},
        tol=0,
        n_iter_no_change=np.inf,
        admm_tol=0,
        certificate=None,
        callbacks=[sizes],
        random_state=0,
    ).fit(*classification)
    assert (model.n_iter_, model.n_admm_iter_) == (start, iterations)
    begin = sizes.seen[:start]
    assert begin[0] == pytest.approx(peak, rel=1e-3)
    assert begin[-1] == pytest.approx(0.0 if peak > 1 else 1.0, abs=1e-3)
    shares = np.arange(iterations) / iterations
    falling = 1.0 - shares
    if peak > 1.0:
        falling = 0.5 + 0.5 * np.cos(np.pi * (shares + 0.5 / iterations))
    every = (len(sizes.seen) - start) // iterations
    np.testing.assert_allclose(sizes.seen[start::every], peak * falling)


def test_small_residuals_of_a_moving_loss_do_not_stop(classification):
    """One short loss step hardly leaves the certified weights: no sign of an end."""
    model = _classifier(lipschitz_bound=50.0).fit(*classification)
    assert max(model.primal_residuals_[0], model.dual_residuals_[0]) < model.admm_tol
    assert model.n_admm_iter_ == model.max_admm_iter
    with_patience = _classifier(lipschitz_bound=50.0, tol=1.0, n_iter_no_change=3)
    assert with_patience.fit(*classification).n_admm_iter_ == 5
    # Of eight epochs each, where those count: the first with small residuals from then.
    with_patience.set_params(max_iter=150, max_admm_iter="auto", n_iter_no_change=24)
    found = with_patience.fit(*classification)
    residuals = np.maximum(found.primal_residuals_, found.dual_residuals_)
    assert 5 <= len(residuals) < 10 and residuals[-1] <= found.admm_tol
    assert np.all(residuals[4:-1] > found.admm_tol)


def test_unconverged_iterations_warn(classification):
    with pytest.warns(ConvergenceWarning, match="ADMM iterations"):
        _classifier(admm_tol=0).fit(*classification)


def test_verbose_prints_each_iteration(classification, capsys):
    _classifier(lipschitz_bound=1.0, verbose=True, admm_tol=0).fit(*classification)
    lines = capsys.readouterr().out.splitlines()
    lines = [line for line in lines if line.startswith("ADMM iteration")]
    assert len(lines) == 8
    assert lines[2].startswith("ADMM iteration 3 of at most 8, ")
    assert all("train_loss" in s and "residuals" in s and "bound" in s for s in lines)
    _classifier(verbose=2).fit(*classification)
    lines = capsys.readouterr().out.splitlines()
    assert lines[19].startswith("Start: epoch 20, train_loss")
    assert lines[20].startswith("Epoch 21, train_loss")
    assert sum(line.startswith("Epoch") for line in lines) == 64


def test_copies_and_jobs(classification):
    X, y = classification
    model = _classifier(lipschitz_bound=1.0, multipliers=[np.ones(8)]).fit(X, y)
    loaded = pickle.loads(pickle.dumps(model))
    assert b"torch" not in pickle.dumps(model)
    assert np.array_equal(model.predict_proba(X), loaded.predict_proba(X))
    _assert_kept(loaded, 1.0)
    grid = {"lipschitz_bound": [0.5, 2.0]}
    one = GridSearchCV(_classifier(), grid, cv=2).fit(X, y)
    with parallel_config("threading"):  # processes: test_mlp
        two = GridSearchCV(_classifier(), grid, cv=2, n_jobs=2).fit(X, y)
    a, b = (search.cv_results_["mean_test_score"] for search in (one, two))
    assert np.array_equal(a, b)


def test_skops_round_trip(classification):
    io = pytest.importorskip("skops.io")
    X, y = classification
    data = io.dumps(_classifier(lipschitz_bound=1.0).fit(X, y))
    unknown = io.get_untrusted_types(data=data)
    assert all(name.startswith(("sklip.", "skorch.")) for name in unknown)
    loaded = io.loads(data, trusted=unknown)
    loaded.partial_fit(X, y)
    _assert_kept(loaded, 1.0)


def _linear_problem(X, y, loss, bound, weight):
    """Global optimum of the same problem by cvxpy: value and weights."""
    n = len(X)
    W, b = cp.Variable((X.shape[1], 3)), cp.Variable((1, 3))
    Z = X @ W + np.ones((n, 1)) @ b
    if loss == "cross_entropy":
        value = cp.sum(cp.log_sum_exp(Z, axis=1) - cp.sum(cp.multiply(y, Z), axis=1))
    else:
        value = cp.sum_squares(Z - y) / 6
    value = value / n
    norm = cp.sigma_max(W)
    if bound is None:
        problem = cp.Problem(cp.Minimize(value + weight * cp.square(norm)))
    else:
        problem = cp.Problem(cp.Minimize(value), [norm <= bound])
    return problem.solve(solver="CLARABEL")


@pytest.mark.filterwarnings("ignore:Solution may be inaccurate")
@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
@pytest.mark.parametrize("goal", [{"bound": 0.6}, {"weight": 0.05}], ids=str)
def test_a_linear_layer_reaches_the_global_optimum(classification, loss, goal):
    """Lemma 6, Theorem 7 and Corollary 9 (P19), where their assumptions hold."""
    X, y = scale(classification[0]), classification[1]
    bound, weight = goal.get("bound"), goal.get("weight", 0.01)
    exact = dict(
        hidden_layer_sizes=(),
        alpha=0.0,
        solver="lbfgs",
        tol=1e-9,
        step_tol=1e-10,
        admm_tol=1e-7,
        max_admm_iter=300,
        lipschitz_bound=bound,
        lipschitz_weight=weight,
        loss=loss,
    )
    targets = np.eye(3)[y]
    if loss == "cross_entropy":
        model = _classifier(**exact).fit(X, y)
        logits = model.decision_function(X)
        value = np.mean(np.log(np.exp(logits).sum(1)) - logits[range(len(y)), y])
    else:
        model = _regressor(**exact).fit(X, targets)
        value = np.mean((model.predict(X) - targets) ** 2) / 2
    if bound is None:
        value += weight * model.lipschitz_bound_**2
    else:
        _assert_kept(model, bound)
    optimum = _linear_problem(X, targets, loss, bound, weight)
    assert value == pytest.approx(optimum, abs=1e-6)
    assert max(model.primal_residuals_[-1], model.dual_residuals_[-1]) <= 1e-7


def test_enforcing_costs_less_than_scaling_down(classification):
    """The iteration does more than dividing the start by its norm."""
    X, y = classification
    model = _classifier(lipschitz_bound=0.7, max_admm_iter=60, solver="lbfgs")
    trained = model.fit(X, y).predict_log_proba(X)[range(len(y)), y].mean()
    scaled = _classifier(lipschitz_bound=0.7, max_admm_iter=1, learning_rate_init=1e-9)
    first = clone(model).set_params(lipschitz_bound=100.0).fit(X, y)
    scaled.fit(X, y, coef_init=first.coefs_, intercept_init=first.intercepts_)
    assert trained > scaled.predict_log_proba(X)[range(len(y)), y].mean()
