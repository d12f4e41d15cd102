# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""LipSDP by sweeps over its dual, as evidence, and how many of them "auto" grants."""

import math
import time
from dataclasses import replace

from sklip.bounds._chain import chain_of
from sklip.bounds._evidence import Evidence
from sklip.bounds._lipsdp.low_rank import low_rank_method, sweep_work
from sklip.bounds._lipsdp.sequential import SequentialPasses, sequential_bound

__all__ = [
    "below",
    "deadline_of_solver",
    "granted_sweeps",
    "is_settled",
    "swept",
    "swept_bound",
]

# Seconds that are kept for the proof, over those that the sequential bound took.
_PROOF_SHARE = 1.5
# Multiply-adds that are spent where "auto" chooses sweeps (some seconds), and the
# fewest sweeps that are worth it.
_AUTO_WORK, _FEWEST_SWEEPS = 3e10, 100


def is_settled(chain):
    """One matrix after merging, or a constant network: nothing is left to solve."""
    return len(chain) == 1 or any(not w.any() for w in chain.weights)


def swept_bound(network, *, tol=1e-6, time_limit=None, n_sweeps=math.inf):
    """Bound by LipSDP with no matrix but the weights, until the proof.

    Parameters
    ----------
    network : FeedForward
        What is bounded.
    tol : float, default=1e-6
        Relative gap at which it stops, if it gets there.
    time_limit : float, default=None
        Seconds after which it stops with the best bound so far.
    n_sweeps : int
        Sweeps after which it stops.

    Returns
    -------
    evidence : Evidence
        Proven, and never above the sequential bound; ``lower`` is a dual value of
        LipSDP.
    """
    begin = time.monotonic()
    passes = SequentialPasses(chain_of(network))
    sequential = sequential_bound(network, passes)
    if is_settled(passes.chain):
        return replace(sequential, method="lipsdp")
    deadline = deadline_of_solver(begin, time_limit)
    return below(sequential, swept(passes.chain, tol, deadline, n_sweeps=n_sweeps))


def deadline_of_solver(begin, time_limit):
    """Until when a solver may go on for its proof to end in time.

    Asked right after the sequential bound, whose proof costs as much, from ``begin``.
    """
    if time_limit is None:
        return math.inf
    return begin + time_limit - _PROOF_SHARE * (time.monotonic() - begin)


def swept(chain, tol, deadline, *, point=None, n_sweeps=math.inf):
    """Evidence of sweeps from a point, or a drawn one; None where they find none."""
    if time.monotonic() > deadline:
        return None
    found = low_rank_method(chain, tol, deadline, point=point, n_sweeps=n_sweeps)
    if found is None:
        return None
    evidence = Evidence.of_multipliers(
        found.value,
        found.multipliers,
        "lipsdp",
        solved=found.lipschitz,
        lower=found.lower,
    )
    start = found.value, found.multipliers, found.point
    return replace(evidence, start=start)


def below(sequential, found):
    """Evidence of LipSDP, or None, as one that is never above the sequential bound."""
    if found is None:
        return replace(sequential, method="lipsdp")
    if found.value < sequential.value:
        return found
    lower = min(found.lower, sequential.value)
    return replace(sequential, method="lipsdp", lower=lower, start=found.start)


def granted_sweeps(network):
    """Sweeps that "auto" grants: 0 where too few pay."""
    granted = _AUTO_WORK / max(sweep_work(chain_of(network)), 1.0)
    return int(granted) if granted >= _FEWEST_SWEEPS else 0
