# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The registry's activations for tensors: values, slopes, and where they curve.

A line below an activation over an interval, or a range of its slopes, is proven from
where its derivative rises and where it falls. Between two neighbouring breakpoints the
derivative of every registered activation is monotone.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from sklip._floats import FLOOR, UNIT

__all__ = ["Shape", "shape_of"]

# Units of roundoff allowed to one evaluation, relative to scale * (1 + |z|).
_ULPS = 16
_SATURATED = 100.0
# Beyond it all derivatives are constant to the last digits.
_FLAT = 40.0
_FAR = 1e12
_TABLE_SIZE = 2**14
_SQRT_2_PI = math.sqrt(2.0 / math.pi)


@dataclass(frozen=True, eq=False)
class Shape:
    """An activation as piecewise convex and concave function.

    Attributes
    ----------
    lipschitz : float
        Largest absolute slope.
    """

    # Elementwise on float64 tensors.
    function: Callable
    derivative: Callable
    # Where the second derivative changes its sign, or the first one jumps.
    breakpoints: tuple[float, ...]
    # 1, -1 or 0 for a convex, concave or linear piece; one more than breakpoints.
    curvature: tuple[int, ...]
    # Of (float, float, float): breakpoint, slope to its left and to its right.
    jumps: tuple
    sector: tuple  # of (float, float): range of all slopes
    # Of the rounding error of one evaluation, 0 where it is only relative to |z|.
    scale: float

    @property
    def lipschitz(self):
        """Largest absolute slope."""
        return max(abs(self.sector[0]), abs(self.sector[1]))

    @property
    def is_linear(self):
        """Whether it is the identity."""
        return not self.breakpoints and self.curvature == (0,)

    @property
    def is_piecewise_linear(self):
        """Whether no piece is curved."""
        return not any(self.curvature)

    @property
    def hinge(self):
        """Slopes (left, right) if it is max(left z, right z); None if it is not."""
        if self.is_linear:
            return self.sector
        bends_up = all(left <= right for _, left, right in self.jumps)
        if self.is_piecewise_linear and self.breakpoints == (0.0,) and bends_up:
            return self.jumps[0][1:]
        return None

    def ends(self, piece):
        """Where a piece begins and ends."""
        ends = (-math.inf, *self.breakpoints, math.inf)
        return ends[piece], ends[piece + 1]

    def point_of_slope(self, piece, slope):
        """Point of a curved piece where the derivative is nearly the given slope."""
        points, slopes = _table(self, piece, slope.device)
        index = torch.searchsorted(slopes, slope).clamp(1, len(slopes) - 1)
        s, z = slopes[index - 1], points[index - 1]
        step = (slope - s) / (slopes[index] - s).clamp_min(1e-300)
        return z + (points[index] - z) * step.clamp(0.0, 1.0)

    def error(self, z):
        """Bound of the rounding error of one value or slope at z."""
        size, relative = z.abs() + FLOOR, 2.0 * self.lipschitz
        return UNIT * (relative * size + _ULPS * self.scale * (1.0 + size))


@lru_cache(maxsize=64)
def _table(shape, piece, device):
    """Points of a piece and their derivatives, in the order of the latter."""
    left, right = (min(max(end, -_FLAT), _FLAT) for end in shape.ends(piece))
    points = torch.linspace(left, right, _TABLE_SIZE, dtype=torch.float64)
    inner = points.clone()
    # A derivative that jumps counts with the value on this side.
    inner[0] += 1e-9 * (right - left)
    inner[-1] -= 1e-9 * (right - left)
    slopes = shape.derivative(inner)
    # A slope beyond the range of the derivative is met nowhere: uphill to the far end.
    points[0] = -_FAR if left == -_FLAT else left
    points[-1] = _FAR if right == _FLAT else right
    if shape.curvature[piece] < 0:
        points, slopes = points.flip(0), slopes.flip(0)
    return points.to(device), torch.cummax(slopes, 0).values.to(device)


def _softplus(z):
    return z.clamp_min(0.0) + torch.log1p(torch.exp(-z.abs()))


def _logistic_slope(z):
    return torch.sigmoid(z) * torch.sigmoid(-z)


