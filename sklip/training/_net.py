# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The skorch net inside the estimators: skorch's verbs on a lean epoch loop."""

import math
import time
import warnings
from contextlib import contextmanager

import torch
from sklearn.metrics import accuracy_score, r2_score
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch import nn

from sklip.exceptions import DivergedTrainingError
from sklip.training._data import BatchIterator, TensorData
from sklip.training._lbfgs import run_lbfgs
from sklip.training._losses import CLASSIFIER_LOSSES, LOSSES
from sklip.training._optimizers import make_optimizer
from sklip.training._passes import Backprop

__all__ = ["MLPNet", "check_callbacks"]


def check_callbacks(callbacks):
    """Refuse what skorch could not call, before any work is done."""
    for item in callbacks or ():
        callback = item[1] if isinstance(item, tuple) and len(item) == 2 else item
        kind = callback if isinstance(callback, type) else type(callback)
        if not issubclass(kind, Callback):
            raise TypeError(
                "callbacks must hold skorch callbacks, their classes or (name, "
                f"callback) pairs, got {item!r}."
            )


class _LossModule(nn.Module):
    """A loss as the criterion that skorch expects."""

    def __init__(self, name):
        super().__init__()
        self.name = name

    def forward(self, outputs, targets):
        """Mean loss of a batch."""
        return LOSSES[self.name](outputs, targets, torch.empty_like(outputs)).mean()


