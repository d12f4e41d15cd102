# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Activations that gate their argument: silu, gelu, gelu_tanh, mish, hardswish."""

import math

import numpy as np
from scipy.special import erf, expit

from sklip.networks._activations.activation import Activation, Pieces

__all__ = ["GATED"]

_SQRT2 = np.sqrt(2.0)
_SQRT_2_PI = np.sqrt(2.0 / np.pi)
_INV_SQRT_2PI = 1.0 / np.sqrt(2.0 * np.pi)

# The slopes are constant to the last bit beyond it, and its powers do not overflow.
_SATURATED = 100.0


def _gated(low, high):
    return Pieces((low, high), (-1, 1, -1))


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


def _hardswish_body(graph, z):
    gate = graph.add("Max", graph.add("Min", graph.add("Add", z, 3.0), 6.0), 0.0)
    return graph.add("Mul", z, graph.add("Div", gate, 6.0))


GATED = (
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
        _hardswish_body,
    ),
)
