# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Step (10b) of ADMM with its settings, for the native solver and for cvxpy."""

import math

import numpy as np

from sklip.training._admm.deploy import TARGET
from sklip.training._lipschitz_step import unproven_step

__all__ = ["SDP_SOLVERS", "LipschitzUpdate", "rounded"]

SDP_SOLVERS = ("native", "scs", "clarabel", "mosek")


def rounded(array, bits):
    """Entries rounded to so many significant bits.

    The step and the search for multipliers end where a tolerance is met, and which of
    the answers within it they give may hang on the last bit of what they are given:
    weighted and repeated samples, or one thread and two, would part there. Of inputs
    that are equal up to rounding, all but few are equal once rounded.
    """
    mantissa, exponent = np.frexp(array)
    return np.ldexp(np.round(np.ldexp(mantissa, bits)), exponent - bits)


class LipschitzUpdate:
    """The certified weights nearest to W + Y / rho, from the last solution on.

    Parameters
    ----------
    network : FeedForward
        Gives layer sizes and slope sectors.
    bound : float or None
        The bound to enforce ((12) of paper 001).
    weight : float
        Weight mu of L^2 in (9); not used where a bound is enforced.
    tol : float, default=1e-4
        Tolerance of the step.
    solver : {"native", "scs", "clarabel", "mosek"}, default="native"
        Who solves it.
    dtype : dtype, default="float64"
        Type that the weights are cast to afterwards.
    """

    def __init__(
        self, network, *, bound, weight, tol=1e-4, solver="native", dtype="float64"
    ):
        self.bound = bound
        self._arguments = {
            "slopes": [activation.sector for activation in network.activations],
            "tol": tol,
            "dtype": dtype,
        }
        if bound is None:
            self._arguments["weight"] = weight
        else:
            self._arguments["bound"] = TARGET * bound
        self._state = None
        # Well within the tolerance.
        self._bits = min(52, 3 + math.ceil(-math.log2(min(tol, 0.5))))
        if solver == "native":
            self._solve = unproven_step
        else:
            from sklip.training._lipschitz_step import CvxpyStep

            self._solve = CvxpyStep(network.layer_sizes, solver).solve

    def __call__(self, targets, multipliers, rho):
        """Solve the step.

        Parameters
        ----------
        targets : list of ndarray
            W + Y / rho.
        multipliers : list of ndarray
            T.
        rho : float
            Penalty parameter.

        Returns
        -------
        weights : list of ndarray
            Feasible but for rounding, which is proven where they are deployed.
        bound : float
            The enforced one, or the best L.
        """
        targets = [rounded(target, self._bits) for target in targets]
        result = self._solve(
            targets,
            multipliers,
            rho=float(rounded(rho, self._bits)),
            state=self._state,
            **self._arguments,
        )
        self._state = result.state
        return result.weights, result.bound if self.bound is None else self.bound
