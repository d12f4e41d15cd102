# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""skorch's callbacks: the object given runs, and fit changes none of its parameters."""

import pickle
import threading

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import (
    Callback,
    EarlyStopping,
    EpochScoring,
    Freezer,
    Initializer,
    InputShapeSetter,
    LRScheduler,
    ParamMapper,
    PassthroughScoring,
    PrintLog,
    Unfreezer,
)
from torch import nn

from sklip import (
    ADMMLipschitzMLPClassifier,
    LipschitzBoundedMLPClassifier,
    LipschitzRegularizedMLPClassifier,
    LipschitzRegularizedMLPRegressor,
    NoiseLipschitzClassifier,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)


def _model(*callbacks, **parameters):
    small = {"max_iter": 6, "batch_size": 16, "random_state": 0, **parameters}
    return LipschitzRegularizedMLPClassifier((8,), callbacks=list(callbacks), **small)


class Count(Callback):
    """Counts in a plain attribute, and holds what cannot be copied."""

    def __init__(self, start=0):
        self.start = start
        self.epochs = start
        self.lock = threading.Lock()

    def on_epoch_end(self, net, **kwargs):
        self.epochs += 1


def test_the_very_object_runs():
    count = Count()
    model = _model(count, ("again", Count)).fit(X, Y)
    assert count.epochs == 6
    running = dict(model.net_.callbacks_)
    assert running["Count"] is count and running["again"].epochs == 6
    model.partial_fit(X, Y)
    assert count.epochs == 7


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_fit_changes_no_parameter_of_a_callback(solver):
    callbacks = [
        Freezer("layers.0.*", at=2),
        ParamMapper(["layers.1.weight"], at=3),
        LRScheduler("StepLR", step_size=2),
        EarlyStopping(monitor="train_loss"),
        EpochScoring("accuracy", on_train=True),
    ]
    if solver == "lbfgs":  # torch warns of schedulers without steps
        del callbacks[2]
    before = [callback.get_params() for callback in callbacks]
    model = _model(*callbacks, solver=solver).fit(X, Y)
    first = model.coefs_[0].copy()
    for callback, params in zip(callbacks, before, strict=True):
        after = callback.get_params()
        assert all(after[name] is value for name, value in params.items())
    np.testing.assert_array_equal(clone(model).fit(X, Y).coefs_[0], first)
    if solver != "lbfgs":
        model.partial_fit(X, Y)


@pytest.mark.parametrize("solver", ["adam", "sgd", torch.optim.RMSprop, "lbfgs"])
@pytest.mark.parametrize("penalty", ["none", "spectral", "jacobian"])
def test_frozen_parameters_stay(solver, penalty):
    start = {}

    class Start(Callback):
        def on_train_begin(self, net, **kwargs):
            start.update({k: v.clone() for k, v in net.module_.named_parameters()})

    freezer = Freezer(["layers.0.weight", "layers.1.bias"])
    model = _model(Start(), freezer, solver=solver, penalty=penalty).fit(X, Y)
    after = dict(model.net_.module_.named_parameters())
    moved = {name: not torch.equal(after[name], start[name]) for name in after}
    assert moved == {
        "layers.0.weight": False,
        "layers.0.bias": True,
        "layers.1.weight": True,
        "layers.1.bias": False,
    }


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_what_is_unfrozen_moves_again(solver):
    seen = []

    class Watch(Callback):
        def on_epoch_end(self, net, **kwargs):
            seen.append(net.module_.layers[0].weight.detach().clone())

    callbacks = Freezer("layers.0.weight", at=2), Unfreezer("layers.0.weight", at=4)
    _model(*callbacks, Watch(), solver=solver, tol=0).fit(X, Y)
    moves = [not torch.equal(a, b) for a, b in zip(seen, seen[1:], strict=False)]
    assert moves == [False, False, True, True, True]


def test_modules_freeze_and_unfreeze():
    module = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))
    module[0].requires_grad_(False)
    make = {"module": module, "certificate": None, "max_iter": 4, "random_state": 0}
    frozen = NoiseLipschitzClassifier(**make).fit(X, Y)
    assert torch.equal(frozen.module_[0].weight, module[0].weight)
    callbacks = [Unfreezer("*0.weight", at=2)]
    free = NoiseLipschitzClassifier(callbacks=callbacks, **make).fit(X, Y)
    assert not torch.equal(free.module_[0].weight, module[0].weight)
    assert torch.equal(free.module_[0].bias, module[0].bias)


