# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Passes over the batches: a gradient by backpropagation and a step for each."""

import torch

from sklip.training._losses import output_units
from sklip.training._records import weighted_mean

__all__ = ["SteppedNet"]


class SteppedNet:
    """What a net does with batches of training and of validation."""

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

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """One pass over the batches; records the mean loss, not each batch's."""
        losses, shares, seen = [], [], []
        for batch in iterator:
            if self.has_batch_hooks:
                self.notify_batch("on_batch_begin", batch, training, {})
                self._find_frozen()
            if self.module_.as_drawn:
                self.begin_outputs(*batch[1:])
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

    def begin_outputs(self, targets, sample_weight):
        """Let the outputs of drawn weights begin where a regression's targets are.

        By the samples of the first step: so the same batches of one fit and of
        partial_fit begin alike.
        """
        self.module_.as_drawn = False
        if not self.is_classifier:
            units = output_units(self.loss, targets, sample_weight)
            self.module_.begin_outputs(*units)

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
