# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Intervals of every layer of a module over balls, rounded outward.

The error of a sum of products is at most gamma times the sum of the products'
magnitudes, so that widening what goes in by gamma of its size covers what comes out.
"""

from dataclasses import dataclass

import torch

from sklip._floats import FLOOR, UNIT, gamma
from sklip.bounds._layers.backward import Backward
from sklip.bounds._propagation import meet, parallel_lines, value_range

__all__ = ["CHUNK", "MOST_NEURONS", "LayerBounds", "input_ends", "layer_bounds"]

# Entries of a layer up to which linear propagation bounds each of them.
MOST_NEURONS = 2048
# Rows of one pass at a time.
CHUNK = 2**22


@dataclass(frozen=True, eq=False)
class LayerBounds:
    """Proven bounds of every node over some balls."""

    balls: object  # what they hold for
    # Of (Tensor, Tensor): lower and upper ends (n_samples, *shape) of each node.
    ends: list
    # Of Tensor or None: of linear nodes: what the magnitudes of all terms of an entry
    # add up to.
    sizes: list
    # Of int to Lines or MaximumLines: of each nonlinear node, with one slope on both
    # sides.
    lines: dict
    method: str  # {"ibp", "crown"}: how they were found

    def __getitem__(self, rows):
        def some(lines):
            return type(lines)(**{k: v[rows] for k, v in vars(lines).items()})

        return LayerBounds(
            self.balls[rows],
            [(low[rows], high[rows]) for low, high in self.ends],
            [None if size is None else size[rows] for size in self.sizes],
            {k: some(lines) for k, lines in self.lines.items()},
            self.method,
        )


def layer_bounds(propagation, balls, method):
    """Bounds of all nodes by interval arithmetic, or that and linear propagation.

    Parameters
    ----------
    propagation : ModulePropagation
        Of the graph whose nodes are bounded.
    balls : Balls
        Where the inputs lie.
    method : {"ibp", "crown"}
        "crown" takes the tighter of both for what enters a nonlinear node. Layers of
        more than 2048 entries are bounded by norms instead of lines.
    """
    bounds = LayerBounds(balls, [], [], {}, method)
    for k, node in enumerate(propagation.nodes):
        if node.kind in ("slope", "maximum"):
            (entering,) = node.inputs
            low, high = input_ends(propagation, bounds, entering)
            if node.kind == "slope":
                bounds.lines[k] = parallel_lines(
                    node.layer, low.flatten(1), high.flatten(1)
                )
            else:
                bounds.lines[k] = node.layer.lines(low, high, parallel=True)
        ends, size = _node_ends(propagation, bounds, node)
        if node.is_linear:
            ends = meet(ends, propagation.first_ends(balls, k, bounds))
        bounds.ends.append(ends)
        bounds.sizes.append(size)
        if method == "crown" and k + 1 < len(propagation.nodes) and _mixes(node):
            _tighten(propagation, bounds, k)
    return bounds


def _mixes(node):
    """Whether an entry behind a node is made of several that are not affine."""
    if node.is_linear:
        return False
    return node.kind == "sum" or (node.kind == "linear" and node.layer.mixes)


def input_ends(propagation, bounds, k):
    """Ends of a node, or of the input of the whole."""
    if k >= 0:
        return bounds.ends[k]
    return propagation.input_box(bounds.balls)


def _node_ends(propagation, bounds, node):
    given = [input_ends(propagation, bounds, k) for k in node.inputs]
    if node.kind == "linear":
        return linear_ends(node.layer, *given[0])
    low, high = given[0]
    if node.kind == "slope":
        return value_range(node.layer, low, high), None
    if node.kind == "maximum":
        return (node.layer.apply(low), node.layer.apply(high)), None
    if node.kind == "stack":
        axis = node.layer + 1
        return tuple(
            torch.cat(ends, dim=axis) for ends in zip(*given, strict=True)
        ), None
    low, high = sum(g[0] for g in given), sum(g[1] for g in given)
    size = sum(torch.maximum(g[0].abs(), g[1].abs()) for g in given)
    room = gamma(len(given)) * size
    return (low - room, high + room), None


def linear_ends(layer, low, high):
    """Ends behind a linear map, and the sizes of what was added up there."""
    if layer.is_exact:
        return (layer.apply(low), layer.apply(high)), None
    rate = gamma(layer.terms_in)
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    # The midpoint and the half were rounded themselves.
    largest = torch.maximum(low.abs(), high.abs())
    half = half + (3.0 * rate) * (largest + FLOOR)
    center = layer.apply(middle)
    reach = layer.apply(half, power=1) * (1.0 + 2.0 * rate)
    size = layer.apply(largest, power=1) * (1.0 + 2.0 * rate)
    if layer.bias is not None:
        center, size = center + layer.bias, size + layer.bias.abs()
    room = reach + 4.0 * UNIT * (center.abs() + size) + FLOOR
    return (center - room, center + room), size


def _tighten(propagation, bounds, k):
    """Meet the ends of a node with those of other bounds."""
    node = propagation.nodes[k]
    if node.size <= MOST_NEURONS:
        bounds.ends[k] = meet(bounds.ends[k], _by_lines(propagation, bounds, k))
    else:
        bounds.ends[k] = meet(bounds.ends[k], propagation.norm_ends(bounds, k))


def _by_lines(propagation, bounds, k):
    """Ends of all entries of a node by lines of one slope on both sides."""
    node = propagation.nodes[k]
    n = len(bounds.balls)
    identity = torch.eye(node.size, dtype=torch.float64, device=propagation.device)
    step = max(1, CHUNK // (n * propagation.widest))
    lows, highs = [], []
    for start in range(0, node.size, step):
        rows = identity[start : start + step].reshape(1, -1, *node.shape)
        center, room = Backward(propagation, bounds).both(k, rows, bounds.lines)
        lows.append(center - room)
        highs.append(center + room)
    shape = (n, *node.shape)
    return tuple(torch.cat(x, dim=1).reshape(shape) for x in (lows, highs))
