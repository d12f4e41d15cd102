# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The Lipschitz step handed to a general SDP solver: the reference for small networks.

The program is the linear matrix inequality (7) of paper 001, scaled by its diagonal's
roots; its data are parameters, so that cvxpy compiles it once (DPP). What the solver
answers is made feasible and proven like the native step's.
"""

import math
import warnings

import numpy as np

from sklip.bounds import Z
from sklip.exceptions import InfeasibleCertificateError
from sklip.training._lipschitz_step.inputs import check_step
from sklip.training._lipschitz_step.spectral_ball import SpectralBall
from sklip.training._lipschitz_step.step import (
    StepResult,
    feasible_weights,
    first_bound,
)

__all__ = ["CvxpyStep"]

_SOLVERS = ("scs", "clarabel", "mosek")
_INSTEAD = "Use sdp_solver='native', which needs no other solver"


class CvxpyStep:
    """Lipschitz steps of one network by cvxpy.

    Parameters
    ----------
    layer_sizes : sequence of int
        Units of each layer, inputs first.
    solver : {"scs", "clarabel", "mosek"}
        Solver of semidefinite programs, installed.

    Raises
    ------
    ValueError
        If the solver is unknown or not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from sklip.training import CvxpyStep
    >>> targets = [np.array([[3.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 1.0]])]
    >>> step = CvxpyStep([2, 2, 1], "clarabel")
    >>> result = step.solve(targets, [[1.0, 1.0]], slopes=["relu"], bound=2.0)
    >>> [w.shape for w in result.weights], result.bound
    ([(2, 2), (1, 2)], 2.0)
    """

    def __init__(self, layer_sizes, solver):
        self.layer_sizes = [int(n) for n in layer_sizes]
        self.solver = _check_solver(solver)
        self._programs = {}

    def solve(
        self,
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
        targets, multipliers, slopes, bound, weight, rho, dtype
            As in :func:`lipschitz_step`.
        tol : float, default=1e-4
            A hundredth of it is the solver's tolerance, 1e-8 at most for Clarabel.
        state : object, default=None
            Not used: SCS starts from its own last solution.

        Returns
        -------
        result : StepResult
            Its state is None and its residual nan.

        Raises
        ------
        ValueError
            If an argument is wrong, or the network is not of this object's sizes.
        InfeasibleCertificateError
            If the solver failed, for want of a licence for example.
        """
        step = check_step(targets, multipliers, slopes, bound, weight, rho, tol, dtype)
        if step.sizes != self.layer_sizes:
            raise ValueError(
                f"targets must have the layer sizes {self.layer_sizes}, got "
                f"{step.sizes}."
            )
        is_free = step.bound is None
        # Compiling takes long: every step of ADMM puts its parameters into one program.
        if is_free not in self._programs:
            self._programs[is_free] = _Program(self.layer_sizes, is_free)
        program = self._programs[is_free]
        # Solvers have absolute tolerances, so that the variable should be near 1.
        unit = first_bound(step) or 1.0 if is_free else step.bound
        program.set_data(step, unit)
        n_iter = program.solve(self.solver, _options(self.solver, step.tol))
        weights, bound = program.solution(unit)
        return StepResult(_feasible(step, weights, bound), bound, None, n_iter, np.nan)


def _feasible(step, weights, bound):
    ball = SpectralBall(weights, step.multipliers, step.slopes, bound)
    norms, _ = ball.outside(ball.z)
    # A general solver ends a little outside: scaling back is feasible, and proven.
    norm = np.max(norms, initial=1.0)
    return feasible_weights(step, [w / norm for w in weights], bound, is_inside=True)


