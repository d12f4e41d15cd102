# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The semidefinite bound of one part of a ball, and what it says of the next split."""

from dataclasses import dataclass

import numpy as np

from sklip.bounds._propagation import cut_bounds
from sklip.bounds._semidefinite.interior_point import multipliers_of
from sklip.bounds._semidefinite.proof import proven_lower
from sklip.bounds._semidefinite.relaxation import relaxation_over

__all__ = ["MomentBound", "has_moments", "moment_bound"]

# Entries of y: with more a bound is dearer than further splits by far.
_MOST_ENTRIES = 400


@dataclass(frozen=True, eq=False)
class MomentBound:
    """What is known of one part."""

    lower: float  # proven
    # Of shape (n_moving,): where the relaxation is worst, in units of the radius.
    point: np.ndarray
    choice: int | None  # the neuron to split, of all hidden ones
    ends: np.ndarray  # of shape (2, n_neurons): of the hidden neurons in the part


def has_moments(propagation):
    """Whether a network is one of hinges, small enough, in l2 or linf."""
    *hidden, _ = propagation.layers
    hinges = [layer.shape.hinge is not None for layer in hidden]
    n_neurons = sum(len(layer.weight) for layer in hidden)
    n_moving = propagation.moving.shape[1]
    small = min(n_neurons, n_moving) > 0 and n_moving + n_neurons < _MOST_ENTRIES
    return small and all(hinges) and propagation.norm != 1.0


def moment_bound(propagation, ball, row, signs, ends, target, deadline=np.inf):
    """Bound of ``row @ outputs`` over one part of a ball.

    Parameters
    ----------
    propagation : Propagation
        Of a network that :func:`has_moments`.
    ball : Balls
        One.
    row : ndarray of shape (n_outputs,)
        Coefficients of the outputs.
    signs : ndarray of shape (n_neurons,)
        1, -1, or 0 where a hidden neuron's sign is free.
    ends : ndarray of shape (2, n_neurons)
        Of all hidden neurons over the part but for the signs.
    target : float
        The search for multipliers ends above it, or where it is out of reach.
    deadline : float, default=inf
        Of the monotonic clock.

    Returns
    -------
    bound : MomentBound or None
        None where the arithmetic failed.
    """
    sizes = np.cumsum([len(layer.weight) for layer in propagation.layers[:-1]])[:-1]
    tensor = propagation.tensor
    cuts = [tensor(s)[None] for s in np.split(signs, sizes)]
    given = [(tensor(a)[None], tensor(b)[None]) for a, b in _pairs(ends, sizes)]
    known = cut_bounds(propagation, ball, cuts, given).intervals
    known = [(low[0].numpy(), high[0].numpy()) for low, high in known]
    layers = np.split(signs, sizes)
    with np.errstate(all="ignore"):
        relaxation = relaxation_over(propagation, ball, row, layers, known)
        solution = multipliers_of(relaxation, target, deadline)
        if solution is None:
            return None
        lower = proven_lower(solution.form, solution.x)
        mean = solution.X[0] / solution.X[0, 0]
    return MomentBound(
        lower,
        mean[1 : 1 + relaxation.n_inputs],
        _choice(solution, mean),
        np.concatenate([np.stack(pair) for pair in known], axis=1),
    )


def _pairs(ends, sizes):
    return [tuple(part) for part in np.split(ends, sizes, axis=1)]


def _choice(solution, mean):
    """The hinge whose mean is furthest from its graph, by what that is worth."""
    relaxation = solution.form.relaxation
    neurons, p, q, products = relaxation.hinges.T
    if len(neurons) == 0:
        return None
    worth = np.abs(solution.form.multipliers(solution.x)[1 + products])
    gaps = (relaxation.forms[p] @ mean) * (relaxation.forms[q] @ mean)
    return int(neurons[(worth * gaps).argmax()])
