# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Penalties on the spectral norms of the layers, and their gradients."""

import math

import torch

from sklip.training._penalties.directions import KeptDirection

__all__ = ["ProductPenalty", "SpectralPenalty"]

# The direction is kept for some steps: at least the first number, up to the second
# where the layers are large and the batch small, so that it stays cheap beside a step.
_REFRESH_STEPS = (4, 16)
# Squarings of the Gram matrix: singular values enter to the power 2·2⁵.
_SQUARINGS = 5


class _NormPenalty(KeptDirection):
    """Shared by the penalties on layer norms: the gradient of a Schatten norm.

    Training flattens the top of the spectrum, so the largest singular value soon has
    many rivals, and a power iteration (one direction a step) lags behind them. The
    gradient Σ p_i u_i v_iᵀ with p_i = σ_i^64 / Σ σ_j^64 takes the whole cluster at
    once, and needs no decomposition: the Gram matrix squared five times holds the p_i.
    """

    _norms = None

    def _choose_interval(self, batch_size):
        squarings = 2 * _SQUARINGS * sum(min(w.shape) ** 3 for w in self.weights)
        step = 6 * batch_size * self._flat_grad.numel()
        low, high = _REFRESH_STEPS
        return int(min(max(4 * squarings / step, low), high))

    def _refresh(self):
        self._norms = [
            _norm_and_direction(w, out=part)
            for w, part in zip(self.weights, self.parts, strict=True)
        ]
        for part, rate in zip(self.parts, self._rates(self._norms), strict=True):
            part.mul_(rate)

    def value(self, X, sample_weight=None):
        """Value of the penalty when its direction was last renewed."""
        return self._value(self._norms)

    def add_exact_gradient(self, X, sample_weight=None):
        """Add the gradient at the top singular vectors alone; returns the value."""
        tops = [torch.linalg.svd(w, full_matrices=False) for w in self.weights]
        norms = [float(s[0]) for _, s, _ in tops]
        for grad, (u, _, vh), rate in zip(
            self.layer_grads, tops, self._rates(norms), strict=True
        ):
            grad.addr_(u[:, 0], vh[0], alpha=rate)
        return self._value(norms)


def _norm_and_direction(w, out):
    """Estimate ‖w‖₂ from below; writes Σ p_i u_i v_iᵀ to out."""
    tall = w.shape[0] > w.shape[1]
    gram = w.T @ w if tall else w @ w.T
    tiny = torch.finfo(w.dtype).tiny
    powers = gram / gram.trace().clamp_(min=tiny)
    for _ in range(_SQUARINGS):
        powers = powers @ powers
        powers.div_(powers.trace().clamp_(min=tiny))
    # Σ p_i σ_i²: a mean of the cluster, since the trace of the powers is one.
    norm = float(torch.dot(powers.view(-1), gram.view(-1))) ** 0.5
    torch.mm(*((w, powers) if tall else (powers, w)), out=out)
    if norm > 0:
        out.div_(norm)
    return norm


class SpectralPenalty(_NormPenalty):
    """½ μ Σ_k ‖W_k‖₂², the sum of the squared spectral norms."""

    summary = "half the sum of the squared spectral norms of the weight matrices"

    def _rates(self, norms):
        return [self.weight * norm for norm in norms]

    def _value(self, norms):
        return 0.5 * self.weight * sum(norm * norm for norm in norms)


class ProductPenalty(_NormPenalty):
    """μ Π_k ‖W_k‖₂, the product bound itself ((28) of paper 000)."""

    summary = "the product of the spectral norms"

    def _rates(self, norms):
        return [
            self.weight * math.prod(norms[:k] + norms[k + 1 :])
            for k in range(len(norms))
        ]

    def _value(self, norms):
        return self.weight * math.prod(norms)
