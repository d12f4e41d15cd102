# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Activations of torch as the registered ones that they are by their arguments."""

import math

import numpy as np

from sklip.bounds._modules.layers.parameters import array_of
from sklip.bounds._modules.operators import Scale, Slope
from sklip.exceptions import UnsupportedModelError
from sklip.networks import get_activation, list_activations

__all__ = ["ACTIVATION_READERS"]

# Covers the rounding of a quotient.
_UP = 1.0 + 2.0**-50
# As torch.nn.SELU states them.
_SELU_ALPHA, _SELU_SCALE = (
    1.6732632423543772848170429916717,
    1.0507009873554804934193349852946,
)


def _read_activation(name_by):
    def read(module, shape):
        name = name_by(module)
        jump = _jump(module) if name == "softplus" else 0.0
        try:
            slope = Slope(get_activation(name).name, jump)
        except ValueError:
            raise UnsupportedModelError(
                f"No slope sector is proven for {module!r}."
            ) from None
        return [slope], shape

    return read


def _plain_activations():
    """Readers of torch's layers that are a registered activation by their arguments."""
    layers = {}
    for activation in map(get_activation, list_activations()):
        layer, arguments = activation.torch
        layers.setdefault(layer, []).append((activation.name, arguments))
    return {layer: _read_activation(_named(known)) for layer, known in layers.items()}


def _named(known):
    def name_by(module):
        for name, arguments in known:
            if all(getattr(module, key) == arguments[key] for key in arguments):
                return name
        return ""

    return name_by


def _softplus(module):
    # At a threshold below 20, torch's switch to the identity is seen in any type.
    return "softplus" if module.beta == 1 and module.threshold >= 20 else ""


def _jump(module):
    """How far softplus is above the identity where torch switches to that."""
    return math.log1p(math.exp(-module.threshold))


def _leaky_relu(module):
    slope = float(module.negative_slope)
    return "abs" if slope == -1.0 else f"leaky_relu({slope!r})"


def _prelu(module):
    weight = array_of(module.weight, module, "weight")
    return f"leaky_relu({float(weight[0])!r})" if weight.size == 1 else ""


def _between(low, high):
    """high - relu(high - low - relu(z - low)): none below low, none above high."""
    line = _line(1.0, -low), Slope("relu"), _line(-1.0, high - low), Slope("relu")
    return [*line, _line(-1.0, high)]


def _line(factor, offset):
    """A factor and an offset of all entries."""
    factor, offset = np.array([factor]), np.array([offset])
    return Scale(factor, offset, np.abs(offset))


def _read_hardtanh(module, shape):
    low, high = float(module.min_val), float(module.max_val)
    if not -math.inf < low < high < math.inf:
        raise UnsupportedModelError(f"No slope sector is proven for {module!r}.")
    return _between(low, high), shape


def _read_hardsigmoid(module, shape):
    return [_line(_UP / 6.0, 0.5), *_between(0.0, 1.0)], shape


def _read_celu(module, shape):
    alpha = float(module.alpha)
    if not alpha > 0.0:
        raise UnsupportedModelError(f"No slope sector is proven for {module!r}.")
    return [_line(_UP / alpha, 0.0), Slope("elu(1.0)"), _line(alpha, 0.0)], shape


def _read_selu(module, shape):
    return [Slope(f"elu({_SELU_ALPHA!r})"), _line(_SELU_SCALE, 0.0)], shape


ACTIVATION_READERS = {
    **_plain_activations(),
    "LeakyReLU": _read_activation(_leaky_relu),
    "PReLU": _read_activation(_prelu),
    "CELU": _read_celu,
    "Hardsigmoid": _read_hardsigmoid,
    "Hardtanh": _read_hardtanh,
    "ReLU6": _read_hardtanh,
    "SELU": _read_selu,
    "ELU": _read_activation(lambda m: f"elu({float(m.alpha)!r})"),
    "Softplus": _read_activation(_softplus),
}
