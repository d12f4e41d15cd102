# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The hand-written passes: a radius loss that sees H, a squared error that does not."""

import torch

from sklip.training._bounded.radius_loss import LabelRadiusLoss, RadiusLoss
from sklip.training._passes import Backprop

__all__ = ["BoundedBackprop"]


class BoundedBackprop(Backprop):
    """Loss and gradient of a :class:`BoundedMLP`, in the units of its training.

    Parameters
    ----------
    module : BoundedMLP
        Holds the weights and gets the gradient.
    loss, alpha
        As for Backprop; a classifier's loss is that on the radius whatever the name.
    radius : float, default=None
        Radius that the loss asks for, in the units of X; None for a regressor.
    input_noise : float, default=0.0
        Standard deviation of the normal noise on the inputs of every training batch,
        in the units of X.
    """

    def __init__(self, module, loss, alpha=0.0, *, radius=None, input_noise=0.0):
        super().__init__(module, loss, alpha)
        scale = module.units.scale
        self.input_noise, self.generator = input_noise / scale, None
        self.radius_loss = None
        if radius is not None:
            kind = LabelRadiusLoss if module.labels else RadiusLoss
            self.radius_loss = kind(module.temperature * radius, radius / scale)
        self._inputs = {}

    @property
    def steepness(self):
        """About the slope of the loss by logits of less than the radius asked for."""
        return None if self.radius_loss is None else 1.0 / self.radius_loss.radius

    def restart(self, generator, fresh=True):
        """The noise comes from the generator that orders the samples."""
        self.generator = generator

    def release(self):
        """Forget the buffers; the next pass makes new ones."""
        super().release()
        self._inputs.clear()

    def loss_value(self, X, targets, sample_weight=None):
        """Weighted mean of the losses of a batch, without noise or gradient."""
        losses = self._losses(self._scaled(X, len(X)), self._scaled_targets(targets))
        return self._mean(losses, sample_weight)

    def loss_and_grad(self, X, targets, sample_weight=None):
        """Weighted mean loss; the gradient replaces that in ``flat_grad``."""
        X = self._scaled(X, len(X))
        if self.input_noise:
            noise = torch.randn(X.shape, generator=self.generator, dtype=X.dtype)
            X.add_(noise.to(X.device), alpha=self.input_noise)
        targets = self._scaled_targets(targets)
        losses = self._losses(X, targets)
        work = self._workspace(len(X))
        grad = work.grads[-1]
        loss, _ = self._weigh(losses, grad, sample_weight)
        if self.radius_loss is None:
            self._backward(X, work)
            return loss
        head_grad = self.radius_loss.complete(targets, self._weights[-1], grad)
        self._backward(X, work)
        self._weight_grads[-1].add_(head_grad)
        return loss

    def _losses(self, X, targets):
        outputs, grad = self.forward(X), self._workspace(len(X)).grads[-1]
        if self.radius_loss is None:
            # What callbacks and scores see is in the units of the targets.
            self.outputs = self.module.in_target_units(outputs)
            return self.loss(outputs, targets, grad)
        return self.radius_loss(outputs, targets, self._weights[-1], grad)

    def _scaled(self, X, rows):
        """A batch in the units of the training, in a buffer of its own."""
        if rows not in self._inputs:
            if len(self._inputs) > 4:
                self._inputs.clear()
            self._inputs[rows] = torch.empty_like(X)
        out = torch.sub(X, self.module.offset, out=self._inputs[rows])
        return out.div_(self.module.units.scale)

    def _scaled_targets(self, targets):
        if self.radius_loss is not None:
            return targets
        return self.module.scaled_targets(targets)
