# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The skorch net inside the estimators: skorch's verbs on a lean epoch loop."""

import math
import time
from contextlib import contextmanager

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, LRScheduler, PrintLog

from sklip.training._callbacks import KeptParameters, named_callbacks
from sklip.training._data import BatchIterator, TensorData, row_blocks
from sklip.training._epochs import run_epochs
from sklip.training._interrupts import was_raised
from sklip.training._lbfgs import run_lbfgs
from sklip.training._losses import LossModule
from sklip.training._optimizers import make_optimizer
from sklip.training._passes import Backprop
from sklip.training._records import RecordedNet, weighted_mean
from sklip.training._schedule import Schedule
from sklip.training._scoring import ScoredNet
from sklip.training._stopping import StoppingRule

__all__ = ["MLPNet"]


class MLPNet(RecordedNet, ScoredNet, NeuralNet):
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
    optimizer_options : dict
        Further arguments of :func:`make_optimizer`.
    alpha : float
        Weight of the L2 term.
    penalty : Penalty or None
        Penalty on the Lipschitz constant.
    backprop : callable
        ``backprop(module, loss, alpha)`` makes the Pass that gives the gradient.
    schedule : Schedule
        Factors of the step size.
    max_fun : int
        Evaluations that lbfgs may use; None for ten an iteration.
    can_freeze : bool
        Whether callbacks may freeze parameters.
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
        optimizer_options=None,
        alpha=0.0,
        penalty=None,
        backprop=Backprop,
        schedule=None,
        max_fun=None,
        can_freeze=True,
        shuffle=True,
        generator=None,
        **kwargs,
    ):
        self.loss = loss
        self.solver = solver
        self.optimizer_options = optimizer_options
        self.alpha = alpha
        self.penalty = penalty
        self.backprop = backprop
        self.schedule = Schedule() if schedule is None else schedule
        self.max_fun = max_fun
        self.can_freeze = can_freeze
        self.shuffle = shuffle
        self.generator = generator
        self.rate_factor = 1.0  # of a family's own steps
        self.epoch_label = "Iteration"  # what a printed line counts
        # Rows that a batch has where samples suffice: what a penalty's cost is compared
        # with must not differ between weighted and repeated samples.
        self.nominal_batch_size = None
        # Samples of all steps so far, epochs of earlier trainings included.
        self.samples_seen = 0
        self.stream_rule = StoppingRule(0.0, math.inf)
        super().__init__(
            module,
            criterion=LossModule,
            criterion__name=loss,
            train_split=None,
            **kwargs,
        )

    @property
    def _default_callbacks(self):
        return []

    def initialize_callbacks(self):
        """Initialise the callbacks given: the very objects, or instances of classes."""
        named = [
            (name, callback() if isinstance(callback, type) else callback)
            for name, callback in named_callbacks(self.callbacks)
        ]
        named.sort(key=lambda pair: isinstance(pair[1], PrintLog))  # it prints last
        self._kept = [KeptParameters(callback) for _, callback in named]
        self.callbacks_ = named
        return self

    def initialize_module(self):
        """Use the module as it is and prepare its backward pass."""
        super().initialize_module()
        self.backprop_ = self.backprop(self.module_, self.loss, self.alpha)
        return self

    def initialize_optimizer(self, triggered_directly=None):
        """Put the optimizer on the flat parameters."""
        self.optimizer_ = make_optimizer(
            self.solver,
            self.module_,
            learning_rate=self.lr,
            **(self.optimizer_options or {}),
        )
        return self

    def get_iterator(self, dataset, training=False):
        """Batches of tensors in memory; blocks of rows where nothing is trained."""
        if not isinstance(dataset, TensorData):
            return super().get_iterator(dataset, training=training)
        size = self.batch_size if training else row_blocks(dataset.X)[0].stop
        size = min(size, len(dataset))
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
        self.schedule.begin(
            len(self.history), epochs if self._has_end(stopping) else None
        )
        with self.session(data):
            converged = self.run(data, valid, stopping, epochs)
            if stopping is not None:
                # Before callbacks end: what they restore themselves counts.
                stopping.restore_best(self.module_)
        return converged

    def _has_end(self, stopping):
        """Whether the step size may follow the number of epochs."""
        if stopping is None or stopping.early_stopping:
            return False
        return not any(isinstance(c, LRScheduler) for _, c in self.callbacks_)

    @contextmanager
    def session(self, data):
        """One training for the callbacks; :meth:`run` may be called in it repeatedly.

        Parameters
        ----------
        data : TensorData
            Training samples.

        Yields
        ------
        None
            Nothing; gradients are off inside the block.
        """
        if self.penalty is not None:
            self.penalty.restart(self.nominal_batch_size or self.batch_size)
        self.backprop_.restart(self.generator, fresh=self.solver != "lbfgs")
        self.has_batch_hooks = bool(self._hooked("on_batch_begin", "on_batch_end"))
        self._grad_hooks = self._hooked("on_grad_computed")
        self.asked_to_stop = self.interrupted = self.signalled = False
        self.n_outputs = data.targets.shape[1]
        self._rate, self._frozen = 1.0, []
        self.note_best_so_far()
        for group in self.optimizer_.param_groups:
            # What a scheduler that goes on from earlier epochs asks a new optimizer.
            group.setdefault("initial_lr", group["lr"])
        with self._prepared_callbacks():
            samples = {"X": data.X, "y": data.y}
            self.notify("on_train_begin", **samples)
            try:
                with torch.no_grad():
                    yield
            finally:
                self.backprop_.release()
            self.notify("on_train_end", **samples)

    @contextmanager
    def _prepared_callbacks(self):
        for kept in self._kept:
            kept.enter()
        try:
            yield
        finally:
            for kept in self._kept:
                kept.leave()

    def run(self, data, valid, stopping, epochs):
        """Epochs inside a session; as :meth:`train`."""
        run = run_lbfgs if self.solver == "lbfgs" else run_epochs
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

    def begin_epoch(self):
        """Note what callbacks have frozen, and the step size of this epoch."""
        self._find_frozen()
        epochs = len(self.history) - 1
        factor = self.schedule.factor(epochs, self.samples_seen)
        if factor != self.schedule.applied:
            # Multiplied, so that schedulers among the callbacks have their say as well.
            for group in self.optimizer_.param_groups:
                group["lr"] *= factor / self.schedule.applied
            self.schedule.applied = factor
        if self._rate != self.rate_factor:
            self._rate = self.rate_factor

    def _find_frozen(self):
        """Parameters that skorch's Freezer and the like have frozen."""
        module = self.module_
        frozen = [p for p in module.hand_trained if not p.requires_grad]
        if frozen or self._frozen:  # skorch looks long at every attribute that is set
            self._frozen = frozen
        if self._frozen and not self.can_freeze:
            raise ValueError(
                "A callback has frozen parameters, but ADMM projects all weights onto "
                "the certified set: leave the callback out, or use "
                "LipschitzRegularizedMLP."
            )

    def validate(self, valid, finite):
        """Loss and score of the held-out samples, if there are any."""
        if valid is None:
            return
        self.run_single_epoch(
            self.get_iterator(valid), False, "valid", self.validation_step
        )
        self.check_finite(finite, self.history[-1]["valid_loss"])

    def finish_epoch(self, data, valid, stopping, start):
        """History, callbacks, stopping rule; True means stop."""
        self.record["dur"] = time.perf_counter() - start
        self.record_best()
        if self.verbose:
            self.print_epoch()
        try:
            self.notify("on_epoch_end", dataset_train=data, dataset_valid=valid)
        except KeyboardInterrupt as error:
            if not was_raised(error):
                self.end_interrupted(error)
            self.asked_to_stop = True  # how skorch's callbacks do it
            return True
        streams = stopping is None and self.schedule.kind == "adaptive"
        rule = self.stream_rule if streams else stopping
        if rule is None or not rule.update(self.record, self.module_):
            return False
        if self.schedule.goes_on(self.lr):
            rule.epochs_without_progress = 0
            return False
        if self.verbose:
            print(rule.reason)
        return not streams

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """One pass over the batches; records the mean loss, not each batch's."""
        losses, shares, seen = [], [], []
        for batch in iterator:
            if self.has_batch_hooks:
                self.notify_batch("on_batch_begin", batch, training, {})
                self._find_frozen()
            step = step_fn(batch, **fit_params)
            share = batch[1].shape[0]
            if not training:
                # One figure for all, however many blocks: they count by their weights.
                share = share if batch[2] is None else float(batch[2].sum())
                seen.append((step["y_pred"].clone(), *batch[1:]))
            losses.append(step["loss"])
            shares.append(share)
            if self.has_batch_hooks:
                self.history.record_batch(f"{prefix}_loss", float(step["loss"]))
                self.history.record_batch(f"{prefix}_batch_size", len(batch[0]))
                self.notify_batch("on_batch_end", batch, training, step)
        record, loss = self.record, weighted_mean(losses, shares)
        if not training:
            record[f"{prefix}_score"] = self._score_of(seen)
        if training and self.penalty is not None:
            loss += self.penalty.value(batch[0], batch[2])
        if not self.has_batch_hooks:
            self.record_whole(prefix, loss, len(iterator.data))
        record[f"{prefix}_loss"] = loss

    def train_step(self, batch, **fit_params):
        """Gradient of one batch by hand, then the optimizer's step."""
        X, targets, sample_weight = batch
        loss = self.backprop_.loss_and_grad(X, targets, sample_weight)
        if self.penalty is not None:
            self.penalty.add_gradient(X, sample_weight)
        self.clear_frozen_gradients()
        for callback in self._grad_hooks:
            named = list(self.module_.named_parameters())
            callback.on_grad_computed(self, named, X=X, y=targets, training=True)
        if self._frozen or self._rate != 1.0:
            self._adjusted_step()
        else:
            self.optimizer_.step()
        return {"loss": loss, "y_pred": self.backprop_.outputs}

    def clear_frozen_gradients(self):
        """No gradient for what callbacks have frozen."""
        for parameter in self._frozen:
            parameter.grad.zero_()

    def _adjusted_step(self):
        """A step of another size; frozen parameters stay."""
        groups = self.optimizer_.param_groups
        rates = [group["lr"] for group in groups]
        frozen = [parameter.detach().clone() for parameter in self._frozen]
        for group, rate in zip(groups, rates, strict=True):
            group["lr"] = rate * self._rate
        try:
            self.optimizer_.step()
        finally:
            for group, rate in zip(groups, rates, strict=True):
                group["lr"] = rate
            for parameter, values in zip(self._frozen, frozen, strict=True):
                parameter.data.copy_(values)

    def forget_momentum(self):
        """Let the optimizer start anew on another objective, at the full step size.

        Schedulers that hold it keep it. Adam's second moments stay: without them its
        first step moves weights without a gradient by the sign of a rounding error.
        """
        self.schedule.n_divisions = 0
        for state in self.optimizer_.state.values():
            for name in ("exp_avg", "momentum_buffer"):
                if torch.is_tensor(state.get(name)):
                    state[name].zero_()

    def validation_step(self, batch, **fit_params):
        """Loss and outputs of some held-out samples."""
        X, targets, sample_weight = batch
        loss = self.backprop_.loss_value(X, targets, sample_weight)
        return {"loss": loss, "y_pred": self.backprop_.outputs}

    def _score_of(self, seen):
        """Score of blocks of outputs, targets and weights."""
        blocks = zip(*seen, strict=True)
        joined = [None if b[0] is None else torch.cat(b) for b in blocks]
        return self.validation_score(*joined)
