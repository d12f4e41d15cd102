# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What ADMM carries from one iteration to the next, and where it starts."""

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from sklip.bounds import lipsdp_bound

__all__ = [
    "SplitState",
    "find_multipliers",
    "refreshed",
    "rescaled",
    "scaled_multipliers",
    "start_state",
]

# How far the bound of multipliers may be from the best one.
_ACCURACY = 1e-3
# Multipliers of a layer are kept within this factor of their geometric mean, in which
# neurons count by what they pass on: one that does nothing has no multiplier of its
# own, and a solver may put it anywhere.
_SPREAD = 1e3
# A matrix smaller than the first counts as zero; a network whose product of norms is
# larger than the second has exploded.
_TINY, _HUGE = 1e-30, 1e60


@dataclass(frozen=True, eq=False)
class SplitState:
    """The variables of the augmented Lagrangian of paper 001 (P14), any depth."""

    weights: list  # of ndarray: W, as the loss step (10a) left them
    projected: list  # of ndarray: the certified copy of W
    dual: list  # of ndarray: Y, shaped like W
    multipliers: list  # of ndarray: T_k > 0 of the hidden layers
    bound: float  # L of the matrix inequality that ``projected`` satisfies
    rho: float  # penalty parameter
    # Where the next search for multipliers may begin; None where none was made.
    start: tuple | None = None


def start_state(network, multipliers, bound, rho):
    """State with W and its copy at the network's weights, and Y = 0.

    Parameters
    ----------
    network : FeedForward
        Where training starts.
    multipliers : {"lipsdp", "layer"} or list of ndarray
        T, or how to find it.
    bound : float or None
        The bound to enforce; None to regularise.
    rho : float
        Penalty parameter.

    Returns
    -------
    state : SplitState
        Scaled down where the network exceeds the bound. The copy is feasible for
        multipliers that were found here; given ones may need a Lipschitz step first.
    """
    given, start = not isinstance(multipliers, str), None
    if given:
        found, present = [np.array(t, dtype=float) for t in multipliers], bound or 1.0
    else:
        found, present, start = find_multipliers(network, multipliers)
    weights = [np.array(w) for w in network.weights]
    zeros = [np.zeros_like(w) for w in weights]
    state = SplitState(weights, weights, zeros, found, present, rho, start)
    return state if bound is None else rescaled(state, bound)


def rescaled(state, bound):
    """Spread the change to another bound evenly over the layers.

    The copy of the weights stays feasible: it is scaled down with the bound, or lies
    inside the set of a larger one.
    """
    factor = (bound / state.bound) ** (1.0 / len(state.weights))
    shrink = min(1.0, factor)
    return replace(
        state,
        weights=[shrink * w for w in state.weights],
        projected=[shrink * w for w in state.projected],
        multipliers=scaled_multipliers(state.multipliers, factor),
        bound=bound,
    )


def refreshed(state, network, kind, enforce):
    """State with the multipliers of the certified copy itself (Remark 3, P16).

    And which share of the bound they prove to be in use.
    """
    multipliers, present, start = find_multipliers(network, kind, state.start)
    share, state = present / state.bound, replace(state, start=start)
    if not enforce:
        return replace(state, multipliers=multipliers, bound=present), share
    factor = (1.0 / share) ** (1.0 / len(state.weights))
    return replace(state, multipliers=scaled_multipliers(multipliers, factor)), share


def scaled_multipliers(multipliers, factor):
    """Multipliers of the network whose matrices are all multiplied by factor."""
    n_matrices = len(multipliers) + 1
    return [t * factor ** (2 * (n_matrices - k)) for k, t in enumerate(multipliers, 1)]


def find_multipliers(network, kind, start=None):
    """Multipliers T of a network, and the bound that they are for.

    Parameters
    ----------
    network : FeedForward
        Slope sectors with alpha = 0.
    kind : {"lipsdp", "layer"}
        One for each neuron, or one for each layer.
    start : tuple or None
        What the search for a network nearby returned.

    Returns
    -------
    multipliers : list of ndarray
        One positive vector for each hidden layer.
    bound : float
        Positive.
    start : tuple or None
        For the next one.

    Raises
    ------
    OverflowError
        If the weights are so large that squares of bounds would overflow.
    """
    norms = [float(np.linalg.norm(w)) for w in network.weights]
    if not math.prod(max(1.0, norm) for norm in norms) < _HUGE:
        raise OverflowError("The weights have exploded.")
    if min(norms) < _TINY:
        return *_balanced(network), None
    options = {"per_layer": kind == "layer", "tol": _ACCURACY, "start": start}
    found = lipsdp_bound(network, **options)
    if found.multipliers is None:
        return *_balanced(network), found.start
    limited = [
        _limited(0.5 * d * d, before, behind)
        for d, (before, behind) in zip(
            found.multipliers, pairwise(network.weights), strict=True
        )
    ]
    return limited, found.value, found.start


def _limited(t, before, behind):
    """Multipliers of the layer between two matrices, none of them out of the way."""
    passed = np.linalg.norm(before, axis=1) * np.linalg.norm(behind, axis=0)
    if not passed.any():
        passed = np.ones_like(t)
    middle = np.exp(np.average(np.log(t), weights=passed))
    return np.clip(t, middle / _SPREAD, middle * _SPREAD)


def _balanced(network):
    """Multipliers that prove the product of norms; a zero matrix counts as one."""
    norms = [float(np.linalg.norm(w, 2)) for w in network.weights]
    norms = [norm if norm > _TINY else 1.0 for norm in norms]
    slopes = [1.0, *(activation.sector[1] for activation in network.activations)]
    # T_k: squared norms from layer k on, times the squared slopes behind them.
    tails = np.cumprod([(b * n) ** 2 for b, n in zip(slopes, norms, strict=True)][::-1])
    tails = tails[::-1]
    multipliers = [
        np.full(len(w), tail / b**2)
        for w, tail, b in zip(network.weights, tails[1:], slopes[1:], strict=False)
    ]
    return multipliers, math.sqrt(tails[0])
