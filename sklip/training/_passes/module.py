# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Loss and gradient of any torch module: autograd inside, our losses on its outputs."""

import contextlib

import torch

from sklip.training._draws import Stream, borrowed_generators
from sklip.training._passes.base import Pass
from sklip.training._penalties import NoiseSource, power_step

__all__ = ["ModuleBackprop", "amp_dtype"]

_FIRST_SCALE, _STEPS_BETWEEN_RAISES = 2.0**14, 2000


def amp_dtype(amp):
    """Type of autocast for the parameter ``amp``; None without it."""
    if amp is True:
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return getattr(torch, amp) if amp else None


class ModuleBackprop(Pass):
    """The pass of a :class:`FlatModule`, by autograd up to the outputs.

    Clean and noisy samples go through the module in one batch: batch normalisation then
    normalises both by the same statistics, so that k(x) compares one function at two
    points.

    Parameters
    ----------
    module : FlatModule
        The network; gradients are left with its parameters.
    loss : str
        A key of :data:`LOSSES`.
    alpha : float, default=0.0
        Weight of the L2 term of the weights, ½ α ‖W‖² / Σ sample_weight.
    noise : NoiseTerm, default=None
        Term that is added to the loss of each sample.
    dtype : torch.dtype, default=None
        float16 or bfloat16: compute in it, on CUDA.
    """

    by_blocks = False  # batch normalisation and dropout see the batch

    def __init__(self, module, loss, alpha=0.0, *, noise=None, dtype=None):
        super().__init__(module, loss, alpha)
        self.noise = noise
        self.dtype = dtype if module.flat.device.type == "cuda" else None
        device = module.flat.device
        # What dropout and the like draw, on the CPU and where the module is.
        self._streams = {
            f"module_{kind}": Stream(torch.device(kind), salt)
            for salt, kind in enumerate(sorted({"cpu", device.type}), start=1)
        }
        self._module_streams = list(self._streams.values())
        if noise is not None:
            self.source = self._streams["noise"] = NoiseSource(noise.std, device)
        # float16 alone underflows: its gradients are scaled up and back.
        self._scale = _FIRST_SCALE if self.dtype == torch.float16 else None
        self._steps = 0

    @property
    def streams(self):
        """What the module draws in training mode, and the noise."""
        return self._streams

    def forward(self, X):
        """Outputs in eval mode."""
        self.module.eval()
        with torch.no_grad(), self._autocast():
            self.outputs = self.module(X).to(self.module.flat.dtype)
        return self.outputs

    def loss_value(self, X, targets, sample_weight=None):
        """Weighted mean of the losses in eval mode, without noise or L2 term."""
        outputs = self.forward(X)
        losses = self.loss(outputs, targets, torch.empty_like(outputs))
        return self._mean(losses, sample_weight)

    def loss_and_grad(self, X, targets, sample_weight=None):
        """Loss of a batch in training mode; the gradients are new."""
        n = len(X)
        inputs, length = self._inputs(X)
        # Batch normalisation has no statistics of a lone row: it uses the running ones.
        if self.module.training != (len(inputs) > 1):
            self.module.train(len(inputs) > 1)
        for stream in self._module_streams:
            stream.begin_step()
        with borrowed_generators(*(s.generator for s in self._module_streams)):
            with torch.enable_grad(), self._autocast():
                raw = self.module(inputs)
        outputs = raw.detach().to(self.module.flat.dtype)
        self.outputs = outputs[:n]
        grad = torch.empty_like(outputs)
        losses = self.loss(outputs[:n], targets, grad[:n])
        if self.noise is not None:
            losses = losses + self.noise.add_gradient(outputs, length, grad)
        total, share = n, 1.0 / n
        if sample_weight is not None:
            total = sample_weight.sum()
            share = self._shares(sample_weight, total)
            for half in grad.split(n):
                half.mul_(share[:, None])
        else:
            grad.mul_(share)
        loss = (losses * share).sum()
        self._backward(raw, grad)
        return self._add_l2(loss, total) if self.alpha else loss

    def _inputs(self, X):
        if self.noise is None:
            return X, None
        n = len(X)
        both = X.new_empty((2 * n, *X.shape[1:]))
        length = self.source.write_noisy(X, both)
        if self.noise.probe == "power":
            power_step(X, self._direction(both, n), length, both[n:])
        return both, length

    def _direction(self, both, n):
        """Gradient of ½ ‖f(x̄) - f(x)‖² in x̄, in eval mode: no statistics move."""
        self.module.eval()
        noisy = both[n:].clone().requires_grad_()
        with torch.enable_grad(), self._autocast():
            clean = self.module(both[:n]).detach().float()
            change = self.module(noisy).float() - clean
            half_square = 0.5 * change.square().sum()
        return torch.autograd.grad(half_square, noisy)[0]

    def _backward(self, raw, grad):
        for parameter in self.module.optimized:
            parameter.grad = None
        if not raw.requires_grad:  # a callback has frozen everything
            return
        if self._scale is None:
            torch.autograd.backward(raw, grad.to(raw.dtype))
            return
        torch.autograd.backward(raw, (grad * self._scale).to(raw.dtype))
        found = [p.grad for p in self.module.optimized if p.grad is not None]
        torch._foreach_div_(found, self._scale)
        self._steps += 1
        if not bool(torch.isfinite(self.module.flat_grad).all()):
            torch._foreach_zero_(found)
            self._scale, self._steps = self._scale / 2, 0
        elif self._steps == _STEPS_BETWEEN_RAISES:
            self._scale, self._steps = self._scale * 2, 0

    def _add_l2(self, loss, total):
        rate = self._l2_rate(total)
        weights = [w.detach() for w in self.module.weights if w.grad is not None]
        if not weights:  # a callback has frozen them
            return loss
        grads = [w.grad for w in self.module.weights if w.grad is not None]
        torch._foreach_add_(grads, torch._foreach_mul(weights, rate))
        square = sum(norm.square() for norm in torch._foreach_norm(weights))
        return loss + 0.5 * rate * square

    def _autocast(self):
        if self.dtype is None:
            return contextlib.nullcontext()
        return torch.autocast("cuda", dtype=self.dtype)

    def release(self):
        """Forget the outputs of the last batch."""
        self.outputs = None
