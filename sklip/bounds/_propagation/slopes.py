# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Optimised slopes for linear bound propagation (alpha-CROWN).

Any slope gives a valid line, so the slopes of each row's lines are moved along the
gradient of that row's bound. Every step's bound is proven as it is, and the best kept.
"""

import torch

from sklip.bounds._propagation.linear import layer_sizes, linear_lower
from sklip.bounds._propagation.lines import Lines, offsets, slope_range
from sklip.bounds._propagation.planes import (
    first_shares,
    has_planes,
    step_length,
    tilted,
)

__all__ = ["Adam", "better", "improved_lower", "largest_lower", "open_layer"]

_LEARNING_RATE = 0.2
_DECAY = 0.9
# Of a step where both lines turn: whole ones gain a third less in twelve.
_CURVED_LENGTH = 0.3


def improved_lower(
    propagation, bounds, rows, norms, lines, n_steps, enough, k=None, planes=False
):
    """Best lower bound of each row over some steps of Adam on its own slopes.

    The rows are over layer ``k``, by default the outputs; ``bounds`` and ``lines`` are
    of the layers below. A row stops once it is above ``enough``, which broadcasts
    against the rows. With ``planes`` the upper lines of the first layer, if it is not
    too large, become planes; then each ball has one row.
    """
    k = propagation.n_hidden if k is None else k
    layers = [
        open_layer(layer.shape, low, high, start, rows.shape[1])
        for layer, (low, high), start in zip(
            propagation.layers, bounds.intervals, lines, strict=False
        )
    ]

    def sizes_of(current):
        return [
            layer_sizes(layer, low, high, line)
            for layer, (low, high), line in zip(
                propagation.layers, bounds.intervals, current, strict=False
            )
        ]

    # Offsets of hinges' lines stay as they are.
    hinges = all(isinstance(layer, _OpenHinges) for layer in layers)
    if planes and has_planes(propagation):
        layers[0] = _OpenPlanes(propagation, bounds.balls, layers[0])
    known = sizes_of([layer.lines() for layer in layers]) if hinges else None

    def lower_of(current):
        sizes = known or sizes_of(current)
        return linear_lower(propagation, bounds.balls, k, rows, norms, current, sizes)

    return largest_lower(layers, lower_of, n_steps, enough)


def largest_lower(layers, lower_of, n_steps, enough):
    """Largest lower bound of each row over steps of Adam on the slopes of its lines.

    Parameters
    ----------
    layers : list
        What :func:`open_layer` gives, for each layer whose lines may move.
    lower_of : callable
        ``lower_of(lines)``, the lower bounds with these lines of the layers.
    n_steps : int
        Steps at most.
    enough : float or Tensor
        Rows above it are done.

    Returns
    -------
    lower : Tensor of shape (n_samples, n_rows)
        True of each row, as every step's bound is.
    """
    shares = [share for layer in layers for share in layer.shares]
    lengths = [length for layer in layers for length in layer.lengths]
    ascent = Adam(shares, lengths=lengths)
    best = None
    for _ in range(n_steps):
        with torch.enable_grad():
            lower = lower_of([layer.lines() for layer in layers])
            gradients = torch.autograd.grad(lower.sum(), ascent.variables)
        found = lower.detach()
        # A row that is done stays as it is: no row's result depends on the others.
        if best is None:
            best = found
        else:
            best = torch.where(best > enough, best, torch.maximum(best, found))
        if (best > enough).all():
            break
        ascent.step(gradients)
    return best


class Adam:
    """Adam (Kingma and Ba, 2015) uphill, within bounds, with a decaying step.

    Gradients are taken in units of each row's first ones, a power of two: no scale of
    the network's layers makes their squares vanish or overflow. ``lengths`` are of the
    variables' steps, in units of the rate.
    """

    def __init__(
        self, variables, rate=_LEARNING_RATE, decay=_DECAY, largest=1.0, lengths=None
    ):
        self.variables, self.n_steps = variables, 0
        self.lengths = lengths or [1.0] * len(variables)
        self.rate, self.decay, self.largest = rate, decay, largest
        self.means = [torch.zeros_like(v) for v in variables]
        self.squares = [torch.zeros_like(v) for v in variables]
        self.units = None

    def step(self, gradients):
        """Move every variable in place."""
        if self.units is None:
            self.units = [_unit(g) for g in gradients]
        self.n_steps += 1
        size = self.rate * self.decay ** (self.n_steps - 1)
        size *= (1.0 - 0.999**self.n_steps) ** 0.5 / (1.0 - 0.9**self.n_steps)
        for v, g, length, unit, mean, square in zip(
            self.variables,
            gradients,
            self.lengths,
            self.units,
            self.means,
            self.squares,
            strict=True,
        ):
            g = g * unit
            mean.mul_(0.9).add_(g, alpha=0.1)
            square.mul_(0.999).addcmul_(g, g, value=0.001)
            v.data.addcdiv_(mean, square.sqrt().add_(1e-12), value=size * length)
            v.data.clamp_(0.0, self.largest)


def _unit(gradient):
    """Power of two that takes the largest entry of each row to about one."""
    largest = gradient.abs().amax(-1, keepdim=True)
    exponent = torch.frexp(largest).exponent.clamp(-1000, 1000)
    return torch.exp2(-exponent.to(gradient.dtype))


def open_layer(shape, low, high, start, n_rows):
    """What may be moved of one layer's lines."""
    if shape.hinge is not None:
        return _OpenHinges(shape, low, high, start, n_rows)
    return _OpenLayer(shape, low, high, start, n_rows)