def test_names_are_those_of_the_module_and_others_are_said_to_match_nothing():
    module = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))
    make = {"module": module, "certificate": None, "max_iter": 2, "random_state": 0}
    model = NoiseLipschitzClassifier(callbacks=[Freezer("0.*")], **make).fit(X, Y)
    still = [
        torch.equal(a, b)
        for a, b in zip(model.module_.parameters(), module.parameters(), strict=True)
    ]
    assert still == [True, True, False, False]
    for freezer in (Freezer("O.*"), Freezer(["2.weights", lambda name: False])):
        with pytest.warns(UserWarning, match=r"none of the parameters 0\.weight, 0\.b"):
            NoiseLipschitzClassifier(callbacks=[freezer], **make).fit(X, Y)
    with pytest.warns(UserWarning, match=r"none of the parameters layers\.0\.weight"):
        _model(Freezer("hidden.*")).fit(X, Y)


@pytest.mark.parametrize("alpha", [0.0, 1e-2])
def test_a_module_whose_weights_are_all_frozen_keeps_them(alpha):
    module = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))
    make = {"module": module, "certificate": None, "max_iter": 3, "random_state": 0}
    freezer = Freezer(lambda name: "weight" in name)
    model = NoiseLipschitzClassifier(callbacks=[freezer], alpha=alpha, **make).fit(X, Y)
    assert torch.equal(model.module_[0].weight, module[0].weight)
    assert not torch.equal(model.module_[2].bias, module[2].bias)


def test_orthonormal_layers_freeze_and_unfreeze():
    seen = []

    class Watch(Callback):
        def on_epoch_end(self, net, **kwargs):
            seen.append([p.detach().clone() for p in net.module_.parameters()])

    names = ["layers.0.weight", "layers.1.bias"]
    callbacks = [Freezer(names, at=2), Unfreezer(names, at=4), Watch()]
    small = {"max_iter": 6, "batch_size": 30, "random_state": 0}
    LipschitzBoundedMLPClassifier((6,), callbacks=callbacks, **small).fit(X, Y)
    moves = [
        [not torch.equal(a, b) for a, b in zip(before, after, strict=True)]
        for before, after in zip(seen, seen[1:], strict=False)
    ]
    held, free = [False, True, True, False], [True] * 4
    assert moves == [held, held, free, free, free]


def test_a_callback_cannot_set_parameters_of_the_module():
    with pytest.raises(ValueError, match="module__input_dim"):
        _model(InputShapeSetter()).fit(X, Y)


def test_admm_refuses_what_it_cannot_hold():
    make = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}
    model = ADMMLipschitzMLPClassifier(callbacks=[Freezer("layers.0.*")], **make)
    with pytest.raises(ValueError, match="frozen parameters, but ADMM"):
        model.fit(X, Y)
    best = EarlyStopping(monitor="train_loss", load_best=True, lower_is_better=False)
    with pytest.warns(UserWarning, match="ADMM deploys the weights that it has proven"):
        ADMMLipschitzMLPClassifier(callbacks=[best], **make).fit(X, Y)


def test_admm_is_one_training_for_the_callbacks():
    begins = []

    class Begin(Callback):
        def on_train_begin(self, net, **kwargs):
            begins.append(net.optimizer_)

    schedule = LRScheduler("StepLR", step_size=1, gamma=0.1)
    make = {"hidden_layer_sizes": (4,), "max_iter": 3, "admm_tol": 0, "tol": 0}
    model = ADMMLipschitzMLPClassifier(
        solver="sgd", random_state=0, callbacks=[Begin(), schedule], **make
    ).fit(X, Y)
    assert begins == [model.net_.optimizer_]
    np.testing.assert_allclose(
        [record["event_lr"] for record in model.history_], 1e-3 * 0.1 ** np.arange(6)
    )


@pytest.mark.parametrize("early_stopping", [False, True])
def test_load_best_has_the_last_word(early_stopping):
    # The worst epoch on purpose: no other rule would choose it.
    worst = EarlyStopping(
        monitor="train_loss", load_best=True, lower_is_better=False, sink=lambda _: None
    )
    weights = []

    class Watch(Callback):
        def on_epoch_end(self, net, **kwargs):
            weights.append(net.module_.to_feedforward().weights[0])

    model = _model(worst, Watch(), early_stopping=early_stopping).fit(X, Y)
    worst_epoch = int(np.argmax(model.loss_curve_))
    np.testing.assert_array_equal(model.network_.weights[0], weights[worst_epoch])
    assert model.certificate_.verify(model)


