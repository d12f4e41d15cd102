# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Hidden layers' bounds, tightened by lines whose slopes are optimised.

The bound of an output only rises when a hidden interval shrinks. So the slopes of each
neuron's own two bounds are optimised against that neuron, from the second hidden layer
upwards, each layer with what the layers below have gained (alpha-CROWN, Xu et al., ICLR
2021, with slopes of its own for every neuron of every layer). What is linear over its
interval gains nothing and is left out.
"""

import torch

from sklip.bounds._propagation.bounds import HiddenBounds, all_lines, meet
from sklip.bounds._propagation.linear import parallel_bounds
from sklip.bounds._propagation.lines import (
    adaptive_lines,
    parallel_lines,
    slope_range,
)
from sklip.bounds._propagation.planes import has_planes
from sklip.bounds._propagation.slopes import improved_lower

__all__ = ["tightened"]

# Coefficients of one block of rows.
_BLOCK_FLOATS = 2**21
# Slopes that differ by less are those of a line.
_SAME_SLOPE = 1e-6


def tightened(propagation, bounds, n_steps, some=True, further=None, *, planes=False):
    """Bounds of the hidden layers, nowhere wider than given ones.

    Parameters
    ----------
    propagation : Propagation
        Of the network whose layers are bounded.
    bounds : HiddenBounds
        Proven bounds.
    n_steps : int
        Steps of ascent for each bound of each neuron.
    some : Tensor of bool of shape (n_balls,), default=True
        Balls that are worth it.
    further : callable, default=None
        ``further(k, below, low, high)`` gives ends of layer k that are proven as well,
        from those of the layers below.
    planes : bool, default=False
        Upper planes for the first layer, if it is not too large: tighter, at many times
        the cost.

    Returns
    -------
    bounds : HiddenBounds
        Proven. Those of one ball do not depend on the others.
    """
    if n_steps == 0 or propagation.n_hidden < 2:
        return bounds
    balls, known = bounds.balls, list(bounds.intervals[:1])
    for k in range(1, propagation.n_hidden):
        below = HiddenBounds(balls, known, bounds.method)
        low, high = meet(
            bounds.intervals[k], propagation.interval_step(k - 1, *known[-1])
        )
        lines, sizes = all_lines(propagation, below, parallel_lines)
        low, high = meet(
            (low, high), parallel_bounds(propagation, balls, k, lines, sizes)
        )
        low, high = _layer(propagation, below, k, low, high, n_steps, some, planes)
        if further is not None:
            low, high = meet((low, high), further(k, known, low, high))
        known.append((low, high))
    return HiddenBounds(balls, known, bounds.method)


def _layer(propagation, below, k, low, high, n_steps, some, planes):
    """Ends of a layer, from bounds of those below."""
    least, most = slope_range(propagation.layers[k].shape, low, high)
    is_open = most - least > _SAME_SLOPE
    if some is not True:
        is_open = is_open & some[:, None]
    samples, neurons = torch.nonzero(is_open, as_tuple=True)
    low, high = low.clone(), high.clone()
    widest = max(len(layer.weight) for layer in propagation.layers[: k + 1])
    planes = planes and has_planes(propagation)
    if planes:
        widest = max(widest, propagation.moving.numel())
    step = max(1, _BLOCK_FLOATS // widest)
    for start in range(0, len(samples), step):
        at = samples[start : start + step], neurons[start : start + step]
        ends = [
            side * _improved(propagation, below[at[0]], k, at[1], side, n_steps, planes)
            for side in (1.0, -1.0)
        ]
        # NaN (an overflow on the way) proves nothing.
        low[at] = torch.fmax(low[at], ends[0])
        high[at] = torch.fmin(high[at], ends[1])
    return low, torch.maximum(high, low)


def _improved(propagation, below, k, neurons, side, n_steps, planes):
    """Lower bounds of ``side`` times one neuron of each ball."""
    weight = propagation.layers[k].weight
    rows = weight.new_zeros(len(neurons), 1, len(weight))
    rows[torch.arange(len(neurons)), 0, neurons] = side
    lines, _ = all_lines(propagation, below, adaptive_lines)
    norms = rows.new_full((1, 1), 1.001)
    # Once its sign is known, a hinge is linear: no tighter bound is of use.
    enough = 0.0 if propagation.layers[k].shape.hinge is not None else torch.inf
    told = rows, norms, lines, n_steps, enough
    found = improved_lower(propagation, below, *told, k=k, planes=planes)
    return found[:, 0]