def _tanh_slope(z):
    t = torch.tanh(z)
    return (1.0 - t) * (1.0 + t)


def _silu_slope(z):
    return torch.sigmoid(z) * (1.0 + z * torch.sigmoid(-z))


def _normal_cdf(z):
    return 0.5 * torch.special.erfc(-z / math.sqrt(2.0))


def _gelu_slope(z):
    z = z.clamp(-_SATURATED, _SATURATED)
    density = torch.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    return _normal_cdf(z) + z * density


def _gate(z):
    return torch.tanh(_SQRT_2_PI * z * (1.0 + 0.044715 * z * z))


def _gelu_tanh(z):
    return 0.5 * z * (1.0 + _gate(z.clamp(-_SATURATED, _SATURATED)))


def _gelu_tanh_slope(z):
    z = z.clamp(-_SATURATED, _SATURATED)
    t = _gate(z)
    inner = _SQRT_2_PI * (1.0 + 3.0 * 0.044715 * z * z)
    return 0.5 * (1.0 + t) + 0.5 * z * (1.0 - t * t) * inner


def _mish_slope(z):
    t = torch.tanh(_softplus(z))
    return t + z * (1.0 - t * t) * torch.sigmoid(z)


def _hardswish_slope(z):
    inner = (2.0 * z.clamp(-3.0, 3.0) + 3.0) / 6.0
    return torch.where(z <= -3.0, 0.0, torch.where(z >= 3.0, 1.0, inner))


def _step(z, low, high):
    # Plain numbers would be rounded to the default type on the way.
    return torch.where(z > 0.0, z.new_tensor(high), z.new_tensor(low))


def _on_tensors(function):
    """A function of arrays for tensors; what searches need of its gradient is 0."""

    def on_tensors(z):
        values = function(z.detach().cpu().numpy())
        return torch.from_numpy(np.asarray(values, dtype=np.float64)).to(z.device)

    return on_tensors


# Functions that stay on the device; others are evaluated by the registry's own.
_FUNCTIONS = {
    "identity": lambda _: (lambda z: z, torch.ones_like),
    "relu": lambda _: (lambda z: z.clamp_min(0.0), lambda z: _step(z, 0.0, 1.0)),
    "leaky_relu": lambda a: (
        lambda z: torch.where(z > 0.0, z, a * z),
        lambda z: _step(z, a, 1.0),
    ),
    "abs": lambda _: (torch.abs, lambda z: _step(z, -1.0, 1.0)),
    "elu": lambda a: (
        lambda z: z.clamp_min(0.0) + a * torch.expm1(z.clamp_max(0.0)),
        lambda z: torch.where(z > 0.0, 1.0, a * torch.exp(z.clamp_max(0.0))),
    ),
    "logistic": lambda _: (torch.sigmoid, _logistic_slope),
    "tanh": lambda _: (torch.tanh, _tanh_slope),
    "softplus": lambda _: (_softplus, torch.sigmoid),
    "silu": lambda _: (lambda z: z * torch.sigmoid(z), _silu_slope),
    "gelu": lambda _: (lambda z: z * _normal_cdf(z), _gelu_slope),
    "gelu_tanh": lambda _: (_gelu_tanh, _gelu_tanh_slope),
    "mish": lambda _: (lambda z: z * torch.tanh(_softplus(z)), _mish_slope),
    "hardswish": lambda _: (
        lambda z: z * (z + 3.0).clamp(0.0, 6.0) / 6.0,
        _hardswish_slope,
    ),
}


@lru_cache(maxsize=64)
def shape_of(activation):
    """The shape of a registered activation.

    Parameters
    ----------
    activation : Activation
        An entry of the registry.

    Returns
    -------
    shape : Shape
        Its pieces.
    """
    if activation.family in _FUNCTIONS:
        functions = _FUNCTIONS[activation.family](activation.parameter)
    else:
        functions = map(_on_tensors, (activation.function, activation.derivative))
    pieces = activation.pieces
    return Shape(
        *functions,
        pieces.breakpoints,
        pieces.curvature,
        pieces.jumps,
        activation.sector,
        # A product of z, unlike the rest, rounds relative to |z| alone.
        0.0 if activation.piecewise_linear else activation.rounding,
    )
