# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The certificate itself as a penalty: the square of LipSDP's bound."""

import torch

from sklip.bounds import lipsdp_gradient
from sklip.training._penalties.directions import KeptDirection

__all__ = ["LipSDPPenalty"]

# Steps between two solves, and the relative gap of a solve while training, from the
# last one's point. On digits (weight .01, two seeds, a gap of .003) every fifth step
# gives a bound 9 % lower than every twentieth, at the same accuracy; every second one
# lowers it by another 1 % at twice the time; a gap of .01 raises it by .2 % at two
# thirds of the time.
_REFRESH_STEPS = 5
_TOL = 0.01


class LipSDPPenalty(KeptDirection):
    """μ L², L the bound of LipSDP-Neuron, with the dual solution's gradient.

    The program is solved again every few steps, from the last solution.
    """

    summary = "the square of LipSDP's bound (solved again every few steps: slower)"

    def __init__(self, module, weight):
        super().__init__(module, weight)
        self._square, self._point = 0.0, None

    def restart(self, batch_size):
        """Prepare for a run of steps; nothing is remembered from earlier ones."""
        super().restart(batch_size)
        self._point = None

    def _choose_interval(self, batch_size):
        return _REFRESH_STEPS

    def _refresh(self):
        if not torch.isfinite(self.module.flat).all():
            return  # diverged: the end of the epoch says so
        for part, gradient in zip(self.parts, self._solve(_TOL), strict=True):
            part.copy_(torch.from_numpy(self.weight * gradient))

    def _solve(self, tol):
        network = self.module.to_feedforward()
        found = lipsdp_gradient(network, tol=tol, start=self._point)
        self._square, gradients, self._point = found
        return gradients

    def value(self, X, sample_weight=None):
        """Value of the penalty when its direction was last renewed."""
        return self.weight * self._square

    def add_exact_gradient(self, X, sample_weight=None):
        """Add the gradient at the present weights; returns the value."""
        for grad, gradient in zip(self.layer_grads, self._solve(1e-6), strict=True):
            grad.add_(torch.from_numpy(gradient).to(grad), alpha=self.weight)
        return self.value(X)
