# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Activations of torch as the registered ones that they are by their arguments."""

import math

from sklip.bounds._modules.layers.parameters import array_of
from sklip.bounds._modules.operators import Slope
from sklip.exceptions import UnsupportedModelError
from sklip.networks import get_activation, list_activations

__all__ = ["ACTIVATION_READERS"]


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


ACTIVATION_READERS = {
    **_plain_activations(),
    "LeakyReLU": _read_activation(_leaky_relu),
    "PReLU": _read_activation(_prelu),
    "ELU": _read_activation(lambda m: f"elu({float(m.alpha)!r})"),
    "Softplus": _read_activation(_softplus),
}
