# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A module as a chain of operators: what a bound sees of convolutional networks.

The difference of two outputs of a chain passes through its linear parts and, at each
activation, through a diagonal matrix of slopes. The scale of a batch normalisation is
diagonal too and equal within a channel, so that it commutes with everything that acts
on each channel alone and may be multiplied into the nearest convolution or matrix,
before or behind. Its sign does not matter to a norm.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from sklip._floats import SAFETY, UNIT, frobenius
from sklip.bounds._modules.convolution import Convolution
from sklip.bounds._modules.pooling import Pooling
from sklip.bounds._norms import operator_norm_bound, product_up
from sklip.networks import get_activation

__all__ = [
    "Concat",
    "Dense",
    "Permute",
    "Reshape",
    "Scale",
    "Slope",
    "Sum",
    "chain_bound",
    "scale_moves",
]


@dataclass(frozen=True, eq=False)
class Dense:
    """A matrix on the last axis; ``flat`` if that is the only one."""

    weight: np.ndarray
    bias: np.ndarray | None
    flat: bool
    roundings: int = 0

    def scaled(self, *, rows=None, columns=None):
        """The matrix with rows or columns multiplied by numbers."""
        weight = self.weight * (columns if rows is None else rows[:, None])
        return replace(self, weight=weight, roundings=self.roundings + 1)

    def norm_bound(self, norm):
        """Proven bound of the norm from l_p to l_p."""
        bound = operator_norm_bound(self.weight, norm)
        if not self.roundings:
            return bound
        size = frobenius(self.weight) if norm == 2.0 else bound
        return bound + SAFETY * 2.0 * self.roundings * UNIT * size


@dataclass(frozen=True, eq=False)
class Scale:
    """A factor and an offset for each channel; |factors| are rounded upward.

    ``sizes`` are those of the terms in the offsets, which may have cancelled.
    """

    factors: np.ndarray
    offsets: np.ndarray
    sizes: np.ndarray

    def norm_bound(self, norm):
        """Largest factor."""
        return float(np.max(np.abs(self.factors), initial=0.0))


@dataclass(frozen=True)
class Slope:
    """An activation of the registry, but for a jump of this height at one point."""

    name: str
    jump: float = 0.0

    def norm_bound(self, norm):
        """Largest slope."""
        return get_activation(self.name).lipschitz


@dataclass(frozen=True)
class Reshape:
    """Another shape of the same numbers; ``flattens`` if all axes become one."""

    flattens: bool
    shape: tuple | None = None

    def norm_bound(self, norm):
        """Nothing changes."""
        return 1.0


@dataclass(frozen=True)
class Permute:
    """The axes of a sample in another order: the k-th is at ``order[k]`` before."""

    order: tuple

    def norm_bound(self, norm):
        """The same numbers in other places."""
        return 1.0


@dataclass(frozen=True)
class Sum:
    """The sum of several chains of the same input: a residual block."""

    branches: tuple

    def norm_bound(self, norm):
        """Sum of the branches' bounds."""
        total = 0.0
        for branch in self.branches:
            total = math.nextafter(total + chain_bound(branch, norm), math.inf)
        return total


@dataclass(frozen=True)
class Concat:
    """The outputs of several chains of the same input, side by side along an axis."""

    branches: tuple
    axis: int

    def norm_bound(self, norm):
        """Norm of the vector of the branches' bounds."""
        bounds = [chain_bound(branch, norm) for branch in self.branches]
        if norm == math.inf:
            return max(bounds)
        if norm == 1.0:
            total = 0.0
            for bound in bounds:
                total = math.nextafter(total + bound, math.inf)
            return total
        return math.nextafter(math.hypot(*bounds) * (1.0 + 8.0 * UNIT), math.inf)


def chain_bound(operators, norm):
    """Product of the operators' norms, batch normalisation folded; rounded upward."""
    folded = _fold_scales(list(operators))
    return product_up(operator.norm_bound(norm) for operator in folded)


def _fold_scales(operators):
    i = 0
    while i < len(operators):
        found = _destination(operators, i)
        if found is None:
            i += 1
            continue
        k, where = found
        operators[k] = operators[k].scaled(**where)
        del operators[i]
    return operators


def scale_moves(operators):
    """Pairs of places: the scale that chain_bound folds, and where it goes."""
    found = [(i, _destination(operators, i)) for i in range(len(operators))]
    return [(i, place[0]) for i, place in found if place is not None]


def _destination(operators, i):
    """Where the scale at i is folded, and as what; None if it stays or is none."""
    if not isinstance(operators[i], Scale) or operators[i].factors.ndim > 1:
        return None
    # Before what follows: a batch normalisation mostly stands behind its layer.
    return _next_linear(operators, i, -1) or _next_linear(operators, i, 1)


def _next_linear(operators, i, step):
    """The next linear operator that the scale at i can be multiplied into."""
    factors = np.abs(operators[i].factors)
    flattened = False
    k = i + step
    while 0 <= k < len(operators):
        operator = operators[k]
        if isinstance(operator, Dense) and operator.flat:
            width = operator.weight.shape[0 if step < 0 else 1]
            if flattened and len(factors) and width % len(factors) == 0:
                # The entries of a channel lie side by side once they are flat.
                factors = np.repeat(factors, width // len(factors))
        elif isinstance(operator, Convolution) and not flattened:
            width = operator.n_out if step < 0 else operator.n_in
        elif isinstance(operator, Reshape) and operator.flattens and step > 0:
            flattened, k = True, k + step
            continue
        elif isinstance(operator, Slope | Scale) or (
            isinstance(operator, Pooling) and not flattened
        ):
            # Diagonal matrices commute in the Jacobian: a factor for each channel
            # passes slopes, other factors, and pooling, which stays within a channel.
            k += step
            continue
        else:
            return None
        if width != len(factors):
            return None
        return k, {"rows": factors} if step < 0 else {"columns": factors}
    return None
