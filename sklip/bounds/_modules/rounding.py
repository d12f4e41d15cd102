# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Forward error of a torch module: how far what it computes is from what it means.

A bound of the l2 norm of the outputs' error, of the form c + r ||x||, for the module's
parameters as they are stored and any order of summation, fused products included. With
m the size of what enters an operator W with bias b, e its error, u the unit roundoff
and gamma_n = (n + 8) u,

    e' <= ||W|| e + gamma_n (|| |W| || (m + e) + ||b||),    m' <= ||W|| m + ||b||,

where || |W| ||^2 <= ||W||_1 ||W||_inf. What stands between a batch normalisation and
the layer it is folded into by chain_bound is one step: sizes and errors that come in
are multiplied by the folded norm, so that they grow no faster than the module's bound.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from sklip._floats import FLOOR, SAFETY, UNIT, frobenius
from sklip.bounds._modules.convolution import Convolution
from sklip.bounds._modules.operators import (
    Concat,
    Dense,
    Permute,
    Reshape,
    Scale,
    Slope,
    Sum,
    chain_bound,
    scale_moves,
)
from sklip.bounds._modules.pooling import Pooling
from sklip.exceptions import UnsupportedModelError
from sklip.networks import get_activation

__all__ = [
    "Arithmetic",
    "arithmetic_of",
    "known_arithmetic",
    "module_error",
    "refuse_jumps",
]

# Units of roundoff allowed to one evaluation of an activation, relative to
# scale * (1 + |z|).
_ACTIVATION_ULPS = 16
# Roundings of a batch normalisation, in torch and in what it was read as.
_SCALE_ROUNDINGS = 16


@dataclass(frozen=True)
class Arithmetic:
    """A type that modules compute in."""

    unit: float = UNIT  # unit roundoff
    # As sklip's FLOOR: gamma(n) times it covers what underflow takes from n products.
    floor: float = FLOOR

    def gamma(self, n_terms):
        """Relative error of a sum of products with a bias."""
        return SAFETY * (n_terms + 8) * self.unit


_ARITHMETIC = {
    torch.float64: Arithmetic(),
    torch.float32: Arithmetic(2.0**-24, 2.0**-93),
}


# Types of device for which products may be computed in less than their own type.
_AUTOCAST = ("cpu", "cuda")


def arithmetic_of(module):
    """The arithmetic of a module's parameters, which must all be of one type."""
    found = _types(module)
    if len(found) > 1 or not found <= _ARITHMETIC.keys():
        names = ", ".join(sorted(str(dtype) for dtype in found))
        raise UnsupportedModelError(
            f"The module has parameters of {names}: how it rounds is known where all "
            "are of float64 or all of float32. Convert it: module.double()."
        )
    return _ARITHMETIC[found.pop()]


def known_arithmetic(module, operators):
    """That of a module, where what it calls is known to keep to it.

    Float32 may be less than it says: convolutions by Winograd's or a fast Fourier
    transform, matrices in TensorFloat-32 or bfloat16.
    """
    arithmetic = arithmetic_of(module)
    if arithmetic.unit > UNIT and _has_convolution(operators):
        raise UnsupportedModelError(
            "How convolutions in float32 round depends on the algorithm: nothing is "
            "proven of their predictions. Let the model predict by module.double()."
        )
    if arithmetic.unit > UNIT and torch.get_float32_matmul_precision() != "highest":
        raise ValueError(
            "torch.get_float32_matmul_precision() is not 'highest': products in "
            "float32 are rounded more than their type says. Set it to 'highest', or "
            "let the model predict by module.double()."
        )
    if arithmetic.unit > UNIT and any(map(torch.is_autocast_enabled, _AUTOCAST)):
        raise ValueError(
            "torch.autocast is on: a float32 module computes in a type that rounds "
            "more than its own. Leave the context, or let the model predict by "
            "module.double(), which autocast does not touch."
        )
    return arithmetic


