# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Forward and backward passes of the activations in torch, without autograd."""

from dataclasses import dataclass

import torch
from torch.nn import functional

from sklip.networks import get_activation

__all__ = ["Kernel", "activation_kernel", "torch_activation"]

_aten = torch.ops.aten


@dataclass(frozen=True)
class Kernel:
    """One activation of the hand-written pass."""

    # ``forward(z, out)``; writes the activations to out, which may be z itself unless
    # ``needs_input``.
    forward: object
    backward: object  # ``backward(grad, saved)``: multiplies grad in place by the slope
    # Whether ``saved`` is the input z (True) or the output (False).
    needs_input: bool = False


def _identity_forward(z, out):
    return z


def _identity_backward(grad, saved):
    return grad


def _relu_forward(z, out):
    return torch.clamp_min(z, 0, out=out)


def _relu_backward(grad, saved):
    return _aten.threshold_backward.grad_input(grad, saved, 0, grad_input=grad)


def _abs_backward(grad, saved):
    # At 0 the slope is 0, as everywhere in torch.
    return grad.mul_(torch.sign(saved))


def _tanh_backward(grad, saved):
    return _aten.tanh_backward.grad_input(grad, saved, grad_input=grad)


def _logistic_backward(grad, saved):
    return _aten.sigmoid_backward.grad_input(grad, saved, grad_input=grad)


def _from_functional(function, backward):
    """Kernel of an activation whose slope needs the input z."""

    def forward(z, out):
        return out.copy_(function(z))

    def multiply(grad, saved):
        return grad.copy_(backward(grad, saved))

    return Kernel(forward, multiply, needs_input=True)


# Torch's own derivatives, without the graph that autograd builds at every step.
_KERNELS = {
    "identity": Kernel(_identity_forward, _identity_backward),
    "relu": Kernel(_relu_forward, _relu_backward),
    "abs": Kernel(
        lambda z, out: torch.abs(z, out=out), _abs_backward, needs_input=True
    ),
    "tanh": Kernel(lambda z, out: torch.tanh(z, out=out), _tanh_backward),
    "logistic": Kernel(lambda z, out: torch.sigmoid(z, out=out), _logistic_backward),
    "softplus": _from_functional(
        functional.softplus, lambda g, z: _aten.softplus_backward(g, z, 1.0, 20.0)
    ),
    "silu": _from_functional(functional.silu, _aten.silu_backward),
    "gelu": _from_functional(functional.gelu, _aten.gelu_backward),
    "gelu_tanh": _from_functional(
        lambda z: functional.gelu(z, approximate="tanh"),
        lambda g, z: _aten.gelu_backward(g, z, approximate="tanh"),
    ),
    "mish": _from_functional(functional.mish, _aten.mish_backward),
    "hardswish": _from_functional(functional.hardswish, _aten.hardswish_backward),
}


def activation_kernel(name):
    """Forward and backward pass of a registered activation, by its name."""
    activation = get_activation(name)
    if activation.family == "leaky_relu":
        slope = activation.parameter
        return _from_functional(
            lambda z: functional.leaky_relu(z, slope),
            lambda g, z: _aten.leaky_relu_backward(g, z, slope, False),
        )
    if activation.family == "elu":
        scale = activation.parameter
        return _from_functional(
            lambda z: functional.elu(z, scale),
            lambda g, z: _aten.elu_backward(g, scale, 1.0, 1.0, False, z),
        )
    return _KERNELS.get(activation.name) or _by_autograd(activation)


def torch_activation(name):
    """A registered activation, by its name, as a layer of torch."""
    layer, arguments = get_activation(name).torch
    return getattr(torch.nn, layer)(**arguments)


def _by_autograd(activation):
    """Kernel of an activation that has none of its own: torch's layer."""
    layer = torch_activation(activation.name)

    def backward(grad, z):
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            return torch.autograd.grad(layer(z), z, grad)[0]

    return _from_functional(layer, backward)
