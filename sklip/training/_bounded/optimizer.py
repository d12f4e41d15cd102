# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Orthonormal layers along their manifold, all else by Adam, and their average."""

import math

import torch

from sklip.training._bounded.manifold import move, polar_direction, tangent
from sklip.training._optimizers import without_compiler

__all__ = ["BoundedOptimizer"]

_MOMENTUM = 0.9
_ADAM = (0.9, 0.99, 1e-8)
# Length of a direction with all singular values 1, over sqrt(larger side), in layers
# of up to _LARGE rows or columns and in larger ones, whose moves would else be cut at
# nearly every step: of classifiers, and of regressors, whose squared error asks for
# finer moves.
_LENGTHS = ((0.2, 0.06), (0.05, 0.05))
# Share of the loss's largest slope below which a classifier's gradient has died out:
# its steps shrink with it. Directions and Adam forget how large a gradient was: rows of
# next to no weight would be fitted as eagerly as others once those are content.
_CONTENT = 1e-4
# Every so many steps hidden layers move, that much farther, and the Frobenius norm of a
# move at most: the momentum changes little in between, and moves are most of a step's
# time. The second pair is for layers with more than so many rows and columns.
_MOVES, _LARGE_MOVES, _LARGE = (2, 1.0), (6, 3.0), 128
# Largest singular value of a move, about: one step leads back from there.
_FARTHEST = 0.5
# Share of a schedule that goes uphill.
_RISE = 0.3
# The average begins as that of all steps so far, after about so many.
_AVERAGE_LAG = 10


def schedule(step, n_steps):
    """Share of the largest step size: a cosine up to 1, then one down to 0."""
    rise = _RISE * n_steps
    if step < rise:
        return 0.5 - 0.5 * math.cos(math.pi * step / rise)
    return 0.5 + 0.5 * math.cos(math.pi * (step - rise) / (n_steps - rise))


class BoundedOptimizer(torch.optim.Optimizer):
    """Steps of a :class:`BoundedMLP`.

    Outside an epoch the module holds the average of the steps' weights, which is what
    is validated, certified and deployed; :meth:`resume` puts the steps' own back.

    Parameters
    ----------
    module : BoundedMLP
        Its weights and gradients, changed in place.
    lr : float
        Largest step size.
    averaging : float
        Decay of the average; 0 keeps the last weights alone.
    steepness : float, default=None
        Slope of a classifier's loss by the logits of a row that is not content; None
        for steps of full length whatever the gradient.
    """

    add_param_group = without_compiler(torch.optim.Optimizer.add_param_group)

    def __init__(self, module, lr, averaging, steepness=None):
        self.module, self.averaging, self.n_steps = module, averaging, None
        is_regressor = module.lipschitz_bound is not None
        self._lengths = _LENGTHS[is_regressor]
        self._content = None if steepness is None else _CONTENT * steepness
        self._hidden = module.weights[:-1]
        self._hidden_grads = [layer.weight.grad for layer in module.layers[:-1]]
        start = module.n_hidden_weights
        self._free, self._free_grad = module.flat[start:], module.flat_grad[start:]
        super().__init__([module.flat], {"lr": lr})

    @property
    def _memory(self):
        return self.state[self.module.flat]

    def begin(self, n_steps):
        """Start a schedule of so many steps; None goes on at the full step size."""
        self.n_steps = n_steps
        if n_steps is not None:
            self._memory.clear()

    def resume(self):
        """Put the weights of the last step into the module."""
        if not self._memory:
            self._memory.update(self._fresh_memory())
        self.module.flat.copy_(self._memory["last"])

    def rest(self):
        """Put the average into the module."""
        self._memory["last"].copy_(self.module.flat)
        self.module.flat.copy_(self._memory["average"])

    def forget(self):
        """Drop the moments and the last step: go on from what the module holds."""
        self._memory.clear()

    def _fresh_memory(self):
        flat, grad = self.module.flat, self.module.flat_grad
        start = self.module.n_hidden_weights
        return {
            "step": 0,
            "momentum": torch.zeros_like(grad[:start]),
            "mean": torch.zeros_like(grad[start:]),
            "square": torch.zeros_like(grad[start:]),
            "average": flat.clone(),
            "last": flat.clone(),
        }

    def step(self, closure=None):
        """One step against the gradients in the module."""
        memory = self._memory
        rate = self.param_groups[0]["lr"]
        if self.n_steps is not None:
            rate *= schedule(memory["step"] + 1, self.n_steps + 1)
        memory["step"] += 1
        share = self._share()
        self._move_hidden(memory["momentum"], rate, memory["step"], share)
        self._move_free(memory, rate, share)
        self._clip_head()

    def _share(self):
        """Share of a full step that the gradient is worth; None for all of it."""
        if self._content is None:
            return None
        norm = torch.linalg.vector_norm(self.module.flat_grad)
        return norm.div_(self._content).clamp_max_(1.0)

    def average(self):
        """Take the weights of the last step into the average."""
        memory = self._memory
        # With n steps behind it the average leaves the start at n / (n + 10).
        decay = min(self.averaging, memory["step"] / (memory["step"] + _AVERAGE_LAG))
        memory["average"].lerp_(self.module.flat, 1.0 - decay)

    def _move_hidden(self, momentum, rate, n_steps, share):
        start = 0
        for weight, grad in zip(self._hidden, self._hidden_grads, strict=True):
            kept = momentum[start : start + weight.numel()].view_as(weight)
            start += weight.numel()
            kept.lerp_(grad, 1.0 - _MOMENTUM)
            is_large = min(weight.shape) > _LARGE
            every, longest = _LARGE_MOVES if is_large else _MOVES
            if n_steps % every == 1:
                kept.copy_(tangent(weight, kept))
                length = rate * every * max(weight.shape) ** 0.5
                length *= self._lengths[is_large]
                direction = polar_direction(kept)
                if share is not None:
                    direction.mul_(share)
                move(weight, direction, min(length, _FARTHEST), longest)

    def _move_free(self, memory, rate, share):
        first, second, eps = _ADAM
        grad, step = self._free_grad, memory["step"]
        mean = memory["mean"].lerp_(grad, 1.0 - first)
        square = memory["square"].mul_(second).addcmul_(grad, grad, value=1.0 - second)
        size = square.sqrt().div_((1.0 - second**step) ** 0.5).add_(eps)
        mean = mean if share is None else mean * share
        self._free.addcdiv_(mean, size, value=-rate / (1.0 - first**step))

    def _clip_head(self):
        """Cut the singular values of a regressor's last weights to its bound."""
        bound = self.module.head_bound
        if bound is None:
            return
        head = self.module.weights[-1]
        if len(head) == 1:
            head.mul_((bound / torch.linalg.vector_norm(head)).clamp_max(1.0))
            return
        u, values, vt = torch.linalg.svd(head, full_matrices=False)
        torch.mm(u * values.clamp_max(bound), vt, out=head)
