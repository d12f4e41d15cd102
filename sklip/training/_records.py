# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The history of a net: best epochs, unfinished ones, prints, and batches told of."""

import math
import warnings

import torch

from sklip.exceptions import DivergedTrainingError
from sklip.training._interrupts import was_raised

__all__ = ["RecordedNet", "weighted_mean"]


def weighted_mean(losses, shares):
    """Mean of the losses of some batches, tensors, that count by their shares."""
    if len(losses) == 1:
        return float(losses[0])
    losses = torch.stack(losses).double()
    shares = torch.tensor(shares, dtype=losses.dtype, device=losses.device)
    return float(torch.dot(losses, shares) / shares.sum())


class RecordedNet:
    """What a net with a skorch ``history`` notes about its epochs."""

    # What of an estimator keeps a training from diverging.
    taming = "learning_rate_init, lipschitz_weight or init_gain"

    @property
    def record(self):
        """The record of the present epoch, without the history's own lookup."""
        return list.__getitem__(self.history, -1)

    def note_best_so_far(self):
        """Least losses of the epochs before this training."""
        self._best = {
            name: min((r[name] for r in self.history if name in r), default=math.inf)
            for name in ("train_loss", "valid_loss")
        }

    def end_interrupted(self, error):
        """Forget the epoch that Ctrl-C ended, and say so."""
        self.interrupted = True
        self.signalled = not was_raised(error)
        self.forget_unfinished_epoch()
        warnings.warn(
            "Training interrupted by user; the epochs done are kept.", stacklevel=3
        )

    def forget_unfinished_epoch(self):
        """Drop the record of an epoch that has begun and not ended."""
        if self.history and "train_loss" not in self.history[-1]:
            del self.history[-1]

    def check_finite(self, finite, loss):
        """Refuse to go on from a loss or weights that are not finite."""
        flat = self.module_.flat
        # A sum is finite only if all its terms are, and costs less to look at.
        if math.isfinite(loss) and (
            math.isfinite(float(flat.sum())) or bool(torch.isfinite(flat).all())
        ):
            return
        flat.copy_(finite)
        epoch = max(1, len(self.history))
        self.forget_unfinished_epoch()
        raise DivergedTrainingError(
            f"Training diverged in epoch {epoch}: the loss is "
            f"{loss}. Lower {self.taming}, or scale X and y. "
            "The weights of the epoch before are kept for warm_start."
        )

    def record_best(self):
        """Flags that skorch's Checkpoint looks for."""
        record = self.record
        for name, best in self._best.items():
            if name in record:
                record[f"{name}_best"] = record[name] < best
                self._best[name] = min(record[name], best)

    def record_whole(self, prefix, loss, n_samples):
        """One entry for the batches of an epoch, whose own losses nobody asked for.

        skorch's Checkpoint reads the last batch, its PassthroughScoring all of them.
        """
        batches = self.record["batches"]
        if prefix == "train" or not batches:
            batches.append({})
        batches[-1].update({f"{prefix}_loss": loss, f"{prefix}_batch_size": n_samples})

    def print_epoch(self):
        """Print the losses of the last epoch."""
        record = self.history[-1]
        names = ("train_loss", "valid_loss", "valid_score")
        parts = [f"{name} = {record[name]:.6f}" for name in names if name in record]
        print(f"{self.epoch_label} {record['epoch']}, {', '.join(parts)}")

    def notify_whole_batch(self, data, loss):
        """Tell callbacks of an epoch whose only batch is the data."""
        if not self.has_batch_hooks:
            self.history.new_batch()
            return
        batch = data.X, data.targets, data.sample_weight
        self.notify_batch("on_batch_begin", batch, True, {})
        outputs = self.backprop_.full_outputs(data.X)
        step = {"loss": torch.tensor(loss), "y_pred": outputs}
        self.history.record_batch("train_loss", loss)
        self.history.record_batch("train_batch_size", len(data))
        self.notify_batch("on_batch_end", batch, True, step)

    def notify_batch(self, name, batch, training, step):
        """Tell callbacks of a batch, in the form that skorch gives it."""
        # Callbacks may keep what they are given, and our buffers are used again.
        X, targets = batch[0].clone(), self.labels(batch[1]).clone()
        step = {key: value.clone() for key, value in step.items()}
        self.notify(name, batch=(X, targets), training=training, **step)
