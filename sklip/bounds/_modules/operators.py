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
from sklip.networks import FeedForward, get_activation

__all__ = [
    "Concat",
    "Dense",
    "Permute",
    "Reshape",
    "Scale",
    "Slope",
    "Sum",
    "affine_part",
    "chain_bound",
    "feedforward_of",
    "scale_moves",
]

# Entries up to which a convolution is written as a matrix of a FeedForward.
_LARGEST_MATRIX = 2**22
# More than the scale of a batch normalisation is rounded upward, twice.
_SCALE_ROUNDING = 40.0 * UNIT


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
                factors = np.repeat(factors, width // len(factors))
        elif isinstance(operator, Convolution) and not flattened:
            width = operator.n_out if step < 0 else operator.n_in
        elif isinstance(operator, Reshape) and operator.flattens and step > 0:
            flattened, k = True, k + step
            continue
        elif isinstance(operator, Slope | Scale) or (
            isinstance(operator, Pooling) and not flattened
        ):
            k += step
            continue
        else:
            return None
        if width != len(factors):
            return None
        return k, {"rows": factors} if step < 0 else {"columns": factors}
    return None


def feedforward_of(operators, n_inputs=None):
    """FeedForward of a chain; None if it is not one, or would be too large.

    The scale of a batch normalisation is rounded upward: true slopes times at least
    1 - 40 u. Beside an activation that is covered by its sector (leaky_relu's is
    widened), at either end by a norm of at most 1; elsewhere None is returned.
    """
    chain = _plain(operators)
    if chain is None:
        return None
    width = _first_width(chain) if n_inputs is None else n_inputs
    if width is None:
        return None
    weights, biases, names = [], [], []
    for operator in chain:
        if isinstance(operator, Slope):
            if len(weights) == len(names):
                weights.append(np.eye(width))
                biases.append(np.zeros(width))
            names.append(operator.name)
            continue
        affine = affine_part(operator, width)
        if affine is None or affine[0].shape[1] != width:
            return None
        if len(weights) > len(names):
            names.append("identity")
        weights.append(affine[0])
        biases.append(affine[1])
        width = len(affine[0])
    if len(weights) == len(names):
        weights.append(np.eye(width))
        biases.append(np.zeros(width))
    return FeedForward(weights, biases, names)


def _plain(operators):
    """The chain without reshapes and identities, its rounded scales made sound."""
    chain = [
        operator
        for operator in operators
        if not isinstance(operator, Reshape)
        and not (
            isinstance(operator, Slope)
            and get_activation(operator.name).sector == (1.0, 1.0)
        )
    ]
    if any(isinstance(operator, Sum | Concat | Permute) for operator in chain):
        return None
    for i, operator in enumerate(chain):
        if not isinstance(operator, Scale) or i in (0, len(chain) - 1):
            continue
        beside = [k for k in (i - 1, i + 1) if isinstance(chain[k], Slope)]
        if not beside:
            return None
        chain[beside[0]] = _widened(chain[beside[0]])
        if chain[beside[0]] is None:
            return None
    return chain


def _widened(slope):
    activation = get_activation(slope.name)
    if activation.sector[0] <= 0.0 or activation.family != "leaky_relu":
        return slope if activation.sector[0] <= 0.0 else None
    if activation.parameter >= 1.0:
        return None
    return Slope(f"leaky_relu({activation.parameter * (1.0 - _SCALE_ROUNDING)!r})")


def _first_width(chain):
    for operator in chain:
        if isinstance(operator, Dense):
            return operator.weight.shape[1]
        # One factor is that of all entries, however many.
        if isinstance(operator, Scale) and operator.factors.size > 1:
            return len(operator.factors)
        if not isinstance(operator, Slope | Scale):
            return None
    return None


def affine_part(operator, width):
    """(matrix, bias) on flat rows of the given width, or None."""
    if isinstance(operator, Dense):
        if not operator.flat:
            return None
        return _with_bias(operator.weight, operator.bias, len(operator.weight))
    if isinstance(operator, Scale):
        n_channels = operator.factors.size
        if width % n_channels or width * width > _LARGEST_MATRIX:
            return None
        spread = np.repeat(operator.factors.ravel(), width // n_channels)
        return _with_bias(np.diag(spread), operator.offsets.ravel(), width)
    if isinstance(operator, Convolution):
        matrix = operator.matrix(_LARGEST_MATRIX)
        if matrix is None:
            return None
        return _with_bias(matrix, operator.bias, len(matrix))
    if isinstance(operator, Pooling):
        return _pooling_matrix(operator, width)
    return None


def _pooling_matrix(pooling, width):
    if pooling.matrices is None:
        return None
    n_pixels = math.prod(m.shape[1] for m in pooling.matrices)
    n_out = math.prod(len(m) for m in pooling.matrices)
    if width % n_pixels or width * (width // n_pixels) * n_out > _LARGEST_MATRIX:
        return None
    matrix = np.eye(width // n_pixels)
    for m in pooling.matrices:
        matrix = np.kron(matrix, m)
    return _with_bias(matrix, None, len(matrix))


def _with_bias(matrix, bias, width):
    if bias is None:
        return matrix, np.zeros(width)
    return matrix, np.repeat(bias, width // len(bias))
