# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The epoch loop: callbacks, history, and what ends a training early.

Also tests of ``training/_lbfgs.py``, ``training/_scoring.py``,
``training/_sessions.py`` and ``training/_steps.py``.
"""

import numpy as np
import pytest
import torch
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    GradientNormClipping,
    LRScheduler,
)
from skorch.history import History

from sklip import LipschitzRegularizedMLPClassifier, LipschitzRegularizedMLPRegressor
from sklip.exceptions import DivergedTrainingError

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)


def _fit(*callbacks, **parameters):
    parameters = {"max_iter": 8, "batch_size": 16, "random_state": 0, **parameters}
    model = LipschitzRegularizedMLPClassifier(
        (8,), callbacks=list(callbacks) or None, **parameters
    )
    return model.fit(X, Y)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_history_has_one_record_an_epoch(solver):
    model = _fit(solver=solver, early_stopping=True, n_iter_no_change=100)
    assert isinstance(model.history_, History)
    epochs = [record["epoch"] for record in model.history_]
    assert epochs == list(range(1, model.n_iter_ + 1))
    assert model.loss_curve_ == [r["train_loss"] for r in model.history_]
    for record in model.history_:
        assert record["dur"] > 0
        assert 0 <= record["valid_score"] <= 1
        assert record["valid_loss"] > 0


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_early_stopping_callback_stops(solver):
    stop = EarlyStopping(monitor="train_loss", patience=2, threshold=10.0)
    model = _fit(stop, solver=solver, max_iter=50)
    assert model.n_iter_ <= 4
    assert stop.misses_ == 2  # the very object runs
    assert model.callbacks == [stop]


def test_learning_rate_schedule_reaches_the_optimizer():
    schedule = LRScheduler("StepLR", step_size=2, gamma=0.1)
    model = _fit(schedule, max_iter=5)
    rates = [record["event_lr"] for record in model.history_]
    np.testing.assert_allclose(rates, [1e-3, 1e-3, 1e-4, 1e-4, 1e-5])


def test_checkpoint_loads_the_best_weights(tmp_path):
    checkpoint = Checkpoint(
        monitor="train_loss_best", dirname=str(tmp_path), load_best=True
    )
    # Steps this large make the loss rise again, so that best is not last.
    model = _fit(checkpoint, learning_rate_init=1.0, max_iter=15)
    kept = [r["epoch"] for r in model.history_ if r["event_cp"]]
    saved = torch.load(tmp_path / "params.pt")["layers.0.weight"]
    np.testing.assert_array_equal(model.network_.weights[0], saved.numpy())
    assert kept[-1] < 15


@pytest.mark.parametrize("on_train", [False, True])
def test_epoch_scoring_sees_predictions_and_labels(on_train):
    scoring = EpochScoring(
        "accuracy", lower_is_better=False, on_train=on_train, name="score"
    )
    model = _fit(scoring, early_stopping=True, learning_rate_init=0.02)
    scores = [record["score"] for record in model.history_]
    if not on_train:
        np.testing.assert_allclose(scores, [r["valid_score"] for r in model.history_])
    assert 0.5 < max(scores) <= 1


def test_scoring_a_regressor():
    scoring = EpochScoring("r2", lower_is_better=False, name="score")
    model = LipschitzRegularizedMLPRegressor(
        (8,), callbacks=[scoring], early_stopping=True, max_iter=5, random_state=0
    ).fit(X, X[:, 0])
    for record in model.history_:
        assert record["score"] == pytest.approx(record["valid_score"])


def test_gradient_callbacks_change_the_step():
    clipped = _fit(GradientNormClipping(1e-12), solver="sgd", alpha=0)
    free = _fit(solver="sgd", alpha=0)
    start = LipschitzRegularizedMLPClassifier((8,), max_iter=1, random_state=0)
    start = start.set_params(learning_rate_init=1e-300, solver="sgd").fit(X, Y)
    np.testing.assert_allclose(clipped.coefs_[0], start.coefs_[0], atol=1e-9)
    assert not np.allclose(free.coefs_[0], start.coefs_[0], atol=1e-9)


class _Interrupt(Callback):
    """Ctrl-C in the middle of the third epoch."""

    def on_batch_end(self, net, training=False, **kwargs):
        if training and len(net.history) == 3:
            raise KeyboardInterrupt


def test_ctrl_c_keeps_the_epochs_done():
    with pytest.warns(UserWarning, match="interrupted by user"):
        model = _fit(_Interrupt(), max_iter=50)
    assert model.n_iter_ == len(model.history_) == 2
    whole = _fit(max_iter=2)
    for interrupted, reference in zip(model.coefs_, whole.coefs_, strict=True):
        np.testing.assert_array_equal(interrupted, reference)
    assert model.certificate_.verify(model.network_)


def test_diverged_training_names_the_epoch_and_keeps_the_last_weights():
    model = LipschitzRegularizedMLPRegressor(
        (8,),
        solver="sgd",
        learning_rate_init=1e3,
        max_iter=50,
        batch_size=16,
        warm_start=True,
        random_state=0,
    )
    with pytest.raises(DivergedTrainingError, match=r"epoch 1.*learning_rate_init"):
        model.fit(1e3 * X, 1e3 * X[:, 0])
    assert all(np.isfinite(w).all() for w in model.coefs_)
    model.set_params(learning_rate_init=1e-3, solver="adam").fit(X, X[:, 0])
    assert np.isfinite(model.loss_curve_[-1])


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_verbose_prints_a_line_an_epoch(capsys, solver):
    model = _fit(verbose=True, solver=solver, max_iter=3, tol=0)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == model.n_iter_ == 3
    assert all("train_loss" in line for line in lines)
    _fit(verbose=False)
    assert capsys.readouterr().out == ""


def test_stopping_without_progress_is_said(capsys):
    model = _fit(verbose=True, tol=10.0, n_iter_no_change=3, max_iter=50)
    assert model.n_iter_ == 5
    assert "did not improve" in capsys.readouterr().out
