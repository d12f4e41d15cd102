# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Any torch module whose parameters and buffers are views of one flat vector."""

import math

import torch
from torch import nn

__all__ = ["FlatModule", "forward_in_chunks", "module_arrays"]

# Rows of one forward pass without gradients: some ten MB for small images.
_CHUNK = 256


def forward_in_chunks(module, X):
    """Outputs of a module without gradients, few rows at a time.

    Parameters
    ----------
    module : torch.nn.Module
        In eval mode.
    X : tensor of shape (n_samples, ...)
        Inputs.

    Returns
    -------
    outputs : tensor of shape (n_samples, n_outputs)
        Concatenated outputs.
    """
    with torch.no_grad():
        return torch.cat([module(part) for part in X.split(_CHUNK)])


def module_arrays(module):
    """Copies of all parameters and buffers of a module as arrays, by name."""
    return {
        name: tensor.detach().cpu().numpy().copy()
        for name, tensor in module.state_dict().items()
    }


# Entries at whose multiples a parameter may start: 64 bytes, as fast kernels want it.
_ALIGNMENT = 16


class FlatModule(nn.Module):
    """A module laid out as :class:`FlatMLP` is, for the same epoch loop.

    Trainable parameters come first in ``flat``, then the floating buffers, such as the
    running means of batch normalisation: a copy of ``flat`` is a copy of the whole
    state. ``flat_parameters`` leaves the buffers out. Gradients stay with the
    parameters, where autograd puts them. Frozen parameters stay where they are.

    Parameters
    ----------
    module : torch.nn.Module
        Its parameters are moved into the flat vector: the module is taken over.
    input_shape : tuple of int
        Shape of one sample.
    device : str or torch.device, default="cpu"
        Where to put it.
    """

    def __init__(self, module, input_shape, device="cpu"):
        super().__init__()
        self.module = module.to(device)
        self.input_shape = tuple(input_shape)
        trainable = next(p for p in module.parameters() if p.requires_grad)
        # Frozen ones too, without gradient: a callback may unfreeze them later.
        self.optimized = [p for p in module.parameters() if p.dtype == trainable.dtype]
        self.hand_trained = []
        self.output_parts = []  # not known
        self.as_drawn = False
        self.weights = [p for p in self.optimized if p.ndim > 1]
        self.n_weights = sum(p.numel() for p in self.weights)
        like = self.optimized[0]
        buffers = [
            (owner, name, buffer)
            for owner in module.modules()
            for name, buffer in owner.named_buffers(recurse=False)
            if buffer.dtype == like.dtype
        ]
        n_parameters = sum(map(_padded, self.optimized))
        size = n_parameters + sum(_padded(buffer) for _, _, buffer in buffers)
        self.flat = torch.zeros(size, dtype=like.dtype, device=like.device)
        self.flat_parameters = self.flat[:n_parameters]
        self._move(buffers)
        # A module that comes in eval mode must not stay so below this one.
        self.train()

    def _move(self, buffers):
        """Make parameters and buffers views of the flat vector."""
        start = 0
        for parameter in self.optimized:
            view = self._view(parameter.detach(), start)
            parameter.data = view
            start += _padded(view)
        for owner, name, buffer in buffers:
            owner._buffers[name] = self._view(buffer, start)
            start += _padded(buffer)

    def _view(self, tensor, start):
        view = self.flat[start : start + tensor.numel()].view(tensor.shape)
        return view.copy_(tensor)

    def named_parameters(self, *args, **kwargs):
        """Those of the module by its own names, as callbacks of its owner know them."""
        return self.module.named_parameters(*args, **kwargs)

    @property
    def flat_grad(self):
        """Gradients of ``flat_parameters`` as one vector; a copy."""
        flat = torch.zeros_like(self.flat_parameters)
        start = 0
        for parameter in self.optimized:
            if parameter.grad is not None:
                part = flat[start : start + parameter.numel()]
                part.copy_(parameter.grad.reshape(-1))
            start += _padded(parameter)
        return flat

    @property
    def work(self):
        """About the multiply-adds of one row, to decide on threads."""
        return self.n_weights * math.prod(self.input_shape[1:])

    def forward(self, X):
        """Outputs; in eval mode without gradients few rows at a time."""
        if self.training or torch.is_grad_enabled():
            return self.module(X)
        return forward_in_chunks(self.module, X)

    def state(self):
        """Arrays of all parameters and buffers, by name."""
        return module_arrays(self.module)


def _padded(tensor):
    return -(-tensor.numel() // _ALIGNMENT) * _ALIGNMENT
