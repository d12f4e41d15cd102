# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The interface of a forward and backward pass, and the weighted mean of a loss."""

from abc import ABC, abstractmethod
from contextlib import ExitStack

import torch

from sklip.training._data import row_blocks
from sklip.training._losses import LOSSES

__all__ = ["Pass"]


class Pass(ABC):
    """Loss and gradient of a module, batch by batch; what a net asks of its backprop.

    Parameters
    ----------
    module : FlatMLP or FlatModule
        The network; gradients are left with its parameters.
    loss : str
        A key of :data:`LOSSES`.
    alpha : float, default=0.0
        Weight of the L2 term of the weights, ½ α ‖W‖² / Σ sample_weight.

    Attributes
    ----------
    outputs : tensor of shape (n_samples, n_outputs)
        Of the last batch, without noise.
    """

    def __init__(self, module, loss, alpha=0.0):
        self.module = module
        self.loss = LOSSES[loss]
        self.alpha = alpha
        self.outputs = None

    @property
    def streams(self):
        """Random numbers that the pass draws, by name; none unless a pass says so."""
        return {}

    def restart(self, generator, fresh=True):
        """Start a run of steps; streams go on where the last run ended."""
        for stream in self.streams.values():
            stream.restart(generator, fresh)

    @abstractmethod
    def forward(self, X):
        """Outputs for a batch as predict sees it; valid until the next call."""

    @abstractmethod
    def loss_value(self, X, targets, sample_weight=None):
        """Weighted mean of the losses of a batch, without gradient, noise or L2 term.

        Arguments as in :meth:`loss_and_grad`.
        """

    @abstractmethod
    def loss_and_grad(self, X, targets, sample_weight=None):
        """Loss of a batch; the gradient replaces the one that stood there.

        Parameters
        ----------
        X : tensor of shape (n_samples, ...)
            Inputs.
        targets : tensor of shape (n_samples, n_outputs)
            One-hot rows or regression targets.
        sample_weight : tensor of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        loss : tensor of shape ()
            Weighted mean of the losses and of the pass's own terms, plus the L2 term.
        """

    # Whether rows pass on their own, so that all samples may go by blocks of rows.
    by_blocks = True

    def full_loss_and_grad(self, data):
        """Loss and gradient of all samples as one batch; as :meth:`loss_and_grad`.

        They go through the module by blocks of rows: neither the layers of all of them
        nor a dense copy of sparse ones is ever in memory.
        """
        n, weight = len(data), data.sample_weight
        blocks = row_blocks(data.X) if self.by_blocks else [slice(0, n)]
        if len(blocks) == 1:
            return self.loss_and_grad(data.X[blocks[0]], data.targets, weight)
        total = n if weight is None else weight.sum()
        gradient, alpha, loss = self.module.flat_grad, self.alpha, 0.0
        summed = torch.zeros_like(gradient)
        with ExitStack() as stack:
            for stream in self.streams.values():
                stack.enter_context(stream.one_step())
            self.alpha = 0.0
            stack.callback(setattr, self, "alpha", alpha)
            for rows in blocks:
                X, targets = data.X[rows], data.targets[rows]
                part = None if weight is None else weight[rows]
                share = (len(X) if part is None else part.sum()) / total
                loss = loss + self.loss_and_grad(X, targets, part) * share
                summed += gradient * share
        gradient.copy_(summed)
        return self._add_l2(loss, total) if alpha else loss

    def full_outputs(self, X):
        """Outputs of all samples as predict sees them, by blocks of rows."""
        return torch.cat([self.forward(X[rows]).clone() for rows in row_blocks(X)])

    @abstractmethod
    def _add_l2(self, loss, total):
        """Add the gradient of the L2 term to that of the module; loss with the term."""

    @abstractmethod
    def release(self):
        """Forget what belongs to the last batches, buffers included."""

    @staticmethod
    def _shares(sample_weight, total):
        """Weights divided by their sum; zeros for a batch that weighs nothing."""
        return torch.where(total > 0, sample_weight / total, sample_weight)

    def _mean(self, losses, sample_weight):
        if sample_weight is None:
            return losses.mean()
        return torch.dot(losses, self._shares(sample_weight, sample_weight.sum()))

    def _weigh(self, losses, grad, sample_weight):
        """Weighted mean, its gradient in place of the samples', and what they weigh.

        ``grad`` has a row for each sample, or several blocks of such rows.
        """
        n = losses.shape[0]
        if sample_weight is None:
            grad.div_(n)
            return losses.mean(), n
        total = sample_weight.sum()
        share = self._shares(sample_weight, total)
        for block in grad.split(n):
            block.mul_(share[:, None])
        return torch.dot(losses, share), total

    def _l2_rate(self, total):
        """Factor of the weights in the gradient of the L2 term."""
        if torch.is_tensor(total):
            # A batch without weight takes no L2 step either: its share is undefined.
            return torch.where(total > 0, self.alpha / total, 0.0)
        return self.alpha / total