class MLPNet(NeuralNet):
    """skorch net of a :class:`FlatMLP`, trained without autograd.

    skorch keeps its part (initialisation, history, callbacks, saving); batches, epoch
    loop, backward pass and update are ours, because on small networks they are most
    of the time. Callbacks' batch hooks run only where a callback defines them.

    Parameters
    ----------
    module : FlatMLP
        The network.
    loss : str
        A key of :data:`LOSSES`.
    solver : {"adam", "sgd"} or type
        Method or torch optimizer class.
    momentum : float
        Momentum of sgd.
    alpha : float
        Weight of the L2 term.
    penalty : object with add_gradient and value, or None
        Penalty on the Lipschitz constant.
    backprop : callable
        ``backprop(module, loss, alpha)`` makes the pass that gives the gradient.
    milestones : sequence of int
        Epochs, counted over the history, after which the step size is divided by 10.
    shuffle : bool
        Draw a new order of the samples in each epoch.
    generator : torch.Generator
        Source of that order.
    **kwargs : dict
        skorch's own parameters (lr, max_epochs, batch_size, callbacks, device).
    """

    def __init__(
        self,
        module,
        *,
        loss="cross_entropy",
        solver="adam",
        momentum=0.9,
        alpha=0.0,
        penalty=None,
        backprop=Backprop,
        milestones=(),
        shuffle=True,
        generator=None,
        **kwargs,
    ):
        self.loss = loss
        self.solver = solver
        self.momentum = momentum
        self.alpha = alpha
        self.penalty = penalty
        self.backprop = backprop
        self.milestones = milestones
        self.shuffle = shuffle
        self.generator = generator
        super().__init__(
            module,
            criterion=_LossModule,
            criterion__name=loss,
            train_split=None,
            **kwargs,
        )

    @property
    def _default_callbacks(self):
        return []

    def initialize_module(self):
        """Use the module as it is and prepare its backward pass."""
        super().initialize_module()
        self.backprop_ = self.backprop(self.module_, self.loss, self.alpha)
        return self

    def initialize_optimizer(self, triggered_directly=None):
        """Put the optimizer on the flat parameters."""
        self.optimizer_ = make_optimizer(
            self.solver, self.module_, learning_rate=self.lr, momentum=self.momentum
        )
        return self

    @property
    def is_classifier(self):
        """Whether the outputs are logits of classes."""
        return self.loss in CLASSIFIER_LOSSES

    def get_iterator(self, dataset, training=False):
        """Batches of tensors in memory."""
        if not isinstance(dataset, TensorData):
            return super().get_iterator(dataset, training=training)
        size = min(self.batch_size, len(dataset)) if training else len(dataset)
        shuffle = training and self.shuffle
        return BatchIterator(dataset, size, shuffle=shuffle, generator=self.generator)

    def train(self, data, valid=None, *, stopping=None, epochs=None):
        """Train on tensors until the stopping rule or a callback says stop.

        Parameters
        ----------
        data, valid : TensorData
            Training samples, and held-out ones or None.
        stopping : StoppingRule, default=None
            When to stop before the last epoch.
        epochs : int, default=None
            Largest number of epochs; None for ``max_epochs``.

        Returns
        -------
        converged : bool
            False if the epochs ran out.

        Raises
        ------
        DivergedTrainingError
            If loss or weights stop being finite; the last finite weights are kept.
        """
        epochs = self.max_epochs if epochs is None else epochs
        with self.session(data, valid):
            return self.run(data, valid, stopping, epochs)

    @contextmanager
    def session(self, data, valid=None):
        """One training for the callbacks; :meth:`run` may be called in it repeatedly.

        Parameters
        ----------
        data, valid : TensorData
            Training samples, and held-out ones or None.

        Yields
        ------
        None
            Nothing; gradients are off inside the block.
        """
        if self.penalty is not None:
            self.penalty.restart(self.batch_size)
        self.backprop_.restart(self.generator, fresh=self.solver != "lbfgs")
        self._has_batch_hooks = bool(self._hooked("on_batch_begin", "on_batch_end"))
        self._grad_hooks = self._hooked("on_grad_computed")
        self.asked_to_stop = self.interrupted = False
        self._best = {
            name: min((r[name] for r in self.history if name in r), default=math.inf)
            for name in ("train_loss", "valid_loss")
        }
        self.notify("on_train_begin", X=data, y=valid)
        try:
            with torch.no_grad():
                yield
        finally:
            self.backprop_.release()
        self.notify("on_train_end", X=data, y=valid)

    def run(self, data, valid, stopping, epochs):
        """Epochs inside a session; as :meth:`train`."""
        run = run_lbfgs if self.solver == "lbfgs" else self.run_epochs
        return run(self, data, valid, stopping, epochs)

    def _hooked(self, *names):
        """Callbacks that define one of the hooks themselves."""
        return [
            callback
            for _, callback in self.callbacks_
            if any(
                getattr(type(callback), name) is not getattr(Callback, name)
                for name in names
            )
        ]

    @staticmethod
    def run_epochs(net, data, valid, stopping, epochs):
        """The stochastic solvers: epochs of batches."""
        iterator = net.get_iterator(data, training=True)
        finite = net.module_.flat.clone()
        for _ in range(epochs):
            start = time.perf_counter()
            try:
                net.notify("on_epoch_begin", dataset_train=data, dataset_valid=valid)
                net.follow_milestones()
                net.run_single_epoch(iterator, True, "train", net.train_step)
            except KeyboardInterrupt:
                net.module_.flat.copy_(finite)
                net.end_interrupted()
                return True
            net.check_finite(finite, net.history[-1]["train_loss"])
            finite.copy_(net.module_.flat)
            if net.finish_epoch(data, valid, stopping, start):
                return True
        return False

    def follow_milestones(self):
        """Set the step size of the epoch that begins, if there are milestones."""
        if self.milestones:
            passed = sum(len(self.history) > epoch for epoch in self.milestones)
            for group in self.optimizer_.param_groups:
                group["lr"] = self.lr * 0.1**passed

    def end_interrupted(self):
        """Forget the epoch that Ctrl-C ended, and say so."""
        self.interrupted = True
        if self.history and "train_loss" not in self.history[-1]:
            del self.history[-1]
        warnings.warn(
            "Training interrupted by user; the epochs done are kept.", stacklevel=3
        )

    def check_finite(self, finite, loss):
        """Refuse to go on from a loss or weights that are not finite."""
        if math.isfinite(loss) and bool(torch.isfinite(self.module_.flat).all()):
            return
        self.module_.flat.copy_(finite)
        raise DivergedTrainingError(
            f"Training diverged in epoch {max(1, len(self.history))}: the loss is "
            f"{loss}. Lower learning_rate_init, lipschitz_weight or init_gain, or "
            "scale X and y. The weights of the epoch before are kept for warm_start."
        )

    def finish_epoch(self, data, valid, stopping, start):
        """Validation, history, callbacks; True means stop."""
        if valid is not None:
            self.run_single_epoch(
                self.get_iterator(valid), False, "valid", self.validation_step
            )
        self.history.record("dur", time.perf_counter() - start)
        self._record_best()
        if self.verbose:
            self._print_epoch()
        try:
            self.notify("on_epoch_end", dataset_train=data, dataset_valid=valid)
        except KeyboardInterrupt:  # how skorch's callbacks ask to stop
            self.asked_to_stop = True
            return True
        if stopping is None or not stopping.update(self.history[-1], self.module_):
            return False
        if self.verbose:
            print(stopping.reason)
        return True

    def _record_best(self):
        """Flags that skorch's Checkpoint looks for."""
        for name, best in self._best.items():
            if name in self.history[-1]:
                value = self.history[-1][name]
                self.history.record(f"{name}_best", value < best)
                self._best[name] = min(value, best)

    def _print_epoch(self):
        record = self.history[-1]
        names = ("train_loss", "valid_loss", "valid_score")
        parts = [f"{name} = {record[name]:.6f}" for name in names if name in record]
        print(f"Epoch {record['epoch']}, {', '.join(parts)}")

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """One pass over the batches; records the mean loss, not each batch's."""
        total, rows = 0.0, 0
        for batch in iterator:
            if self._has_batch_hooks:
                self._notify_batch("on_batch_begin", batch, training, {})
            step = step_fn(batch, **fit_params)
            total = total + step["loss"] * len(batch[0])
            rows += len(batch[0])
            if self._has_batch_hooks:
                self.history.record_batch(f"{prefix}_loss", float(step["loss"]))
                self.history.record_batch(f"{prefix}_batch_size", len(batch[0]))
                self._notify_batch("on_batch_end", batch, training, step)
        loss = float(total) / rows
        if training and self.penalty is not None:
            loss += self.penalty.value(batch[0], batch[2])
        if training and not self._has_batch_hooks:
            # One entry for the whole epoch: skorch's Checkpoint reads the last batch.
            self.history.new_batch()
            self.history.record_batch(f"{prefix}_loss", loss)
        self.history.record(f"{prefix}_loss", loss)

    def _notify_batch(self, name, batch, training, step):
        # Callbacks may keep what they are given, and our buffers are used again.
        X, targets = batch[0].clone(), self.labels(batch[1]).clone()
        step = {key: value.clone() for key, value in step.items()}
        self.notify(name, batch=(X, targets), training=training, **step)

    def train_step(self, batch, **fit_params):
        """Gradient of one batch by hand, then the optimizer's step."""
        X, targets, sample_weight = batch
        loss = self.backprop_.loss_and_grad(X, targets, sample_weight)
        if self.penalty is not None:
            self.penalty.add_gradient(X, sample_weight)
        for callback in self._grad_hooks:
            named = list(self.module_.named_parameters())
            callback.on_grad_computed(self, named, X=X, y=targets, training=True)
        self.optimizer_.step()
        return {"loss": loss, "y_pred": self.backprop_.outputs}

    def validation_step(self, batch, **fit_params):
        """Loss and score of the held-out samples, which are one batch."""
        X, targets, sample_weight = batch
        loss = self.backprop_.loss_value(X, targets, sample_weight)
        outputs = self.backprop_.outputs
        score = self._score(outputs, targets, sample_weight)
        self.history.record("valid_score", score)
        return {"loss": loss, "y_pred": outputs}

    def _score(self, outputs, targets, sample_weight):
        true, predicted = self.labels(targets), self.labels(outputs)
        score = accuracy_score if self.is_classifier else r2_score
        weight = None if sample_weight is None else sample_weight.cpu().numpy()
        return float(
            score(true.cpu().numpy(), predicted.cpu().numpy(), sample_weight=weight)
        )

    def labels(self, outputs):
        """Class codes of logits or one-hot rows; a regressor's values."""
        if self.is_classifier:
            return outputs.argmax(1)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    def evaluation_step(self, batch, training=False):
        """Outputs of one batch."""
        self.module_.eval()
        with torch.no_grad():
            return self.module_(batch[0])

    def predict(self, X):
        """Class codes or regression values, for scoring callbacks."""
        return self.labels(self.forward(X)).cpu().numpy()

    def predict_proba(self, X):
        """Softmax of the logits."""
        return torch.softmax(self.forward(X), 1).cpu().numpy()
