# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Penalties on the Lipschitz constant, with their own gradients."""

import math

import torch

from sklip.training._penalties.directions import KeptDirection
from sklip.training._penalties.lipsdp import LipSDPPenalty

__all__ = ["PENALTIES", "JacobianPenalty", "ProductPenalty", "SpectralPenalty"]

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

    def _rates(self, norms):
        return [self.weight * norm for norm in norms]

    def _value(self, norms):
        return 0.5 * self.weight * sum(norm * norm for norm in norms)


class ProductPenalty(_NormPenalty):
    """μ Π_k ‖W_k‖₂, the product bound itself ((28) of paper 000)."""

    def _rates(self, norms):
        return [
            self.weight * math.prod(norms[:k] + norms[k + 1 :])
            for k in range(len(norms))
        ]

    def _value(self, norms):
        return self.weight * math.prod(norms)


class JacobianPenalty:
    """½ μ times the mean of ‖J(x)‖_F² over the samples of the batch.

    The exact Jacobian is formed from the layers' slopes, and differentiated by
    autograd; where an activation has kinks the slopes count as constant.
    """

    def __init__(self, module, weight):
        self.weight = weight
        self.module = module
        self._parameters = list(module.parameters())

    def restart(self, batch_size):
        """Nothing is remembered from step to step."""

    def add_gradient(self, X, sample_weight=None):
        """Add the gradient of the penalty on one batch; returns its value."""
        with torch.enable_grad():
            value = self._penalty(X, sample_weight)
            free = [p for p in self._parameters if p.requires_grad]
            grads = torch.autograd.grad(value, free, allow_unused=True)
        for parameter, grad in zip(free, grads, strict=True):
            if grad is not None:
                parameter.grad.add_(grad)
        return float(value.detach())

    add_exact_gradient = add_gradient

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
            total = sample_weight.sum().clamp_min(torch.finfo(X.dtype).tiny)
            mean = (squares * sample_weight).sum() / total
        return 0.5 * self.weight * mean

    def _jacobian(self, X):
        slopes, a = [], X
        layers = self.module.layers
        for layer, activation in zip(layers, self.module.hidden_modules, strict=False):
            z = torch.nn.functional.linear(a, layer.weight, layer.bias)
            a = activation(z)
            slopes.append(torch.autograd.grad(a.sum(), z, create_graph=True)[0])
        jacobian = layers[-1].weight.expand(len(X), -1, -1)
        for layer, slope in zip(reversed(layers[:-1]), reversed(slopes), strict=True):
            jacobian = (jacobian * slope[:, None, :]) @ layer.weight
        return jacobian


PENALTIES = {
    "spectral": SpectralPenalty,
    "product": ProductPenalty,
    "jacobian": JacobianPenalty,
    "lipsdp": LipSDPPenalty,
}
