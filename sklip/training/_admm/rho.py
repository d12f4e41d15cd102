# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""How rho of ADMM follows the iterations."""

import math

import numpy as np

__all__ = ["FIRST_RHO", "adapted_rho", "binds", "norm", "rho_that_binds"]

# Where a rho that adapts itself starts.
FIRST_RHO = 0.1
# "forces" brings Y to the first number of times rho V; the second is rho's largest
# change in an iteration.
_FORCE, _STEP = 0.5, 1.25
# "residuals": rho moves by the second number where one residual is the first number of
# times the other.
_IMBALANCE, _FACTOR = 5.0, 2.0
_SMALLEST, _LARGEST = 1e-8, 1e8
# Forces below this share of rho V are those of rounding.
_NO_FORCE = 1e-3


def adapted_rho(rule, state, primal, dual):
    """rho of the next iteration.

    Parameters
    ----------
    rule : {"forces", "residuals"} or None
        "forces" makes the norm of Y, the force that holds the weights at the bound,
        half of the norm of rho V: with a much smaller rho these forces are not found in
        the iterations there are, with a much larger one the weights hardly move, and
        stochastic loss steps hide the difference from the residuals. "residuals" is
        residual balancing [1]_, with relative residuals. None keeps rho.
    state : SplitState
        What the iteration left.
    primal, dual : float
        Its relative residuals.

    Returns
    -------
    rho : float
        Positive.

    References
    ----------
    .. [1] S. Boyd, N. Parikh, E. Chu, B. Peleato, J. Eckstein, "Distributed
       optimization and statistical learning via the alternating direction method of
       multipliers", Foundations and Trends in Machine Learning, 2011, 3.4.1.
    """
    rho = state.rho
    size = _FORCE * norm(state.projected)
    if rule == "forces" and size > 0.0:
        goal = norm(state.dual) / size
        rho = min(max(goal, rho / _STEP), rho * _STEP)
    elif rule == "residuals" and primal > _IMBALANCE * dual:
        rho *= _FACTOR
    elif rule == "residuals" and dual > _IMBALANCE * primal:
        rho /= _FACTOR
    return rho if rule is None else min(max(rho, _SMALLEST), _LARGEST)


def rho_that_binds(rule, before, state):
    """rho of a state whose bound has just begun to bind.

    Without forces "forces" lets rho fall, and with a tiny one they would not be found
    in the iterations that are left.
    """
    begins = binds(state) and not binds(before)
    return max(state.rho, FIRST_RHO) if rule == "forces" and begins else state.rho


def binds(state):
    """Whether a force holds the weights at the bound, and not rounding alone."""
    return norm(state.dual) > _NO_FORCE * state.rho * norm(state.projected)


def norm(arrays):
    """Euclidean norm of all entries."""
    return math.sqrt(sum(float(np.vdot(a, a)) for a in arrays))
