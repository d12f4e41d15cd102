# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""LipSDP-Neuron and LipSDP-Layer: the tightest bounds by multipliers, proven.

One multiplier a neuron is found by sweeps over the dual (low_rank.py), for networks of
any size. Where those do not end, and for one multiplier a layer, the network is scaled
by the sequential bound's multipliers, so that the optimum is near one, and solved by an
interior-point method (interior_point.py, barrier.py and one_layer.py). No answer is
trusted: the multipliers are proven afterwards (see _proof).
"""

import math
import time
import warnings
from dataclasses import dataclass, replace

import numpy as np
import torch

from sklip._arguments import check_device, check_flag, check_positive, check_time_limit
from sklip.bounds._chain import chain_of, transposed
from sklip.bounds._evidence import Evidence
from sklip.bounds._lipsdp.barrier import barrier_method
from sklip.bounds._lipsdp.interior_point import interior_point
from sklip.bounds._lipsdp.low_rank import is_point_of
from sklip.bounds._lipsdp.one_layer import is_one_layer, one_layer_method
from sklip.bounds._lipsdp.problem import scaled_problem
from sklip.bounds._lipsdp.rescale import central_start
from sklip.bounds._lipsdp.sequential import SequentialPasses, sequential_bound
from sklip.bounds._lipsdp.swept import (
    below,
    deadline_of_solver,
    is_settled,
    swept,
)
from sklip.bounds._lipsdp.warm import begun_nearby, warm_interior_point
from sklip.bounds._proof import prove
from sklip.bounds._z import Z
from sklip.exceptions import CertificationWarning

__all__ = [
    "lipsdp_bound",
    "solve_lipsdp",
]

# Hidden neurons up to which the semidefinite program is solved by the primal-dual
# method, and by the barrier method, whose matrices take some gigabytes there, where the
# sweeps do not end.
_PRIMAL_DUAL_UP_TO, _DENSE_UP_TO = 400, 4500
# Sweeps from the point of a network nearby, at most: then it is not near.
_NEARBY_SWEEPS = 120
# Hidden neurons up to which one multiplier a layer costs less than one a neuron.
_PER_LAYER_UP_TO = 2000
# What is added to the smallest L^2 of a start for the barrier method.
_ROOM = 5e-4
# Factors by which the sequential bound is relaxed to become a strictly feasible start.
_RELAXATIONS = (1.2, 3.0, 10.0)


@dataclass(frozen=True)
class Solution:
    """A point of LipSDP, unproven."""

    lipschitz: float  # upper end of the bracket
    lower: float  # lower end, from the dual; 0 if none was found
    multipliers: tuple  # of ndarray: d = sqrt(2 T) for each hidden layer
    start: tuple | None = None  # (L, d) of a central point, for networks nearby


def lipsdp_bound(
    network,
    *,
    per_layer=False,
    tol=1e-6,
    time_limit=None,
    device="cpu",
    start=None,
):
    """Bound the l2 Lipschitz constant by LipSDP, with a proof.

    Parameters
    ----------
    network : FeedForward
        What is bounded.
    per_layer : bool, default=False
        One multiplier for each layer (LipSDP-Layer) instead of one for each neuron.
    tol : float, default=1e-6
        Relative gap between the bound and the optimum at which the solver stops.
    time_limit : float, default=None
        Seconds after which it stops with the best bound so far.
    device : {"cpu", "cuda", "auto"}, default="cpu"
        Where it computes, in float64.
    start : tuple, default=None
        The ``start`` of what an earlier call returned for a network of the same sizes
        with weights nearby: fewer steps the less they moved. The result differs by what
        ``tol`` leaves open, and by nothing where the networks are too far apart.

    Returns
    -------
    evidence : Evidence
        Proven, and never above the sequential bound; ``lower`` is the solver's dual
        value. ``start`` serves for the next call, and is None where nothing was
        solved.

    Warns
    -----
    CertificationWarning
        If the solver failed and the sequential bound is returned.

    Notes
    -----
    Theorem 1 of paper 001 (P7) for any depth and the registry's sectors. Multipliers
    for each neuron are found by sweeps over the dual, of low rank, that multiply the
    weights with thin matrices, always on the CPU. Where they do not end, up to 4500
    hidden neurons, and for LipSDP-Layer, it is solved by a primal-dual method or, above
    400 neurons, by a barrier method. Beyond 2000 neurons LipSDP-Layer has one
    multiplier a neuron, too.

    Examples
    --------
    >>> from sklip.bounds import lipsdp_bound, sequential_bound
    >>> from sklip.networks import random_network
    >>> network = random_network([4, 16, 16, 1], random_state=0)
    >>> lipsdp_bound(network).value < sequential_bound(network).value
    True
    """
    begin = time.monotonic()
    tol, time_limit = check_positive(tol, "tol"), check_time_limit(time_limit)
    device = check_device(device)
    method = "lipsdp-layer" if check_flag(per_layer, "per_layer") else "lipsdp"
    chain = chain_of(network)
    start, point = _checked_start(start, chain)
    n_neurons = sum(len(w) for w in chain.weights[:-1])
    per_layer = per_layer and n_neurons <= _PER_LAYER_UP_TO
    if not (per_layer or point is None or is_settled(chain)):
        # The other half is kept for the proof, and for a solve from the beginning.
        half = math.inf if time_limit is None else begin + 0.5 * time_limit
        found = swept(chain, tol, half, point=point, n_sweeps=_NEARBY_SWEEPS)
        if found is not None and _is_within(found, tol):
            return replace(found, method=method)
    passes = SequentialPasses(chain)
    sequential = sequential_bound(network, passes)
    if is_settled(chain):
        return replace(sequential, method=method)
    deadline, found = deadline_of_solver(begin, time_limit), None
    if not per_layer:
        found = below(sequential, swept(chain, tol, deadline))
        found = replace(found, method=method)
        is_late = time.monotonic() > deadline
        if is_late or n_neurons > _DENSE_UP_TO or _is_within(found, tol):
            return found
    solution = solve_lipsdp(
        passes,
        per_layer=per_layer,
        tol=tol,
        deadline=deadline,
        device=device,
        start=start if per_layer else None,
    )
    if solution is None and found is None:
        warnings.warn(
            "LipSDP could not be solved in float64 (extreme weights, or a slope sector "
            "of almost no width): the sequential bound is returned.",
            CertificationWarning,
            stacklevel=2,
        )
    other = _proven(chain, solution, sequential, method)
    return other if found is None else _both(found, other)


def _is_within(found, tol):
    return found.lower >= found.value * (1.0 - tol)


def _both(swept, other):
    """The better ends of two brackets."""
    best = min(swept, other, key=float)
    lower = min(best.value, max(swept.lower, other.lower))
    return replace(best, method=swept.method, lower=lower, start=swept.start)


def _proven(chain, solution, sequential, method):
    """Evidence of a solution, never above the sequential bound."""
    if solution is None:
        return sequential
    solved = solution.lipschitz
    proven = prove(chain, solved, solution.multipliers)
    if proven is None or proven[0] >= sequential.value:
        # Already optimal within tol, or stopped before it got below.
        lower = min(solution.lower, sequential.value)
        found = replace(sequential, method=method, lower=lower)
    else:
        lower = min(solution.lower, proven[0])
        found = Evidence.of_multipliers(*proven, method, solved=solved, lower=lower)
    return replace(found, start=solution.start)


def _checked_start(start, chain):
    """(L, d) of a start, or None, and its point of the dual, or None."""
    if start is None:
        return None, None
    try:
        lipschitz, d, *point = start
        d = [np.array(vector, dtype=np.float64) for vector in d]
        numbers = np.concatenate([[float(lipschitz)], *d])
        point = np.array(point[0]) if point else None
    except (TypeError, ValueError):
        numbers, point = np.zeros(1), None
    sizes = [(len(w),) for w in chain.weights[:-1]]
    positive = np.all((numbers > 0.0) & np.isfinite(numbers))
    fits = point is None or is_point_of(chain, point)
    if not (positive and fits) or [vector.shape for vector in d] != sizes:
        raise ValueError(
            "start must be what an earlier call for a network of the same sizes "
            "returned as start: a number and a vector for each hidden layer, all "
            "positive and finite."
        )
    return (float(lipschitz), d), point


def solve_lipsdp(
    passes, *, per_layer=False, tol=1e-6, deadline=math.inf, device="cpu", start=None
):
    """Solution of LipSDP for a chain of at least two matrices; None on failure.

    It begins at ``start``, the central point of a network nearby, if that helps, or
    else at the chain's sequential passes, relaxed.

    The transposed network has the same bound, and the smaller of the network's ends is
    the block of the input that the program keeps; the other is eliminated.
    """
    chain = passes.chain
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    is_transposed = min(chain.weights[-1].shape) < min(chain.weights[0].shape)
    solved = transposed(chain) if is_transposed else chain

    def oriented(lipschitz, d):
        return Z.of(chain, lipschitz, d).transposed() if is_transposed else d

    def solution(problem, optimum, point):
        found = _unscaled(problem, optimum, *point)
        return _transposed_back(found, solved.sectors) if is_transposed else found

    with torch.inference_mode():
        if start is not None:
            start = start[0], oriented(*start)
            how = {"per_layer": per_layer, "device": device}
            begun = begun_nearby(solved, start, **how)
            found = begun and warm_interior_point(begun[0], tol, deadline)
            if found and (_is_closed(found, tol) or time.monotonic() > deadline):
                return solution(begun[0], found, begun[1])
        for lipschitz, d in passes:
            d = oriented(lipschitz, d)
            for factor in _RELAXATIONS:
                point = Z.of(solved, lipschitz, d).inflated(
                    factor ** (1.0 / len(chain))
                )
                problem = scaled_problem(solved, *point, per_layer, device)
                optimum = _optimum(problem, tol, deadline)
                if optimum is not None:
                    return solution(problem, optimum, point)
    return None


def _optimum(problem, tol, deadline):
    """What the method for a program of this size finds; None on failure."""
    if is_one_layer(problem):
        found = one_layer_method(problem, tol, deadline)
        if found is None or _is_closed(found, tol) or time.monotonic() > deadline:
            return found
    if problem.per_layer or problem.n_neurons <= _PRIMAL_DUAL_UP_TO:
        return interior_point(problem, tol, deadline)
    weights = [w.cpu().numpy() for w in problem.weights]
    x = problem.initial()
    t = problem.multipliers(x).cpu().numpy()
    squared, t = central_start(weights, problem.sectors, t, deadline)
    x[0], x[1:] = squared * (1.0 + _ROOM), torch.as_tensor(t).to(x)
    found = barrier_method(problem, tol, deadline, x=x)
    if problem.n_neurons > _PER_LAYER_UP_TO or _is_closed(found, tol):
        return found
    # It stalled, or time is up, which the other one notices at once.
    other = interior_point(problem, tol, deadline)
    ends = [end for end in (found, other) if end is not None]
    if not ends:
        return None
    best = min(ends, key=lambda end: float(end.x[0]))
    lower = min(float(best.x[0]), max(end.lower for end in ends))
    return replace(best, lower=lower)


def _is_closed(found, tol):
    if found is None:
        return False
    return math.sqrt(found.lower) >= math.sqrt(float(found.x[0])) * (1.0 - tol)


def _transposed_back(solution, sectors):
    lipschitz, d = solution.start
    return replace(
        solution,
        multipliers=Z(solution.lipschitz, solution.multipliers, sectors).transposed(),
        start=(lipschitz, Z(lipschitz, d, sectors).transposed()),
    )


def _unscaled(problem, optimum, lipschitz, d):
    """The solution in the chain's units, of a program in units of (lipschitz, d)."""

    def point(x):
        t = problem.multipliers(x).cpu().numpy()
        multipliers = tuple(
            scale * np.sqrt(2.0 * t[layer])
            for scale, layer in zip(d, problem.layers, strict=True)
        )
        return lipschitz * math.sqrt(float(x[0])), multipliers

    solved, multipliers = point(optimum.x)
    lower = lipschitz * math.sqrt(max(optimum.lower, 0.0))
    return Solution(solved, lower, multipliers, point(optimum.central))