@pytest.mark.parametrize("scoring", ["roc_auc", "average_precision", "f1", None])
@pytest.mark.parametrize("use_caching", [True, False])
@pytest.mark.parametrize("on_train", [True, False])
def test_epoch_scoring(scoring, use_caching, on_train):
    callback = EpochScoring(
        scoring,
        lower_is_better=False,
        name="s",
        use_caching=use_caching,
        on_train=on_train,
    )
    model = _model(callback, early_stopping=True, learning_rate_init=0.02).fit(X, Y)
    scores = model.history_[:, "s"]
    assert all(0 <= score <= 1 for score in scores) and scores[-1] > 0.6
    if scoring is None and not on_train:
        np.testing.assert_allclose(scores, model.validation_scores_)


@pytest.mark.parametrize("scoring", ["r2", "neg_mean_absolute_error", None])
@pytest.mark.parametrize("use_caching", [True, False])
def test_epoch_scoring_of_a_regressor(scoring, use_caching):
    callback = EpochScoring(scoring, name="s", use_caching=use_caching)
    model = LipschitzRegularizedMLPRegressor(
        (4,), callbacks=[callback], early_stopping=True, max_iter=3, random_state=0
    ).fit(X, X[:, 0])
    assert len(model.history_[:, "s"]) == 3


def test_parameters_of_callbacks_are_parameters():
    stop = EarlyStopping(monitor="train_loss", patience=50)
    model = _model(("stop", stop), Count, max_iter=40)
    assert model.get_params()["callbacks__stop__patience"] == 50
    assert "callbacks__stop" not in model.get_params(deep=False)
    model.set_params(callbacks__stop__patience=1, callbacks__stop__threshold=10.0)
    assert stop.patience == 1 and model.fit(X, Y).n_iter_ == 2
    model.set_params(callbacks__Count__start=7)
    count = dict(model.callbacks)["Count"]
    assert model.fit(X, Y) and count.epochs == 8  # the stop comes first
    model.set_params(callbacks__stop=None)
    assert [name for name, _ in model.callbacks] == ["Count"]
    with pytest.raises(ValueError, match="no callback 'stop'.*'Count'"):
        model.set_params(callbacks__stop__patience=3)


def test_a_search_sets_them():
    stop = EarlyStopping(monitor="train_loss", threshold=10.0)
    grid = {"callbacks__EarlyStopping__patience": [1, 3]}
    search = GridSearchCV(_model(stop, max_iter=30), grid, cv=2, refit=False)
    search.fit(X, Y)
    assert stop.patience == 5 and stop.misses_ == 0  # clones ran


def test_names_and_order_are_skorchs():
    model = _model(PrintLog(sink=lambda _: None), Count, Count).fit(X, Y)
    assert [n for n, _ in model.net_.callbacks_] == ["Count_1", "Count_2", "PrintLog"]


def test_pickles_hold_no_training_state_of_callbacks():
    schedule = LRScheduler("StepLR", step_size=2)
    model = _model(schedule, Initializer("*", fn=torch.nn.Module)).set_params(
        callbacks=[schedule]
    )
    model.fit(X, Y)
    assert schedule.lr_scheduler_ is not None
    loaded = pickle.loads(pickle.dumps(model))
    assert not hasattr(loaded.callbacks[0], "lr_scheduler_")
    assert loaded.callbacks[0].kwargs == {"step_size": 2}
    assert schedule.lr_scheduler_ is not None
    loaded.partial_fit(X, Y)


def test_callbacks_see_samples_and_labels():
    class Look(Callback):
        def on_train_begin(self, net, X, y, **kwargs):
            self.seen = X, y

        on_train_end = on_train_begin

    look = Look()
    _model(look).fit(X, Y)
    np.testing.assert_array_equal(look.seen[0], X)
    np.testing.assert_array_equal(look.seen[1], Y)


@pytest.mark.parametrize("hooks", [False, True])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_losses_of_batches_pass_through(early_stopping, hooks):
    class Batches(Callback):
        def on_batch_end(self, net, **kwargs):
            pass

    means = [PassthroughScoring("train_loss", on_train=True)]
    means += [PassthroughScoring("valid_loss")] * early_stopping
    means += [Batches()] * hooks
    common = {"early_stopping": early_stopping, "penalty": "none", "alpha": 0.0}
    model = _model(*means, **common).fit(X, Y)
    other = _model(*means[len(means) - hooks :], **common).fit(X, Y)
    for name in ("train_loss", "valid_loss")[: 1 + early_stopping]:
        found = [record[name] for record in model.history_]
        expected = [record[name] for record in other.history_]
        np.testing.assert_allclose(found, expected)
        assert f"{name}_best" in model.history_[-1]
