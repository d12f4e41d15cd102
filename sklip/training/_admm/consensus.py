# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The term that ties the trained weights to the certified ones."""

import torch

from sklip.training._penalties import Penalty

__all__ = ["ConsensusTerm"]


class ConsensusTerm(Penalty):
    """``<Y, W - V> + rho / 2 ||W - V||^2`` of a module's weights W; biases are free.

    The part of the augmented Lagrangian of paper 001 that step (10a) sees (P15), with
    Y shaped like W. With V = Y = 0 it is plain weight decay.

    Parameters
    ----------
    module : FlatMLP
        Holds W and gets the gradient.
    rho : float, default=0.0
        Weight of the squared distance.
    """

    def __init__(self, module, rho=0.0):
        super().__init__(module, rho)
        self._weights = module.flat[: module.n_weights]
        self._grad = module.flat_grad[: module.n_weights]
        self._difference = torch.empty_like(self._weights)
        self._centre = torch.zeros_like(self._weights)
        self._constant = 0.0

    def set(self, rho, anchor, dual):
        """Take rho > 0, V and Y; the last two as lists of float64 arrays."""
        self.weight = rho
        centre = [v - y / rho for v, y in zip(anchor, dual, strict=True)]
        flat = torch.cat([torch.from_numpy(c).reshape(-1) for c in centre])
        self._centre.copy_(flat)
        self._constant = -0.5 / rho * sum(float((y * y).sum()) for y in dual)

    def add_gradient(self, X, sample_weight=None):
        """Add rho (W - V) + Y."""
        torch.sub(self._weights, self._centre, out=self._difference)
        self._grad.add_(self._difference, alpha=self.weight)

    def value(self, X, sample_weight=None):
        """Value at the present weights."""
        torch.sub(self._weights, self._centre, out=self._difference)
        square = torch.dot(self._difference, self._difference)
        return 0.5 * self.weight * float(square) + self._constant

    def add_exact_gradient(self, X, sample_weight=None):
        """Add the gradient; returns the value."""
        self.add_gradient(X, sample_weight)
        return self.value(X)
