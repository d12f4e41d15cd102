# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a Lipschitz step is asked, checked."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sklip.networks import Activation, get_activation

__all__ = ["StepInput", "check_step", "upper_slope"]


@dataclass(frozen=True, eq=False)
class StepInput:
    """Arguments of a Lipschitz step; multipliers are d = (2T)^(1/2)."""

    targets: list
    multipliers: list
    slopes: list
    bound: float | None
    weight: float | None
    rho: float
    tol: float
    dtype: np.dtype
    is_proven: bool = True  # whether the weights are proven to be feasible

    @property
    def sizes(self):
        """Units of each layer, inputs first."""
        return [self.targets[0].shape[1], *(len(v) for v in self.targets)]

    @cached_property
    def _reduction(self):
        """Q and R of V_0 = R^T Q^T where there are more inputs than rows."""
        first = self.targets[0]
        if first.shape[1] <= len(first):
            return None, self.targets
        # The solution's rows lie in the span of V_0's: the thousands of pixels of an
        # image become as many inputs as V_0 has rows.
        basis, core = np.linalg.qr(first.T)
        return basis, [core.T, *self.targets[1:]]

    @property
    def core(self):
        """Targets of the same problem with no more inputs than rows of the first.

        All inputs have the same scale, so that the solution's first layer has its rows
        in the span of the target's.
        """
        return self._reduction[1]

    def to_core(self, factor):
        """Rows of a factor, inputs first, for ``core``; None if it does not fit."""
        if len(factor) != sum(self.sizes):
            return None
        basis, n_inputs = self._reduction[0], self.sizes[0]
        if basis is None:
            return factor.copy()
        return np.vstack([basis.T @ factor[:n_inputs], factor[n_inputs:]])

    def from_core(self, factor):
        """Inverse of ``to_core``."""
        basis = self._reduction[0]
        if basis is None:
            return factor
        n_inputs = basis.shape[1]
        return np.vstack([basis @ factor[:n_inputs], factor[n_inputs:]])

    def weights_from_core(self, weights):
        """Weights of the problem itself."""
        basis = self._reduction[0]
        return weights if basis is None else [weights[0] @ basis.T, *weights[1:]]


def check_step(targets, multipliers, slopes, bound, weight, rho, tol, dtype):
    """StepInput of the arguments; ValueError says which is wrong."""
    targets = _check_targets(targets)
    sizes = [len(v) for v in targets[:-1]]
    # With both, one of them would be ignored; with neither, nothing is asked.
    if (bound is None) == (weight is None):
        raise ValueError(
            "Give exactly one of bound (to enforce it) and weight (to regularise), got "
            f"bound={bound!r}, weight={weight!r}."
        )
    if np.dtype(dtype).kind != "f":
        raise ValueError(f"dtype must be a floating point type, got {dtype!r}.")
    slopes = list(slopes)
    if len(slopes) != len(sizes):
        raise ValueError(
            f"slopes must have one entry for each of the {len(sizes)} hidden layers, "
            f"got {len(slopes)}."
        )
    return StepInput(
        targets=targets,
        multipliers=_check_multipliers(multipliers, sizes),
        slopes=[upper_slope(slope) for slope in slopes],
        bound=None if bound is None else _check_positive("bound", bound),
        weight=None if weight is None else _check_positive("weight", weight),
        rho=_check_positive("rho", rho),
        tol=_check_positive("tol", tol),
        dtype=np.dtype(dtype),
    )


def upper_slope(slope):
    """beta of a slope, a sector, an activation or its name; alpha must be 0."""
    if isinstance(slope, str):
        slope = get_activation(slope)
    name = "The sector"
    if isinstance(slope, Activation):
        name, slope = f"The sector of activation {slope.name!r},", slope.sector
    alpha, beta = (0.0, slope) if np.ndim(slope) == 0 else slope
    if alpha != 0.0:
        raise ValueError(
            f"{name} [{alpha:g}, {beta:g}], does not start at 0: LipSDP's condition is "
            "not convex in the weights then (Remark 2 of paper 001). Use an activation "
            "with slopes from 0 on: relu, tanh, logistic, softplus or elu."
        )
    return _check_positive("slopes", beta)


def _check_positive(name, value):
    number = float(value)
    if not 0.0 < number < np.inf:
        raise ValueError(f"{name} must be positive and finite, got {value!r}.")
    return number


def _check_targets(targets):
    targets = [np.asarray(v, dtype=np.float64) for v in targets]
    if not targets or any(v.ndim != 2 for v in targets):
        raise ValueError("targets must be a list of matrices, first layer first.")
    for k, (v, after) in enumerate(zip(targets[:-1], targets[1:], strict=True)):
        if after.shape[1] != len(v):
            raise ValueError(
                f"targets[{k + 1}] must have {len(v)} columns, one for each row of "
                f"targets[{k}], got {after.shape[1]}."
            )
    if not all(np.all(np.isfinite(v)) for v in targets):
        raise ValueError("targets contain NaN or infinity.")
    return targets


def _check_multipliers(multipliers, sizes):
    multipliers = [np.asarray(t, dtype=np.float64) for t in multipliers]
    shapes = [t.shape for t in multipliers]
    if shapes != [(n,) for n in sizes]:
        raise ValueError(
            f"multipliers must have the shapes {[(n,) for n in sizes]}, one positive "
            f"entry for each hidden neuron, got {shapes}."
        )
    for k, t in enumerate(multipliers):
        if not np.all((t > 0.0) & (t < np.inf)):
            raise ValueError(
                f"multipliers[{k}] must be positive and finite, its smallest entry is "
                f"{np.min(t)!r}."
            )
    # The scaling d = (2T)^(1/2) is what turns the condition into a bound of ||Z||.
    return [np.sqrt(2.0 * t) for t in multipliers]
