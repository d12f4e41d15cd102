# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The registry of activations: value, derivative and proven slope sector.

A bound is only as good as the slope sector it starts from, so an activation that is
not listed here is refused by name; there is no default sector.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.special import erf, expit

__all__ = [
    "Activation",
    "Pieces",
    "activation_names",
    "get_activation",
    "list_activations",
]

_SQRT2 = np.sqrt(2.0)
_SQRT_2_PI = np.sqrt(2.0 / np.pi)
_INV_SQRT_2PI = 1.0 / np.sqrt(2.0 * np.pi)

# The slopes are constant to the last bit beyond it, and its powers do not overflow.
_SATURATED = 100.0


@dataclass(frozen=True)
class Pieces:
    """Where an activation curves up and down, and where its slope jumps.

    Attributes
    ----------
    breakpoints : tuple of float
        Where the second derivative changes its sign, or the first one jumps.
    curvature : tuple of int
        1, -1 or 0 for a convex, concave or linear piece; one more than breakpoints.
    jumps : tuple of (float, float, float)
        Breakpoint, slope to its left and to its right.
    """

    breakpoints: tuple[float, ...]
    curvature: tuple[int, ...]
    jumps: tuple[tuple[float, float, float], ...] = ()


@dataclass(frozen=True)
class Activation:
    """An elementwise activation and what is proven about its slope.

    Attributes
    ----------
    name : str
        Canonical name; with its parameter if it has one, as in ``"elu(0.5)"``.
    function : callable
        ``function(z, out=None)``, elementwise on float arrays.
    derivative : callable
        ``derivative(z)``; at a kink, one of the two one-sided slopes.
    sector : tuple of (float, float)
        ``(alpha, beta)`` such that ``alpha <= (f(a) - f(b)) / (a - b) <= beta`` for
        all ``a != b``, rounded outward ((2) of paper 001).
    pieces : Pieces
        Where its derivative rises and falls; bounds inside balls rest on it.
    torch : tuple of (str, dict)
        Layer of ``torch.nn`` that is the same function, and its arguments. Torch
        modules with these very values are read as this activation.
    onnx : str or None
        Operator of ONNX that is the same function, whatever its attributes.
    exact : bool
        Whether no value is ever rounded.
    parameter : float or None
        Negative slope of leaky_relu, scale of elu; None for all others.
    """

    name: str
    function: Callable = field(compare=False, repr=False)
    derivative: Callable = field(compare=False, repr=False)
    sector: tuple[float, float]
    pieces: Pieces = field(compare=False, repr=False)
    torch: tuple[str, dict] = field(compare=False, repr=False)
    onnx: str | None = field(default=None, compare=False, repr=False)
    exact: bool = field(default=False, compare=False, repr=False)
    parameter: float | None = None

    def __reduce__(self):
        return get_activation, (self.name,)

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


def _hinge(left, right):
    return Pieces((0.0,), (0, 0), ((0.0, left, right),))


def _gated(low, high):
    return Pieces((low, high), (-1, 1, -1))


_SIGMOIDAL = Pieces((0.0,), (1, -1))


def _identity(z, out=None):
    if out is None or out is z:
        return z
    np.copyto(out, z)
    return out


def _relu(z, out=None):
    return np.maximum(z, 0.0, out=out)


def _abs_slope(z):
    one = np.ones_like(z)
    return np.where(z > 0.0, one, -one)


def _softplus(z, out=None):
    tail = np.log1p(np.exp(-np.abs(z)))
    return np.add(np.maximum(z, 0.0), tail, out=out)


def _silu(z, out=None):
    return np.multiply(z, expit(z), out=out)


def _silu_slope(z):
    s = expit(z)
    return s * (1.0 + z * (1.0 - s))


def _gelu(z, out=None):
    return np.multiply(z, 0.5 * (1.0 + erf(z / _SQRT2)), out=out)


def _gelu_slope(z):
    z = np.clip(z, -_SATURATED, _SATURATED)
    return 0.5 * (1.0 + erf(z / _SQRT2)) + z * _INV_SQRT_2PI * np.exp(-0.5 * z * z)


