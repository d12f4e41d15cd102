# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A penalty's gradient that is costly to find and kept for some steps."""

import torch

from sklip.training._penalties.base import Penalty

__all__ = ["KeptDirection"]


class KeptDirection(Penalty):
    """Base of penalties that add one flat direction, renewed every few steps.

    A subclass defines ``_refresh()``, which writes to ``parts``, and
    ``_choose_interval(batch_size)``.

    Parameters
    ----------
    module : FlatMLP
        Holds the weights that are penalised and gets the gradient.
    weight : float
        Weight of the penalty.
    """

    def __init__(self, module, weight):
        super().__init__(module, weight)
        self.weights = module.weights
        self.layer_grads = [layer.weight.grad for layer in module.layers]
        self._flat_grad = module.flat_grad[: module.n_weights]
        self._direction = torch.zeros_like(self._flat_grad)
        flat_parts = self._direction.split([w.numel() for w in self.weights])
        self.parts = [
            part.view_as(w) for part, w in zip(flat_parts, self.weights, strict=True)
        ]
        self._interval, self._steps = 1, 0

    def restart(self, batch_size):
        """Prepare for a run of steps; nothing is remembered from earlier ones."""
        self._steps = 0
        self._interval = self._choose_interval(batch_size)

    def add_gradient(self, X, sample_weight=None):
        """Add the gradient; its direction is renewed every few steps."""
        if self._steps % self._interval == 0:
            self._refresh()
        self._steps += 1
        self._flat_grad.add_(self._direction)