def _has_convolution(operators):
    return any(
        isinstance(operator, Convolution)
        or any(map(_has_convolution, getattr(operator, "branches", ())))
        for operator in operators
    )


def refuse_jumps(operators, module):
    """ValueError for a softplus whose switch to the identity can be seen."""
    dtype = min(_types(module), key=lambda dtype: torch.finfo(dtype).eps)
    jump = _largest_jump(operators)
    # At the threshold, 20 or more, values are rounded by this much anyway.
    if jump > 10.0 * torch.finfo(dtype).eps:
        raise ValueError(
            f"torch's Softplus jumps by {jump:.2g} at its threshold, which modules of "
            f"{dtype} do not round away: it has no Lipschitz constant. Use "
            "torch.nn.Softplus(threshold=40)."
        )


def _types(module):
    """Floating types of a module's state; without any it takes float64."""
    found = {t.dtype for t in (*module.parameters(), *module.buffers())}
    return {dtype for dtype in found if dtype.is_floating_point} or {torch.float64}


def _largest_jump(operators):
    jumps = [operator.jump for operator in operators if isinstance(operator, Slope)]
    for operator in operators:
        if isinstance(operator, Sum | Concat):
            jumps += [_largest_jump(branch) for branch in operator.branches]
    return max(jumps, default=0.0)


@dataclass(frozen=True, eq=False)
class _State:
    """Bounds (c, r), meaning c + r ||x||, and the number of entries."""

    size: np.ndarray
    error: np.ndarray
    n: int

    @property
    def computed(self):
        """Size of what is computed."""
        return self.size + self.error


def module_error(operators, input_shape, arithmetic):
    """Bound the l2 error of a module's outputs.

    Parameters
    ----------
    operators : sequence of operators
        The module as it was read for samples of this shape.
    input_shape : tuple of int
        Shape of one sample.
    arithmetic : Arithmetic
        What it computes in; the sample is converted to it.

    Returns
    -------
    constant, rate : float
        The error is at most ``constant + rate * ||x||`` for every sample x.
    """
    n = math.prod(input_shape)
    unit, lost = arithmetic.unit, arithmetic.unit * arithmetic.floor * math.sqrt(n)
    state = _State(np.array([0.0, 1.0]), np.array([lost, unit]), n)
    constant, rate = SAFETY * _chain(list(operators), state, arithmetic).error
    return float(constant), float(rate)


def _chain(operators, state, arithmetic):
    for steps in _segments(operators):
        state = _segment(steps, state, arithmetic)
    return state


def _segments(operators):
    """The operators in groups, none of which a folded scale leaves."""
    groups, start, end = [], 0, 0
    moves = dict(scale_moves(operators))
    into = {}
    for i, k in moves.items():
        first, last = min(i, k), max(i, k)
        into[first] = max(into.get(first, 0), last)
    for i in range(len(operators)):
        end = max(end, into.get(i, i))
        if i == end:
            groups.append(operators[start : i + 1])
            start = end = i + 1
    return groups


def _segment(steps, state, arithmetic):
    if isinstance(steps[0], Sum):
        return _sum(steps[0], state, arithmetic)
    if isinstance(steps[0], Concat):
        return _stack(steps[0], state, arithmetic)
    inner, own = state, []
    for step in steps:
        inner, lost = _step(step, inner, arithmetic)
        own.append(lost)
    if len(steps) == 1:
        return inner
    # From what comes in by the norm of all; the parts by what is left of the way.
    norm = chain_bound(steps, 2.0)
    error = norm * state.error
    for k, lost in enumerate(own, start=1):
        error = error + chain_bound(steps[k:], 2.0) * lost
    nothing = _State(np.zeros(2), np.zeros(2), state.n)
    for step in steps:
        nothing = _step(step, nothing, arithmetic)[0]
    size = norm * state.size + nothing.size
    return _State(size, error, inner.n)


