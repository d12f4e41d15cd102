# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The hand-written forward and backward pass of a plain layer stack."""

from dataclasses import dataclass
from functools import partial

import torch

from sklip.training._passes.base import Pass
from sklip.training._passes.kernels import activation_kernel

__all__ = ["Backprop"]


class _Workspace:
    """Buffers of the pass for one number of rows, and its calls into torch.

    The calls are put together once: looking their arguments up again in every step
    would take a tenth of a step on a small network.
    """

    def __init__(self, layers, rows):
        def empty(n):
            return layers.weights[0].new_empty(rows, n)

        sizes = [len(w) for w in layers.weights]
        self.z = [empty(n) for n in sizes]
        self.a = [
            empty(n) if kernel.needs_input else z
            for n, kernel, z in zip(sizes, layers.kernels, self.z, strict=False)
        ]
        self.grads = [empty(n) for n in sizes]
        # All but what the inputs take part in.
        self.forward = self._forward_calls(layers)
        self.backward = self._backward_calls(layers)
        self.first_grad_t = self.grads[0].t()

    def _forward_calls(self, layers):
        calls = []
        for k, (kernel, a) in enumerate(zip(layers.kernels, self.a, strict=True)):
            calls.append(partial(kernel.forward, self.z[k], a))
            bias, weight_t = layers.biases[k + 1], layers.weights[k + 1].t()
            calls.append(partial(torch.addmm, bias, a, weight_t, out=self.z[k + 1]))
        return calls

    def _backward_calls(self, layers):
        calls = []
        for k in range(len(layers.kernels), 0, -1):
            grad, kernel = self.grads[k], layers.kernels[k - 1]
            below, lower = self.a[k - 1], self.grads[k - 1]
            calls.append(partial(torch.mm, grad.t(), below, out=layers.weight_grads[k]))
            calls.append(partial(torch.sum, grad, 0, out=layers.bias_grads[k]))
            calls.append(partial(torch.mm, grad, layers.weights[k], out=lower))
            saved = self.z[k - 1] if kernel.needs_input else below
            calls.append(partial(kernel.backward, lower, saved))
        calls.append(partial(torch.sum, self.grads[0], 0, out=layers.bias_grads[0]))
        return calls


@dataclass(frozen=True)
class _Layers:
    """Tensors of the layers, which are views of flat vectors and stay the same ones."""

    weights: list
    biases: list
    weight_grads: list
    bias_grads: list
    kernels: list


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
        self._layers = _Layers(
            self._weights,
            module.biases,
            [layer.weight.grad for layer in module.layers],
            [layer.bias.grad for layer in module.layers],
            self.kernels,
        )
        self._first_weight_t, self._first_bias = self._weights[0].t(), module.biases[0]
        self._weight_grads = self._layers.weight_grads
        self._flat_weights = module.flat[: module.n_weights]
        self._flat_weight_grad = module.flat_grad[: module.n_weights]

    def forward(self, X):
        """Outputs for a batch; valid until the next call."""
        work = self._workspace(X.shape[0])
        torch.addmm(self._first_bias, X, self._first_weight_t, out=work.z[0])
        for call in work.forward:
            call()
        self.outputs = work.z[-1]
        return self.outputs

    def loss_value(self, X, targets, sample_weight=None):
        """Weighted mean of the losses of a batch, without gradient or L2 term."""
        outputs = self.forward(X)
        losses = self.loss(outputs, targets, self._workspace(X.shape[0]).grads[-1])
        return self._mean(losses, sample_weight)

    def loss_and_grad(self, X, targets, sample_weight=None):
        """Loss of a batch; the gradient replaces that in ``flat_grad``."""
        outputs = self.forward(X)
        work = self._workspace(X.shape[0])
        grad = work.grads[-1]
        losses = self.loss(outputs, targets, grad)
        loss, total = self._weigh(losses, grad, sample_weight)
        self._backward(X, work)
        if self.alpha:
            loss = self._add_l2(loss, total)
        return loss

    def _add_l2(self, loss, total):
        weights, rate = self._flat_weights, self._l2_rate(total)
        # A sum of sample weights stays a tensor: to read it is to wait for the device.
        if torch.is_tensor(total):
            self._flat_weight_grad.add_(weights * rate)
            return loss + 0.5 * rate * torch.dot(weights, weights)
        self._flat_weight_grad.add_(weights, alpha=rate)
        return loss.add_(torch.dot(weights, weights), alpha=0.5 * rate)

    def _backward(self, X, work):
        for call in work.backward:
            call()
        torch.mm(work.first_grad_t, X, out=self._weight_grads[0])

    def release(self):
        """Forget the buffers; the next pass makes new ones."""
        self.outputs = None
        self._workspaces.clear()

    def _workspace(self, rows):
        if rows not in self._workspaces:
            # Two sizes recur (a full batch and the last one); others come and go.
            if len(self._workspaces) > 4:
                self._workspaces.clear()
            self._workspaces[rows] = _Workspace(self._layers, rows)
        return self._workspaces[rows]
