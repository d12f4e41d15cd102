# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The Lipschitz step (10b) of paper 001's ADMM, for both of its modes and any depth.

The weights that it returns are proven to be feasible as they are stored: whatever the
tolerance, the given multipliers certify the returned bound for them.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from sklip._threads import limit_threads
from sklip.bounds import Chain, is_feasible
from sklip.exceptions import InfeasibleCertificateError
from sklip.training._lipschitz_step.inputs import check_step
from sklip.training._lipschitz_step.newton import project
from sklip.training._lipschitz_step.spectral_ball import SpectralBall

__all__ = [
    "StepResult",
    "StepState",
    "feasible_weights",
    "first_bound",
    "lipschitz_step",
    "unproven_step",
]

# Singular values at one, for the estimate of an operation's work.
_TYPICAL_RANK = 32
# Where the search for a free bound begins, beside what leaves the first layer alone.
_FIRST_SHARE = 0.8
# The bound of a network whose first layer is zero: any would do.
_SMALLEST_BOUND = 2.0**-400
# Times that the weights are shrunk, each four times more, until the proof succeeds;
# the first allows for the proof's own rounding and for the cast.
_MAX_SHRINKS = 20


@dataclass(frozen=True, eq=False)
class StepState:
    """Where the next step starts: factor of the multiplier, and the bound it is for.

    The factor's rows are units, those of even layers first.
    """

    factor: np.ndarray
    bound: float

    def start(self, step, bound):
        """The factor for another bound; None if it is that of another network."""
        factor = step.to_core(self.factor)
        if factor is not None:
            factor[: step.core[0].shape[1]] *= bound / self.bound
        return factor


@dataclass(frozen=True, eq=False)
class StepResult:
    """Outcome of a Lipschitz step."""

    # Of shape (n_out, n_in): W_0 ... W_l in float64, exactly representable in the dtype
    # asked for.
    weights: list
    bound: float  # L that the multipliers certify for these weights
    state: StepState | None  # warm start of the next step
    # Products with the dual's second derivative; iterations of a general solver.
    n_iter: int
    # Relative gap between the objective and its lower bound, before rounding; nan from
    # a general solver.
    residual: float


def lipschitz_step(
    targets,
    multipliers,
    *,
    slopes,
    bound=None,
    weight=None,
    rho=1.0,
    tol=1e-4,
    state=None,
    dtype=np.float64,
):
    """Move weights to the nearest ones that multipliers certify.

    Parameters
    ----------
    targets : sequence of array-like of shape (n_out, n_in)
        V_k = W_k + Y_k / rho, first layer first.
    multipliers : sequence of array-like of shape (n_k,)
        The diagonals of T_1 ... T_l, one for each hidden layer, all positive.
    slopes : sequence of float, (float, float), str or Activation
        Largest slope beta of each hidden layer's activation, its sector [0, beta], or
        the activation.
    bound : float, default=None
        L to enforce ((12) of paper 001): min 1/2 sum ||W_k - V_k||_F^2.
    weight : float, default=None
        mu of the regularised problem (9): min mu L^2 + rho/2 sum ||W_k - V_k||_F^2
        over L as well. Exactly one of bound and weight is given.
    rho : float, default=1.0
        Penalty of ADMM; used with weight only.
    tol : float, default=1e-4
        Gap between the objective and a lower bound of it, over the objective.
    state : StepState, default=None
        The last result's, where the targets have moved a little since.
    dtype : dtype, default=numpy.float64
        What the weights will be stored in; they are feasible after the cast.

    Returns
    -------
    result : StepResult
        Weights for which ``is_feasible`` holds with L and d = (2T)^(1/2).

    Raises
    ------
    ValueError
        If shapes do not fit, a value is out of range or not finite, or a slope sector
        does not start at 0: the condition is not convex in W then (Remark 2).
    InfeasibleCertificateError
        If the multipliers or the bound are too extreme for a proof in float64.

    Notes
    -----
    (10b), Remark 4 and Theorem 8 of paper 001 (P15, P17, P20). It runs on the CPU, in
    float64, whatever device the network is trained on.

    Examples
    --------
    >>> import numpy as np
    >>> from sklip.training import lipschitz_step
    >>> targets = [np.array([[3.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 1.0]])]
    >>> result = lipschitz_step(targets, [[1.0, 1.0]], slopes=["relu"], bound=2.0)
    >>> [w.shape for w in result.weights], result.bound
    ([(2, 2), (1, 2)], 2.0)
    """
    step = check_step(targets, multipliers, slopes, bound, weight, rho, tol, dtype)
    return _solved(step, state)