def _step(operator, state, arithmetic):
    """State behind one operator, and the error that it adds itself."""
    n, constant, lost = _LOSSES[type(operator)](operator, state, arithmetic)
    norm = operator.norm_bound(2.0)
    size, error = norm * state.size, norm * state.error + lost
    size = size + np.array([constant, 0.0])
    return _State(size, error, n), lost


def _sum(operator, state, arithmetic):
    found = [_chain(list(branch), state, arithmetic) for branch in operator.branches]
    lost = arithmetic.gamma(len(found)) * sum(branch.computed for branch in found)
    size = sum(branch.size for branch in found)
    error = sum(branch.error for branch in found) + lost
    return _State(size, error, found[0].n)


def _stack(operator, state, arithmetic):
    found = [_chain(list(branch), state, arithmetic) for branch in operator.branches]
    size = np.hypot.reduce([branch.size for branch in found])
    error = np.hypot.reduce([branch.error for branch in found])
    return _State(size, error, sum(branch.n for branch in found))


def _affine(operator, state, arithmetic, n_terms, n_out, copies):
    """(outputs, norm of the constant part, loss) of a matrix or a convolution."""
    bias = 0.0 if operator.bias is None else frobenius(operator.bias)
    bias = bias * math.sqrt(copies)
    size = math.sqrt(operator.norm_bound(1.0)) * math.sqrt(operator.norm_bound(np.inf))
    floor = arithmetic.floor * math.sqrt(n_out)
    loss = size * state.computed + np.array([bias + floor, 0.0])
    return n_out, bias, arithmetic.gamma(n_terms) * loss


def _dense(operator, state, arithmetic):
    n_out, n_in = operator.weight.shape
    copies = state.n // n_in
    return _affine(operator, state, arithmetic, n_in, copies * n_out, copies)


def _convolution(operator, state, arithmetic):
    copies = math.prod(operator.out_size)
    n_terms = math.prod(operator.kernel.shape[1:])
    n_out = copies * operator.n_out
    return _affine(operator, state, arithmetic, n_terms, n_out, copies)


def _scale(operator, state, arithmetic):
    copies = math.sqrt(state.n // max(operator.factors.size, 1))
    gamma = arithmetic.gamma(_SCALE_ROUNDINGS)
    sizes = frobenius(operator.sizes) * copies + arithmetic.floor * math.sqrt(state.n)
    loss = operator.norm_bound(2.0) * state.computed + np.array([sizes, 0.0])
    offsets = frobenius(operator.offsets) * copies
    return state.n, offsets + gamma * sizes, gamma * loss


def _slope(operator, state, arithmetic):
    activation, root = get_activation(operator.name), math.sqrt(state.n)
    constant = root * abs(float(activation.function(np.zeros(1))[0]))
    if activation.exact:
        return state.n, constant, np.zeros(2)
    loss = _ACTIVATION_ULPS * arithmetic.unit * activation.rounding
    loss = loss * (state.computed + np.array([root, 0.0]))
    return state.n, constant, loss + np.array([root * operator.jump, 0.0])


def _pooling(operator, state, arithmetic):
    if operator.positions is None:
        raise UnsupportedModelError(
            "How pooling over an axis of more than 2048 points rounds is not known."
        )
    before, after = operator.positions
    n_out = state.n // before * after
    if not operator.n_terms:  # the largest entry, exactly
        return n_out, 0.0, np.zeros(2)
    floor = np.array([arithmetic.floor * math.sqrt(n_out), 0.0])
    loss = operator.norm_bound(2.0) * state.computed + floor
    return n_out, 0.0, arithmetic.gamma(operator.n_terms) * loss


def _moved(operator, state, arithmetic):
    return state.n, 0.0, np.zeros(2)


_LOSSES = {
    Convolution: _convolution,
    Dense: _dense,
    Permute: _moved,
    Pooling: _pooling,
    Reshape: _moved,
    Scale: _scale,
    Slope: _slope,
}
