# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Which neuron of a part to split: a look ahead at the halves of a few."""

from dataclasses import replace

import torch

from sklip._floats import tensor_lengths
from sklip.bounds._propagation.linear import linear_lower
from sklip.bounds._propagation.lines import Lines
from sklip.bounds._propagation.planes import LinesAndPlanes

__all__ = ["best_split", "halved_lines"]

# Neurons whose halves are bounded before one is split.
_CANDIDATES = 6


def best_split(
    propagation,
    balls,
    rows,
    gains,
    halved,
    extra,
    *,
    n=None,
    worth=torch.fmax,
    least=-torch.inf,
):
    """The neuron whose halves are worth most.

    By default by the better half: that one is nearly done, and what is left of the part
    is the other one. Slopes and multipliers are kept. (Of signs, by the worse half it
    takes twice as many parts.)

    Parameters
    ----------
    propagation : Propagation
        With hidden layers.
    balls : Balls
        One for each part.
    rows : Tensor of shape (n_parts, 1, n_outputs)
        Coefficients of the outputs.
    gains : Tensor of shape (n_parts, n_neurons)
        What the bound loses at each neuron, which says whose halves are tried; 0 where
        it cannot be split.
    halved : callable
        ``halved(neurons)``, for neurons of shape (n_parts, n): pairs of lines and sizes
        of each hidden layer, as for :func:`linear_lower`, with the first halves of the
        n neurons, then the second ones. The best of several pairs counts.
    extra : list of Tensor
        As for :func:`linear_lower`.
    n : int, default=6
        Neurons whose halves are tried.
    worth : callable, default=torch.fmax
        Of the bounds of the halves.
    least : float or Tensor of shape (n_parts,), default=-inf
        Where no neuron is worth that, it is the one with the largest gain.

    Returns
    -------
    neuron : Tensor of int of shape (n_parts,)
        One with a gain, if there is one.
    """
    n = min(_CANDIDATES if n is None else n, gains.shape[1])
    most, neurons = gains.topk(n, dim=1)
    if n < 2 or len(rows) == 0:
        return neurons[:, 0]
    halves = None
    for lines, sizes in halved(neurons):
        found = linear_lower(
            propagation,
            balls,
            propagation.n_hidden,
            rows.expand(-1, 2 * n, -1),
            tensor_lengths(rows) * 1.001,
            lines,
            sizes,
            extra,
        )
        halves = found if halves is None else torch.fmax(halves, found)
    found = worth(halves[:, :n], halves[:, n:])
    # Neurons that cannot be split have no gain.
    found = torch.where(most > 0.0, found, -torch.inf).nan_to_num(-torch.inf)
    found, best = found.max(dim=1)
    best = torch.where(found < least, 0, best)
    return neurons.gather(1, best[:, None])[:, 0]


def halved_lines(lines, neurons, halves):
    """Lines of one layer for each of some neurons with its first half, then the second.

    Parameters
    ----------
    lines : Lines
        Of the layer.
    neurons : Tensor of int of shape (n_parts, n)
        Counted in this layer; those outside of it change nothing.
    halves : sequence of Lines
        Of both halves of each neuron: numbers, or of shape (n_parts, width).
    """
    n, width = neurons.shape[1], lines.lower.shape[-1]
    at = torch.nonzero((neurons >= 0) & (neurons < width), as_tuple=True)
    parts = [
        (x if x.ndim == 3 else x[:, None]).expand(len(neurons), 2 * n, -1).clone()
        for x in _parts(lines)
    ]
    for k, half in enumerate(halves):
        place = at[0], at[1] + k * n, neurons[at]
        for part, x in zip(parts, _parts(half), strict=True):
            part[place] = x[at[0], neurons[at]] if x.ndim else x
    if not isinstance(lines, LinesAndPlanes):
        return Lines(*parts)
    where = lines.planes.where.expand(len(neurons), 2 * n, -1).clone()
    for k in range(2):
        where[at[0], at[1] + k * n, neurons[at]] = 0.0
    return LinesAndPlanes(*parts, replace(lines.planes, where=where))


def _parts(lines):
    return lines.lower, lines.below, lines.upper, lines.above
