# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""LipSDP without its matrices: the first-order method, and when "auto" takes it."""

import math
import time
from dataclasses import replace

import numpy as np

from sklip.bounds._chain import chain_of
from sklip.bounds._evidence import Evidence
from sklip.bounds._lipsdp.rescale import evaluation_work, tightened_multipliers
from sklip.bounds._lipsdp.sequential import SequentialPasses, sequential_bound

__all__ = [
    "first_order",
    "first_order_bound",
    "first_order_evaluations",
    "is_settled",
    "solves_quickly",
]

# Barrier weights at most; the last ones earn digits of the lower end alone.
_STAGES = 10
# Multiply-adds that are spent where "auto" chooses it (about ten seconds), the fewest
# evaluations that are worth it, and what the barrier method takes, in cubes of N.
_AUTO_WORK, _FEWEST_EVALUATIONS, _BARRIER_CUBES = 3e10, 10, 12


def is_settled(chain):
    """One matrix after merging, or a constant network: nothing is left to solve."""
    return len(chain) == 1 or any(not np.any(w) for w in chain.weights)


def first_order_bound(network, *, tol=1e-6, time_limit=None, n_evaluations=math.inf):
    """Bound by LipSDP's first-order method, whose matrices are no larger than a layer.

    Parameters
    ----------
    network : FeedForward
        What is bounded.
    tol : float, default=1e-6
        Relative gap at which it stops, if it gets there.
    time_limit : float, default=None
        Seconds after which it stops with the best bound so far.
    n_evaluations : int
        Evaluations after which it stops.

    Returns
    -------
    evidence : Evidence
        Proven, and never above the sequential bound; ``lower`` is the dual value of
        LipSDP that the last steps give.
    """
    passes = SequentialPasses(chain_of(network))
    return first_order(network, passes, tol, time_limit, n_evaluations)


def first_order(
    network, passes, tol, time_limit, n_evaluations=math.inf, *, known=None
):
    """The first-order bound; ``known`` is the sequential one, where it is known."""
    deadline = math.inf if time_limit is None else time.monotonic() + time_limit
    sequential = sequential_bound(network, passes) if known is None else known
    if is_settled(passes.chain):
        return replace(sequential, method="lipsdp")
    for start in passes:
        found = tightened_multipliers(
            passes.chain,
            *start,
            n_stages=_STAGES,
            tol=tol,
            n_evaluations=n_evaluations,
            deadline=deadline,
        )
        if found is None:
            continue
        if found.value < sequential.value:
            return Evidence.of_multipliers(
                found.value,
                found.multipliers,
                "lipsdp",
                solved=found.value,
                lower=found.lower,
            )
        lower = min(found.lower, sequential.value)
        return replace(sequential, method="lipsdp", lower=lower)
    return replace(sequential, method="lipsdp")


def solves_quickly(network):
    """Whether the barrier method costs no more than "auto" grants."""
    neurons = sum(len(w) for w in chain_of(network).weights[:-1])
    return _BARRIER_CUBES * neurons**3 <= _AUTO_WORK


def first_order_evaluations(network):
    """Evaluations that "auto" grants the first-order method: 0 where too few pay."""
    granted = _AUTO_WORK / max(evaluation_work(chain_of(network)), 1.0)
    return int(granted) if granted >= _FEWEST_EVALUATIONS else 0