def _gelu_tanh(z, out=None):
    c = np.clip(z, -_SATURATED, _SATURATED)
    gate = np.tanh(_SQRT_2_PI * c * (1.0 + 0.044715 * c * c))
    return np.multiply(z, 0.5 * (1.0 + gate), out=out)


def _gelu_tanh_slope(z):
    z = np.clip(z, -_SATURATED, _SATURATED)
    t = np.tanh(_SQRT_2_PI * z * (1.0 + 0.044715 * z * z))
    inner_slope = _SQRT_2_PI * (1.0 + 3.0 * 0.044715 * z * z)
    return 0.5 * (1.0 + t) + 0.5 * z * (1.0 - t * t) * inner_slope


def _mish(z, out=None):
    return np.multiply(z, np.tanh(np.logaddexp(0.0, z)), out=out)


def _mish_slope(z):
    t = np.tanh(np.logaddexp(0.0, z))
    return t + z * (1.0 - t * t) * expit(z)


def _hardswish(z, out=None):
    return np.multiply(z, np.clip(z + 3.0, 0.0, 6.0) / 6.0, out=out)


def _hardswish_slope(z):
    inner = (2.0 * np.clip(z, -3.0, 3.0) + 3.0) / 6.0
    return np.where(z <= -3.0, 0.0, np.where(z >= 3.0, 1.0, inner))


def _leaky_relu(slope):
    larger = np.maximum if slope <= 1.0 else np.minimum

    def function(z, out=None):
        return larger(z, slope * z, out=out)

    return Activation(
        f"leaky_relu({slope!r})",
        function,
        lambda z: np.where(z > 0.0, 1.0, slope),
        (min(slope, 1.0), max(slope, 1.0)),
        _hinge(slope, 1.0),
        ("LeakyReLU", {"negative_slope": slope}),
        parameter=slope,
    )


def _elu(scale):
    if scale < 0:
        raise ValueError(
            f"The parameter of the activation elu must be >= 0, got {scale!r}."
        )

    def function(z, out=None):
        negative = scale * np.expm1(np.minimum(z, 0.0))
        return np.add(np.maximum(z, 0.0), negative, out=out)

    return Activation(
        f"elu({scale!r})",
        function,
        lambda z: np.where(z > 0.0, 1.0, scale * np.exp(np.minimum(z, 0.0))),
        (0.0, max(1.0, scale)),
        Pieces((0.0,), (1, 0), ((0.0, scale, 1.0),)),
        ("ELU", {"alpha": scale}),
        parameter=scale,
    )


_PLAIN = {
    a.name: a
    for a in (
        Activation(
            "identity",
            _identity,
            np.ones_like,
            (1.0, 1.0),
            Pieces((), (0,)),
            ("Identity", {}),
            exact=True,
        ),
        Activation(
            "relu",
            _relu,
            lambda z: (z > 0.0).astype(z.dtype),
            (0.0, 1.0),
            _hinge(0.0, 1.0),
            ("ReLU", {}),
            "Relu",
            exact=True,
        ),
        Activation(
            "abs",
            lambda z, out=None: np.abs(z, out=out),
            _abs_slope,
            (-1.0, 1.0),
            _hinge(-1.0, 1.0),
            # Torch has no module of |z|; this one is it to the last bit.
            ("LeakyReLU", {"negative_slope": -1.0}),
            "Abs",
            exact=True,
        ),
        Activation(
            "logistic",
            lambda z, out=None: expit(z, out=out),
            lambda z: expit(z) * expit(-z),
            (0.0, 0.25),
            _SIGMOIDAL,
            ("Sigmoid", {}),
        ),
        Activation(
            "tanh",
            lambda z, out=None: np.tanh(z, out=out),
            lambda z: 1.0 - np.tanh(z) ** 2,
            (0.0, 1.0),
            _SIGMOIDAL,
            ("Tanh", {}),
            "Tanh",
        ),
        Activation(
            "softplus",
            _softplus,
            expit,
            (0.0, 1.0),
            Pieces((), (1,)),
            # At its threshold of 20 torch's switch to the identity shows in float64.
            ("Softplus", {"threshold": 40.0}),
            "Softplus",
        ),
        Activation(
            "silu",
            _silu,
            _silu_slope,
            (-0.099840, 1.099840),
            _gated(-2.399357280515468, 2.399357280515468),
            ("SiLU", {}),
        ),
        Activation(
            "gelu",
            _gelu,
            _gelu_slope,
            (-0.128905, 1.128905),
            _gated(-math.sqrt(2.0), math.sqrt(2.0)),
            ("GELU", {"approximate": "none"}),
        ),
        Activation(
            "gelu_tanh",
            _gelu_tanh,
            _gelu_tanh_slope,
            (-0.128994, 1.128994),
            _gated(-1.4185040087908284, 1.4185040087908284),
            ("GELU", {"approximate": "tanh"}),
        ),
        Activation(
            "mish",
            _mish,
            _mish_slope,
            (-0.112527, 1.088499),
            _gated(-2.2563763963607931, 1.4905711794854284),
            ("Mish", {}),
            "Mish",
        ),
        Activation(
            "hardswish",
            _hardswish,
            _hardswish_slope,
            (-0.5, 1.5),
            Pieces((-3.0, 3.0), (0, 1, 0), ((-3.0, 0.0, -0.5), (3.0, 1.5, 1.0))),
            ("Hardswish", {}),
            "HardSwish",
        ),
    )
}
_PARAMETRIC = {"leaky_relu": (_leaky_relu, 0.01), "elu": (_elu, 1.0)}
_ALIASES = {"sigmoid": "logistic"}
_CALL = re.compile(r"^(\w+)\((.+)\)$")


