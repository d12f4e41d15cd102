# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The course of a training: callbacks, epochs, and when to stop."""

import time
from contextlib import contextmanager

import torch
from skorch.callbacks import Callback, LRScheduler

from sklip.training._callbacks import warn_of_unmatched
from sklip.training._epochs import run_epochs
from sklip.training._interrupts import was_raised
from sklip.training._lbfgs import run_lbfgs

__all__ = ["NetSessions"]


class NetSessions:
    """One training of a net after another, as skorch's callbacks see them."""

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
        enough = self._plan(data, stopping, epochs)
        with self.session(data):
            converged = self.run(data, valid, stopping, enough) or enough < epochs
            if stopping is not None:
                # Before callbacks end: what they restore themselves counts.
                stopping.restore_best(self.module_)
        return converged

    def _plan(self, data, stopping, epochs):
        """Begin the schedule; the epochs after which the step size has fallen to 0."""
        if stopping is None or stopping.early_stopping or not self.follows_schedule:
            self.schedule.begin(len(self.history), None)
            return epochs
        share = self.useful_share(data, stopping.n_iter_no_change, epochs)
        return self.schedule.begin(len(self.history), epochs, share=share)

    def useful_share(self, data, n_iter_no_change, epochs):
        """Share of the epochs that suffices; all of them where they are asked for."""
        if n_iter_no_change >= epochs:
            return 1.0
        n_batches = len(self.get_iterator(data, training=True))
        return self.schedule.useful_share(n_batches)

    @property
    def follows_schedule(self):
        """Whether the step size is its own, and no scheduler's among the callbacks."""
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
            warn_of_unmatched(self)
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