class _Program:
    """The cvxpy problem; the weights are in units of the size of the targets."""

    def __init__(self, layer_sizes, is_free):
        import cvxpy

        shapes = list(zip(layer_sizes[1:], layer_sizes[:-1], strict=True))
        self.weights = [cvxpy.Variable(shape) for shape in shapes]
        self.targets = [cvxpy.Parameter(shape) for shape in shapes]
        self.scales = [cvxpy.Parameter(shape, nonneg=True) for shape in shapes]
        self.price = cvxpy.Parameter(nonneg=True)
        self.square = cvxpy.Variable(nonneg=True) if is_free else None
        self.size = 1.0
        objective = 0.5 * sum(
            cvxpy.sum_squares(w - v)
            for w, v in zip(self.weights, self.targets, strict=True)
        )
        if is_free:
            objective = objective + self.price * self.square
        blocks = [[np.zeros((n, m)) for m in layer_sizes] for n in layer_sizes]
        for k, n in enumerate(layer_sizes):
            blocks[k][k] = np.eye(n)
        if is_free:
            blocks[0][0] = self.square * np.eye(layer_sizes[0])
        for k, (s, w) in enumerate(zip(self.scales, self.weights, strict=True)):
            blocks[k + 1][k] = -cvxpy.multiply(s, w)
            blocks[k][k + 1] = blocks[k + 1][k].T
        # Scaled weights beside the diagonal and units on it: the condition ||Z|| <= 1.
        condition = cvxpy.bmat(blocks)
        self.problem = cvxpy.Problem(cvxpy.Minimize(objective), [condition >> 0])

    def set_data(self, step, unit):
        """Put a step in, L being unit times the root of the variable."""
        self.size = math.sqrt(sum(np.vdot(v, v) for v in step.targets)) or 1.0
        z = Z(unit, step.multipliers, [(0.0, slope) for slope in step.slopes])
        for k, (r, c) in enumerate(z.scales):
            # In units of the weights' own size, for the same absolute tolerances.
            self.targets[k].value = step.targets[k] / self.size
            shape = step.targets[k].shape
            self.scales[k].value = self.size * np.broadcast_to(r * c.T, shape)
        weight = step.weight or 0.0
        self.price.value = weight / step.rho * (unit / self.size) ** 2

    def solve(self, solver, options):
        """Number of iterations; InfeasibleCertificateError if the solver failed."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.problem.solve(solver=solver.upper(), enforce_dpp=True, **options)
        except Exception as error:  # each solver has its own, licences included
            raise _failed(solver, error) from error
        values = [w.value for w in self.weights]
        is_solved = self.problem.status == "optimal" and all(
            v is not None and np.all(np.isfinite(v)) for v in values
        )
        if not is_solved:
            raise _failed(solver, f"status {self.problem.status!r}")
        return self.problem.solver_stats.num_iters or 0

    def solution(self, unit):
        """Weights and L."""
        weights = [self.size * w.value for w in self.weights]
        if self.square is None:
            return weights, unit
        root = math.sqrt(max(float(self.square.value), 2.0**-800))
        return weights, unit * root


def _check_solver(solver):
    import cvxpy

    known = ", ".join(repr(name) for name in _SOLVERS)
    if solver not in _SOLVERS:
        raise ValueError(
            f"sdp_solver must be 'native' or one of {known}, got {solver!r}."
        )
    installed = cvxpy.installed_solvers()
    if solver.upper() not in installed:
        others = [repr(name) for name in _SOLVERS if name.upper() in installed]
        others = f", or {' or '.join(others)}" if others else ""
        raise ValueError(f"sdp_solver={solver!r} is not installed. {_INSTEAD}{others}.")
    return solver


def _options(solver, tol):
    accuracy = min(1e-5, max(1e-10, 0.01 * tol))
    if solver == "scs":
        return {"eps_abs": accuracy, "eps_rel": accuracy, "max_iters": 100_000}
    if solver == "clarabel":
        names = ("tol_gap_abs", "tol_gap_rel", "tol_feas")
        return dict.fromkeys(names, min(1e-8, accuracy))
    return {}


def _failed(solver, why):
    licence = ", a valid licence included" if solver == "mosek" else ""
    return InfeasibleCertificateError(
        f"sdp_solver={solver!r} did not solve the Lipschitz step ({why}). {_INSTEAD}"
        f"{licence}, or a larger step_tol."
    )
