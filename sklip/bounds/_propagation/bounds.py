# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Bounds of hidden layers and of outputs over balls, by intervals or by lines."""

from dataclasses import dataclass

import torch

from sklip._floats import UNIT, tensor_lengths
from sklip.bounds._propagation.linear import (
    layer_sizes,
    linear_lower,
    parallel_bounds,
    vectors_times,
)
from sklip.bounds._propagation.lines import (
    adaptive_lines,
    parallel_lines,
    value_range,
)
from sklip.bounds._propagation.slopes import improved_lower

__all__ = ["HiddenBounds", "all_lines", "hidden_bounds", "outputs_lower"]


@dataclass(frozen=True, eq=False)
class HiddenBounds:
    """Proven bounds of every hidden layer's pre-activations over some balls."""

    balls: object  # what they hold for
    # Of (Tensor, Tensor): of each hidden layer, lower and upper ends of shape
    # (n_samples, n_k).
    intervals: list
    method: str  # {"ibp", "crown"}: how they were found

    def __getitem__(self, rows):
        intervals = [(low[rows], high[rows]) for low, high in self.intervals]
        return HiddenBounds(self.balls[rows], intervals, self.method)


def hidden_bounds(propagation, balls, method, given=None):
    """Bounds of the hidden layers by interval arithmetic, or that and lines.

    Parameters
    ----------
    propagation : Propagation
        Of the network whose layers are bounded.
    balls : Balls
        Where the inputs lie.
    method : {"ibp", "crown"}
        ``"crown"`` takes the tighter of both, neuron by neuron.
    given : list of (Tensor, Tensor), default=None
        Intervals that are known to hold as well.

    Returns
    -------
    bounds : HiddenBounds
        Proven; at most as wide as those of ``"ibp"``.
    """
    intervals, lines, sizes = [], [], []
    for k in range(propagation.n_hidden):
        if k == 0:
            low, high = propagation.first(balls)
        else:
            low, high = propagation.interval_step(k - 1, *intervals[-1])
            if method == "crown":
                found = parallel_bounds(propagation, balls, k, lines, sizes)
                low, high = meet((low, high), found)
        if given is not None:
            low, high = meet((low, high), given[k])
        intervals.append((low, high))
        if method == "crown" and k + 1 < propagation.n_hidden:
            layer = propagation.layers[k]
            lines.append(parallel_lines(layer.shape, low, high))
            sizes.append(layer_sizes(layer, low, high, lines[-1]))
    return HiddenBounds(balls, intervals, method)


def meet(first, second):
    """Intersection of two intervals that both hold."""
    low = torch.maximum(first[0], second[0])
    return low, torch.maximum(torch.minimum(first[1], second[1]), low)


def outputs_lower(propagation, bounds, rows, *, n_steps=0, enough=torch.inf):
    """Lower bounds of linear functions of the outputs over balls.

    Parameters
    ----------
    propagation : Propagation
        Of the network of which the outputs are.
    bounds : HiddenBounds
        Of the hidden layers.
    rows : Tensor of shape (n_samples, n_rows, n_outputs)
        Coefficients of the outputs.
    n_steps : int, default=0
        Steps of gradient ascent on the slopes of the lines, for each row by itself.
    enough : float or Tensor, default=inf
        The steps end when all bounds are above it.

    Returns
    -------
    lower : Tensor of shape (n_samples, n_rows)
        Proven; of a network without hidden layers exact up to rounding.
    """
    norms, k = tensor_lengths(rows) * 1.001, propagation.n_hidden
    if k == 0:
        return linear_lower(propagation, bounds.balls, 0, rows, norms, [], [])
    lower = _interval_lower(propagation, bounds, rows, norms)
    if bounds.method == "ibp":
        return lower
    for make in (parallel_lines, adaptive_lines):
        lines, sizes = all_lines(propagation, bounds, make)
        found = linear_lower(propagation, bounds.balls, k, rows, norms, lines, sizes)
        lower = torch.maximum(lower, found)
    if n_steps:
        found = improved_lower(propagation, bounds, rows, norms, lines, n_steps, enough)
        lower = torch.maximum(lower, found)
    return lower


def all_lines(propagation, bounds, make):
    lines, sizes = [], []
    for layer, (low, high) in zip(propagation.layers, bounds.intervals, strict=False):
        lines.append(make(layer.shape, low, high))
        sizes.append(layer_sizes(layer, low, high, lines[-1]))
    return lines, sizes


def _interval_lower(propagation, bounds, rows, norms):
    inner, layer = propagation.layers[-2:]
    low, high = value_range(inner.shape, *bounds.intervals[-1])
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    through = rows @ layer.weight
    center = vectors_times(through, middle) + rows @ layer.bias
    reach = vectors_times(through.abs(), half)
    size = (tensor_lengths(middle) + tensor_lengths(half))[:, None]
    lost = norms * (layer.frobenius * size + layer.bias_norm)
    lost = (layer.gamma_in + layer.gamma_out) * lost + layer.underflow * (size + 1.0)
    return center - reach - 1.01 * lost - 4.0 * UNIT * center.abs()