def list_activations():
    """Names of all activations with a proven slope sector.

    Returns
    -------
    names : list of str
        Sorted; ``"leaky_relu"`` and ``"elu"`` also take a parameter, as in
        ``"leaky_relu(0.2)"``. ``"sigmoid"`` is another name for ``"logistic"``.

    Examples
    --------
    >>> from sklip.networks import list_activations
    >>> "relu" in list_activations()
    True
    """
    return sorted([*_PLAIN, *_PARAMETRIC])


def get_activation(name):
    """Look an activation up by its name.

    Parameters
    ----------
    name : str
        One of :func:`list_activations`, ``"sigmoid"``, or ``"leaky_relu(a)"``,
        ``"elu(a)"`` with a number a.

    Returns
    -------
    activation : Activation
        Function, derivative and slope sector.

    Raises
    ------
    ValueError
        If the name is not registered: its slopes are unknown, so nothing can be proven
        about a network that uses it.

    Examples
    --------
    >>> from sklip.networks import get_activation
    >>> get_activation("tanh").sector
    (0.0, 1.0)
    >>> get_activation("leaky_relu(0.2)").sector
    (0.2, 1.0)
    """
    if isinstance(name, str):
        plain = _ALIASES.get(name, name)
        if plain in _PLAIN:
            return _PLAIN[plain]
        if plain in _PARAMETRIC:
            make, default = _PARAMETRIC[plain]
            return make(default)
        match = _CALL.match(plain)
        if match and match.group(1) in _PARAMETRIC:
            value = _parse_parameter(name, match.group(2))
            return _PARAMETRIC[match.group(1)][0](value)
    raise ValueError(
        f"Unknown activation {name!r}: no slope sector is proven for it. Use one of "
        f"{', '.join(list_activations())}."
    )


def activation_names(activation, n_hidden):
    """Canonical names of the activations of the hidden layers.

    Parameters
    ----------
    activation : str or sequence of str
        One name for all hidden layers, or one for each.
    n_hidden : int
        Number of hidden layers; a single name is looked up even if there are none.

    Returns
    -------
    names : tuple of str
        One for each hidden layer.

    Raises
    ------
    TypeError, ValueError
        If a name is unknown or their number is another.
    """
    if isinstance(activation, str):
        return (get_activation(activation).name,) * n_hidden
    if not isinstance(activation, list | tuple):
        raise TypeError(
            "activation must be a name or a sequence of names, got "
            f"{type(activation).__name__}."
        )
    if len(activation) != n_hidden:
        raise ValueError(
            f"activation names {len(activation)} layers, but the network has "
            f"{n_hidden} hidden layers."
        )
    return tuple(get_activation(name).name for name in activation)


def _parse_parameter(name, text):
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise ValueError(
            f"The parameter of the activation {name!r} must be a finite number."
        )
    return value
