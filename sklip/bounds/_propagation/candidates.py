# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Which neuron of a part to split: a look ahead at the halves of a few."""

from dataclasses import replace

import torch

from sklip._floats import tensor_lengths
from sklip.bounds._propagation.linear import linear_lower
from sklip.bounds._propagation.lines import Lines
from sklip.bounds._propagation.planes import LinesAndPlanes

__all__ = ["best_split"]

# Neurons whose halves are bounded before one is split.
_CANDIDATES = 6


def best_split(propagation, balls, rows, gains, lines, sizes, extra):
    """The neuron that leaves the best bound of one of its halves.

    That half is nearly done, and what is left of the part is the other one. Slopes and
    multipliers are kept. (By the worse half it takes twice as many parts.)

    Parameters
    ----------
    propagation : Propagation
        A network of hinges.
    balls : Balls
        One for each part.
    rows : Tensor of shape (n_parts, 1, n_outputs)
        Coefficients of the outputs.
    gains : Tensor of shape (n_parts, n_neurons)
        What the bound loses at each neuron, which says whose halves are tried; 0 where
        its sign is known.
    lines, sizes, extra
        As for :func:`linear_lower`.

    Returns
    -------
    neuron : Tensor of int of shape (n_parts,)
        One with a gain, if there is one.
    """
    n = min(_CANDIDATES, gains.shape[1])
    most, neurons = gains.topk(n, dim=1)
    if n < 2 or len(rows) == 0:
        return neurons[:, 0]
    halved, start = [], 0
    for line, layer in zip(lines, propagation.layers, strict=False):
        halved.append(_halved(line, neurons - start, layer.shape.hinge))
        start += line.lower.shape[-1]
    halves = linear_lower(
        propagation,
        balls,
        propagation.n_hidden,
        rows.expand(-1, 2 * n, -1),
        tensor_lengths(rows) * 1.001,
        halved,
        sizes,
        extra,
    )
    better = torch.fmax(halves[:, :n], halves[:, n:])
    # Neurons that cannot be split have no gain.
    better = torch.where(most > 0.0, better, -torch.inf).nan_to_num(-torch.inf)
    return neurons.gather(1, better.argmax(dim=1, keepdim=True))[:, 0]


def _halved(lines, neurons, hinge):
    """Lines of one layer for each of some neurons with its sign up, then down.

    ``neurons`` outside of the layer change nothing.
    """
    n, width = neurons.shape[1], lines.lower.shape[-1]
    at = torch.nonzero((neurons >= 0) & (neurons < width), as_tuple=True)
    parts = [
        x.expand(len(neurons), 2 * n, -1).clone()
        for x in (lines.lower, lines.below, lines.upper, lines.above)
    ]
    for k, slope in enumerate(hinge[::-1]):
        place = at[0], at[1] + k * n, neurons[at]
        parts[0][place] = parts[2][place] = slope
        parts[1][place] = parts[3][place] = 0.0
    if not isinstance(lines, LinesAndPlanes):
        return Lines(*parts)
    where = lines.planes.where.expand(len(neurons), 2 * n, -1).clone()
    for k in range(2):
        where[at[0], at[1] + k * n, neurons[at]] = 0.0
    return LinesAndPlanes(*parts, replace(lines.planes, where=where))
