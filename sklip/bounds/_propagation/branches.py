# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Linear bounds over parts of a ball that are cut out by neurons' signs.

For networks of hinges max(l z, r z), l <= r: ReLU, leaky ReLU, the absolute value.

A part is where chosen pre-activations have chosen signs s. For beta >= 0 the bound of
f - sum beta s z over the whole ball is one of f over the part (beta-CROWN), and beta is
optimised together with the slopes of the lines.
"""

from dataclasses import dataclass

import torch

from sklip._floats import tensor_lengths
from sklip.bounds._propagation.ascent import Ascent
from sklip.bounds._propagation.linear import linear_lower

__all__ = ["PartBounds", "lower_by_multipliers", "lower_over_parts"]


@dataclass(frozen=True, eq=False)
class PartBounds:
    """What is known of one linear function of the outputs over some parts."""

    lower: torch.Tensor  # of shape (n_parts,): proven lower bounds
    # Of shape (n_parts, n_inputs): coefficients of the inputs in the bound: downhill
    # lies the point of the ball where it is attained.
    directions: torch.Tensor
    # Of shape (n_parts, n_k): what the bound loses at each neuron of each hidden layer
    # by not knowing its sign; 0 where it is known.
    gains: list
    # Of shape (n_parts,): the neuron to split, of all hidden ones; of parts above
    # ``enough`` any.
    choice: torch.Tensor
    # Of shape (n_parts, n_k): of the activations, of neurons whose sign is known.
    slopes: list
    # Of shape (n_parts, n_neurons, 2): slopes, as shares of their range, and
    # multipliers at the end, from which parts of these may start.
    start: torch.Tensor
    # Of (Tensor, Tensor): of each hidden layer, ends of shape (n_parts, n_k).
    intervals: list
    # Of shape (n_parts, n_first, n_moving): shares of the slopes of the first layer's
    # planes, float32, from which parts of these may start; None without planes.
    leaning: object = None


def lower_over_parts(
    propagation,
    balls,
    rows,
    signs,
    *,
    n_steps,
    enough,
    start=None,
    given=None,
    planes=False,
    leaning=None,
):
    """Bounds of ``rows @ outputs`` over parts of balls.

    Parameters
    ----------
    propagation : Propagation
        A network of hinges throughout.
    balls : Balls
        One for each part.
    rows : Tensor of shape (n_parts, 1, n_outputs)
        Coefficients of the outputs.
    signs : list of Tensor of shape (n_parts, n_k)
        For each hidden layer 1, -1, or 0 where the sign is free.
    n_steps : int
        Steps of ascent.
    enough : float
        They end when all bounds are above it.
    start : Tensor of shape (n_parts, n_neurons, 2), default=None
        Slopes and multipliers to start from.
    given : list of (Tensor, Tensor), default=None
        Of each hidden layer, ends that hold over the parts but for the signs. Layers
        above a sign are bounded again, the others taken as they are.
    planes : bool, default=False
        Upper planes for the first layer, if it is not too large.
    leaning : Tensor of shape (n_parts, n_first, n_moving), default=None
        Shares of their slopes to start from.

    Returns
    -------
    bounds : PartBounds
        Of each part.
    """
    if not propagation.n_hidden:
        norms = tensor_lengths(rows) * 1.001
        lower = linear_lower(propagation, balls, 0, rows, norms, [], [])
        return PartBounds(
            lower[:, 0],
            rows[:, 0] @ propagation.layers[0].weight,
            [],
            rows.new_zeros(len(rows), dtype=int),
            [],
            rows.new_zeros(len(rows), 0, 2),
            [],
        )
    with torch.no_grad():
        told = propagation, balls, rows, signs, start, given
        ascent = Ascent(*told, planes=planes, leaning=leaning)
    lower, directions, *layers = ascent.run(n_steps, enough)
    n = propagation.n_hidden
    coefficients, planar = layers[:n], layers[3 * n :]
    leaning, tilt = planar[:1], planar[1:]
    variables = layers[n : 2 * n], layers[2 * n : 3 * n]
    with torch.no_grad():
        gains = ascent.gains(coefficients)
        choice = ascent.choice(gains, *variables, leaning, ~(lower > enough))
    shares, multipliers = (torch.cat(x, 2) for x in variables)
    return PartBounds(
        lower,
        _over_inputs(propagation, directions, *tilt),
        gains,
        choice,
        ascent.known_slopes(),
        torch.stack([shares[:, 0], multipliers[:, 0]], dim=2),
        ascent.bounds.intervals,
        leaning[0].float() if leaning else None,
    )


def _over_inputs(propagation, directions, tilt=None):
    """Coefficients of the inputs for those of the first pre-activations."""
    found = directions @ propagation.layers[0].weight
    if tilt is not None:
        found[:, propagation.columns] += tilt
    return found


def lower_by_multipliers(propagation, balls, rows, signs, multipliers, given=None):
    """Bounds of ``rows @ outputs`` over parts, from given multipliers of the signs.

    Parameters
    ----------
    propagation, balls, rows, signs
        As for :func:`lower_over_parts`.
    multipliers : list of Tensor of shape (n_parts, n_k)
        For each hidden layer, >= 0.
    given
        As for :func:`lower_over_parts`.

    Returns
    -------
    lower : Tensor of shape (n_parts,)
        Proven for any multipliers.
    """
    with torch.no_grad():
        ascent = Ascent(propagation, balls, rows, signs, None, given)
        extra = [
            -(beta * sign)[:, None]
            for beta, sign in zip(multipliers, signs, strict=True)
        ]
        return ascent.lower(ascent.lines, extra)