def unproven_step(
    targets, multipliers, *, slopes, bound=None, weight=None, rho, tol, state, dtype
):
    """:func:`lipschitz_step` without its proof, for steps that others follow.

    The proof would take a tenth of the time of a small step. The weights are shrunk
    for it all the same: one that comes later succeeds, as a rule.
    """
    step = check_step(targets, multipliers, slopes, bound, weight, rho, tol, dtype)
    return _solved(replace(step, is_proven=False), state)


def _solved(step, state):
    work = _TYPICAL_RANK * max(v.size for v in step.targets)
    with limit_threads(work), np.errstate(under="ignore"):
        if step.bound is not None:
            return _enforce(step, state)
        return _regularise(step, state)


def _ball(step, bound, price=None):
    return SpectralBall(step.core, step.multipliers, step.slopes, bound, price)


def _start(step, state, bound):
    return None if state is None else state.start(step, bound)


def _enforce(step, state):
    found = project(_ball(step, step.bound), step.tol, _start(step, state, step.bound))
    weights = _feasible(step, found, step.bound)
    state = StepState(step.from_core(found.point.factor), step.bound)
    return StepResult(weights, step.bound, state, found.n_iter, found.residual)


def _feasible(step, found, bound):
    if not found.point.factor.size:
        return feasible_weights(step, step.targets, bound, is_inside=True)
    return feasible_weights(step, _weights(step, found), bound)


def _weights(step, found):
    return step.weights_from_core(found.feasible.weights)


def _regularise(step, state):
    if not np.any(step.targets[0]):
        return _constant_network(step, state)
    bound = _FIRST_SHARE * first_bound(step) if state is None else state.bound
    ball = _ball(step, bound, step.weight / step.rho)
    found = project(ball, step.tol, _start(step, state, bound))
    bound = found.point.problem.bound
    weights = _feasible(step, found, bound)
    state = StepState(step.from_core(found.point.factor), bound)
    return StepResult(weights, bound, state, found.n_iter, found.residual)


def _constant_network(step, state):
    """The first layer's target is zero, so that every L is feasible: a smallest one."""
    found = project(_ball(step, 1.0), step.tol, _start(step, state, 1.0))
    weights = _weights(step, found)
    weights[0] = np.zeros_like(weights[0])
    weights = feasible_weights(step, weights, _SMALLEST_BOUND)
    state = StepState(step.from_core(found.point.factor), 1.0)
    return StepResult(weights, _SMALLEST_BOUND, state, found.n_iter, found.residual)


def first_bound(step):
    """Norm of the first block's rows: no smaller L leaves the first layer alone."""
    rows = _ball(step, 1.0).blocks[0]
    rows = rows if len(rows) < rows.shape[1] else rows.T
    return math.sqrt(np.linalg.norm(rows @ rows.T, 2))


def feasible_weights(step, weights, bound, *, is_inside=False):
    """The weights in their dtype, divided by as little as makes them provably feasible.

    Parameters
    ----------
    step : StepInput
        Multipliers, slopes and dtype.
    weights : sequence of ndarray
        Feasible but for rounding.
    bound : float
        L.
    is_inside : bool, default=False
        Whether they may well be feasible as they are.

    Returns
    -------
    weights : list of ndarray
        Float64 arrays.
    """
    sectors = tuple((0.0, b) for b in step.slopes)
    rounding = (max(step.sizes) + 8) * sum(step.sizes) * np.finfo(np.float64).eps
    if step.dtype.itemsize < 8:
        # A cast changes Z by no more than this times its Frobenius norm, whose singular
        # values are one at most: one proof is enough, as a rule.
        rank = min(sum(step.sizes[::2]), sum(step.sizes[1::2]))
        rounding += 0.5 * np.finfo(step.dtype).eps * math.sqrt(rank)
    shrinks = [4.0**k * rounding for k in range(_MAX_SHRINKS)]
    for shrink in (0.0, *shrinks) if is_inside else shrinks:
        stored = [
            (w * (1.0 - shrink)).astype(step.dtype).astype(np.float64) for w in weights
        ]
        if not step.is_proven:
            return stored
        chain = Chain(tuple(stored), (None,) * len(stored), sectors)
        if is_feasible(chain, bound, step.multipliers):
            return stored
    raise InfeasibleCertificateError(
        "No weights could be proven for these multipliers and this bound in float64: "
        "they are too extreme. Rescale the network, or choose other multipliers."
    )
