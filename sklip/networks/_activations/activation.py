# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What is known of an activation: its value, derivative, slope sector and pieces."""

from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Activation", "Pieces"]


@dataclass(frozen=True)
class Pieces:
    """Where an activation curves up and down, and where its slope jumps."""

    # tuple of float: where the second derivative changes its sign, or the first one
    # jumps.
    breakpoints: tuple[float, ...]
    # tuple of int: 1, -1 or 0 for a convex, concave or linear piece; one more than
    # breakpoints.
    curvature: tuple[int, ...]
    # tuple of (float, float, float): breakpoint, slope to its left and to its right.
    jumps: tuple[tuple[float, float, float], ...] = ()


@dataclass(frozen=True)
class Activation:
    """An elementwise activation and what is proven about its slope."""

    name: str  # canonical name; with its parameter if it has one, as in ``"elu(0.5)"``
    # ``function(z, out=None)``, elementwise on float arrays.
    function: Callable = field(compare=False, repr=False)
    # ``derivative(z)``; at a kink, one of the two one-sided slopes.
    derivative: Callable = field(compare=False, repr=False)
    # tuple of (float, float): ``(alpha, beta)`` such that ``alpha <= (f(a) - f(b)) / (a
    # - b) <= beta`` for all ``a != b``, rounded outward ((2) of paper 001).
    sector: tuple[float, float]
    # Where its derivative rises and falls; bounds inside balls rest on it.
    pieces: Pieces = field(compare=False, repr=False)
    # tuple of (str, dict): layer of ``torch.nn`` that is the same function, and its
    # arguments. Torch modules with these very values are read as this activation.
    torch: tuple[str, dict] = field(compare=False, repr=False)
    # Operator of ONNX that is the same function, whatever its attributes.
    onnx: str | None = field(default=None, compare=False, repr=False)
    # ``body(graph, z)`` writes it in operators that ONNX runtimes have in float64 and
    # gives the result's name; it is exported as that function.
    body: Callable | None = field(default=None, compare=False, repr=False)
    # Whether no value is ever rounded.
    exact: bool = field(default=False, compare=False, repr=False)
    # Negative slope of leaky_relu, scale of elu; None for all others.
    parameter: float | None = None

    @property
    def family(self):
        """Name without the parameter."""
        return self.name.split("(")[0]

    @property
    def lipschitz(self):
        """Largest absolute slope of the sector."""
        return max(abs(self.sector[0]), abs(self.sector[1]))

    @property
    def piecewise_linear(self):
        """Whether the network it builds is piecewise linear."""
        return not any(self.pieces.curvature)

    @property
    def rounding(self):
        """Size r of rounding: a value at z is off by some units of r (1 + |z|).

        0 where values are exact; how many units is the arithmetic's matter.
        """
        if self.exact:
            return 0.0
        return max(1.0, abs(self.parameter or 1.0), self.lipschitz)
