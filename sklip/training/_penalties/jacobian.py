# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The mean squared norm of the Jacobian at the samples as a penalty."""

import torch

from sklip.training._data import row_blocks
from sklip.training._penalties.base import Penalty

__all__ = ["JacobianPenalty"]


class JacobianPenalty(Penalty):
    """½ μ times the mean of ‖J(x)‖_F² over the samples of the batch.

    The exact Jacobian is formed from the layers' slopes, and differentiated by
    autograd; where an activation has kinks the slopes count as constant.
    """

    summary = (
        "half the mean over the samples of the squared Frobenius norm of the Jacobian "
        "(a local, unproven quantity)"
    )

    def __init__(self, module, weight):
        super().__init__(module, weight)
        self._parameters = list(module.parameters())

    def add_gradient(self, X, sample_weight=None):
        """Add the gradient of the penalty on one batch; returns its value."""
        return self._add_share(X, sample_weight, 1.0)

    def add_exact_gradient(self, X, sample_weight=None):
        """The same for all samples, by blocks of rows."""
        total = len(X) if sample_weight is None else float(sample_weight.sum())
        value, blocks = 0.0, row_blocks(X)
        for rows in blocks:
            weight = None if sample_weight is None else sample_weight[rows]
            block = X[rows]
            # The mean over all samples is that of the blocks, each by its weight.
            share = (len(block) if weight is None else float(weight.sum())) / total
            value += self._add_share(block, weight, share if len(blocks) > 1 else 1.0)
        return value

    def _add_share(self, X, sample_weight, share):
        with torch.enable_grad():
            value = self._penalty(X, sample_weight) * share
            free = [p for p in self._parameters if p.requires_grad]
            # The last bias does not enter the Jacobian: it has no gradient.
            grads = torch.autograd.grad(value, free, allow_unused=True)
        for parameter, grad in zip(free, grads, strict=True):
            if grad is not None:
                parameter.grad.add_(grad)
        return float(value.detach())

    def value(self, X, sample_weight=None):
        """Value of the penalty on one batch."""
        with torch.enable_grad():
            return float(self._penalty(X, sample_weight).detach())

    def _penalty(self, X, sample_weight):
        jacobian = self._jacobian(X)
        squares = jacobian.square().sum((1, 2))
        if sample_weight is None:
            mean = squares.mean()
        else:
            # A batch may have no weight at all.
            total = sample_weight.sum().clamp_min(torch.finfo(X.dtype).tiny)
            mean = (squares * sample_weight).sum() / total
        return 0.5 * self.weight * mean

    def _jacobian(self, X):
        slopes, a = [], X
        layers = self.module.layers
        for layer, activation in zip(layers, self.module.hidden_modules, strict=False):
            z = torch.nn.functional.linear(a, layer.weight, layer.bias)
            a = activation(z)
            # Every unit depends on its own z alone, so that the gradient of the sum
            # holds all slopes; it stays in the graph, to be differentiated once more.
            slopes.append(torch.autograd.grad(a.sum(), z, create_graph=True)[0])
        # From the outputs down: there are mostly fewer of them than of inputs.
        jacobian = layers[-1].weight.expand(len(X), -1, -1)
        for layer, slope in zip(reversed(layers[:-1]), reversed(slopes), strict=True):
            jacobian = (jacobian * slope[:, None, :]) @ layer.weight
        return jacobian
