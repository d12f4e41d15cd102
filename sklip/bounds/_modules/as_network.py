# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A chain of operators as a fully connected network, where it is one."""

import math

import numpy as np

from sklip._floats import UNIT
from sklip.bounds._modules.convolution import Convolution
from sklip.bounds._modules.operators import (
    Concat,
    Dense,
    Permute,
    Reshape,
    Scale,
    Slope,
    Sum,
)
from sklip.bounds._modules.pooling import Pooling
from sklip.networks import FeedForward, get_activation

__all__ = ["affine_part", "feedforward_of", "first_width"]

# Entries up to which a convolution is written as a matrix of a FeedForward.
_LARGEST_MATRIX = 2**22
# More than the scale of a batch normalisation is rounded upward, twice.
_SCALE_ROUNDING = 40.0 * UNIT


def feedforward_of(operators, n_inputs=None):
    """FeedForward of a chain; None if it is not one, or would be too large.

    The scale of a batch normalisation is rounded upward: true slopes times at least
    1 - 40 u. Beside an activation that is covered by its sector (leaky_relu's is
    widened), at either end by a norm of at most 1; elsewhere None is returned.
    """
    chain = _plain(operators)
    if chain is None:
        return None
    width = first_width(chain) if n_inputs is None else n_inputs
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


def first_width(operators):
    """Entries that flat rows in front of a chain have; None if it does not say."""
    for operator in operators:
        if isinstance(operator, Dense):
            return operator.weight.shape[1]
        # One factor is that of all entries, however many.
        if isinstance(operator, Scale) and operator.factors.size > 1:
            return len(operator.factors)
        if not isinstance(operator, Reshape | Slope | Scale):
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