class _OpenHinges:
    """Slopes of the lower lines of max(l z, r z), through zero.

    No upper line is anywhere below the chord, which stays.
    """

    def __init__(self, shape, low, high, start, n_rows):
        left, right = (low.new_tensor(slope) for slope in shape.hinge)
        self.left, self.right = left, right
        self.upper, self.above = start.upper[:, None], start.above[:, None]
        self.is_open = ((low < 0.0) & (high > 0.0))[:, None]
        self.known = torch.where(low >= 0.0, right, left)[:, None]
        share = (start.lower - left) / (right - left)
        share = share.nan_to_num(1.0).clamp(0.0, 1.0)[:, None]
        self.zero = torch.zeros_like(self.upper)
        self.shares = [share.expand(-1, n_rows, -1).clone().requires_grad_()]
        self.lengths = [1.0]

    def lines(self):
        """Lines with these slopes, differentiable by them."""
        # Exact at both ends, and nowhere beyond them.
        slope = torch.lerp(self.left, self.right, self.shares[0])
        slope = torch.where(self.is_open, slope, self.known)
        return Lines(slope, self.zero, self.upper, self.above)


class _OpenPlanes:
    """Hinges of the first layer with upper planes over the inputs."""

    def __init__(self, propagation, balls, hinges):
        self.hinges, self._about = hinges, (propagation, balls)
        leaning = first_shares(propagation, hinges.lines())
        self.shares = [*hinges.shares, leaning.detach().requires_grad_()]
        self.lengths = [*hinges.lengths, step_length(propagation)]

    def lines(self):
        """Lines and planes with these slopes, differentiable by them."""
        line, is_open = self.hinges.lines(), self.hinges.is_open[:, 0]
        return tilted(*self._about, line, is_open, self.shares[-1])


class _OpenLayer:
    """Slopes of one layer's lines, free within the range of the derivative."""

    def __init__(self, shape, low, high, start, n_rows):
        self.shape = shape
        self.low, self.high = low[:, None], high[:, None]
        smallest, largest = slope_range(shape, low, high)
        self.range = smallest[:, None], largest[:, None]
        # As shares of the range, so that one step length suits all neurons.
        width = (self.range[1] - self.range[0]).clamp_min(1e-12)
        self.width = width
        self.shares, self.lengths = [], [_CURVED_LENGTH, _CURVED_LENGTH]
        for slope in (start.lower, start.upper):
            share = ((slope[:, None] - self.range[0]) / width).clamp(0.0, 1.0)
            share = share.expand(-1, n_rows, -1).clone()
            self.shares.append(share.requires_grad_())

    def lines(self):
        """Lines with these slopes, differentiable by them."""
        lower, upper = (self.range[0] + self.width * s for s in self.shares)
        below, above = self._offset(lower, -1), self._offset(upper, 1)
        return Lines(lower, below, upper, above)

    def _offset(self, slope, side):
        with torch.no_grad():
            fixed = slope.detach()
            offset, touch = offsets(self.shape, self.low, self.high, fixed, side)
        # The extreme point stays while the slope turns: d offset / d slope = -touch.
        return offset - touch * (slope - fixed)


def better(new, old):
    """Of each part what belongs to the larger of the bounds, which come first."""
    if old is None:
        return new
    is_better = new[0] > old[0]
    return [
        torch.where(is_better.reshape(-1, *(1,) * (a.ndim - 1)), a, b)
        for a, b in zip(new, old, strict=True)
    ]
