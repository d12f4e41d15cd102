# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The hand-written forward and backward pass of a plain layer stack."""

import torch

from sklip.training._passes.base import Pass
from sklip.training._passes.kernels import activation_kernel

__all__ = ["Backprop"]


class _Workspace:
    """Buffers of the pass for one number of rows."""

    def __init__(self, module, rows):
        def empty(n):
            return torch.empty(
                rows, n, dtype=module.flat.dtype, device=module.flat.device
            )

        kernels = [activation_kernel(name) for name in module.activation]
        self.z = [empty(n) for n in module.layer_sizes[1:]]
        self.a = [
            empty(n) if kernel.needs_input else z
            for n, kernel, z in zip(
                module.layer_sizes[1:-1], kernels, self.z, strict=False
            )
        ]
        self.grads = [empty(n) for n in module.layer_sizes[1:]]
        self.grads_t = [grad.t() for grad in self.grads]


class Backprop(Pass):
    """Loss and gradient of a :class:`FlatMLP` without autograd.

    Parameters
    ----------
    module : FlatMLP
        The network; gradients are written to its ``flat_grad``.
    loss : str
        A key of :data:`LOSSES`.
    alpha : float, default=0.0
        Weight of the L2 term of the weights, ½ α ‖W‖² / Σ sample_weight.
    """

    def __init__(self, module, loss, alpha=0.0):
        super().__init__(module, loss, alpha)
        self.kernels = [activation_kernel(name) for name in module.activation]
        self._workspaces = {}
        self._weights = module.weights
        self._weights_t = [w.t() for w in self._weights]
        self._biases = module.biases
        self._weight_grads = [layer.weight.grad for layer in module.layers]
        self._bias_grads = [layer.bias.grad for layer in module.layers]
        self._flat_weights = module.flat[: module.n_weights]
        self._flat_weight_grad = module.flat_grad[: module.n_weights]

    def forward(self, X):
        """Outputs for a batch; valid until the next call."""
        work = self._workspace(len(X))
        a = X
        for k, z in enumerate(work.z):
            torch.addmm(self._biases[k], a, self._weights_t[k], out=z)
            if k < len(self.kernels):
                a = self.kernels[k].forward(z, work.a[k])
        self.outputs = work.z[-1]
        return self.outputs

    def loss_value(self, X, targets, sample_weight=None):
        """Weighted mean of the losses of a batch, without gradient or L2 term."""
        outputs = self.forward(X)
        losses = self.loss(outputs, targets, self._workspace(len(X)).grads[-1])
        return self._mean(losses, sample_weight)

    def loss_and_grad(self, X, targets, sample_weight=None):
        """Loss of a batch; the gradient replaces that in ``flat_grad``."""
        outputs = self.forward(X)
        work = self._workspace(len(X))
        grad = work.grads[-1]
        losses = self.loss(outputs, targets, grad)
        loss, total = self._weigh(losses, grad, sample_weight)
        self._backward(X, work)
        if self.alpha:
            loss = self._add_l2(loss, total)
        return loss

    def _add_l2(self, loss, total):
        weights, rate = self._flat_weights, self._l2_rate(total)
        if torch.is_tensor(total):
            self._flat_weight_grad.add_(weights * rate)
            return loss + 0.5 * rate * torch.dot(weights, weights)
        self._flat_weight_grad.add_(weights, alpha=rate)
        return loss.add_(torch.dot(weights, weights), alpha=0.5 * rate)

    def _backward(self, X, work):
        for k in range(len(work.z) - 1, -1, -1):
            grad = work.grads[k]
            below = X if k == 0 else work.a[k - 1]
            torch.mm(work.grads_t[k], below, out=self._weight_grads[k])
            torch.sum(grad, 0, out=self._bias_grads[k])
            if k:
                lower = work.grads[k - 1]
                torch.mm(grad, self._weights[k], out=lower)
                kernel = self.kernels[k - 1]
                saved = work.z[k - 1] if kernel.needs_input else work.a[k - 1]
                kernel.backward(lower, saved)

    def release(self):
        """Forget the buffers; the next pass makes new ones."""
        self.outputs = None
        self._workspaces.clear()

    def _workspace(self, rows):
        if rows not in self._workspaces:
            # Two sizes recur (a full batch and the last one); others come and go.
            if len(self._workspaces) > 4:
                self._workspaces.clear()
            self._workspaces[rows] = _Workspace(self.module, rows)
        return self._workspaces[rows]
