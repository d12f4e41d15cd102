# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Activations as functions of basic operators, which runtimes have in float64.

onnxruntime has no float64 Elu, Erf, LeakyRelu or Softplus, and some operators hold
their constants in float32 whatever they compute in. A graph brings such an activation
along as a function of its own; the reader knows it again by its body.
"""

import numpy as np
from scipy.special import roots_legendre

from sklip.networks._activations import get_activation, list_activations
from sklip.networks._onnx.building import FUNCTION_DOMAIN, OPSET, Builder

__all__ = [
    "ONNX_FUNCTIONS",
    "PARAMETRIC_FUNCTIONS",
    "activation_function",
    "exp_minus_one_below",
    "is_own_function",
]

# Gauss-Legendre nodes for erf(z) / z on |z| <= 6, beyond which erf is 1 in float64.
_N_NODES = 24
_ERF_IS_ONE = 6.0
_SATURATED = 100.0
# As far as another machine may compute the nodes of a quadrature otherwise.
_MACHINES = 1e-13


def exp_minus_one_below(body, z):
    """expm1 by tanh(z / 2), which keeps the digits of small z; z must not be large."""
    t = body.add("Tanh", body.add("Mul", z, 0.5))
    return body.add("Div", body.add("Add", t, t), body.add("Sub", 1.0, t))


def _log_one_plus_exp(body, z):
    decay = body.add("Exp", body.add("Neg", body.add("Abs", z)))
    tail = body.add("Log", body.add("Add", decay, 1.0))
    return body.add("Add", body.add("Max", z, 0.0), tail)


def _erf(body, z):
    """2 z / sqrt(pi) times the integral of exp(-z^2 s^2) over s from 0 to 1."""
    nodes, weights = roots_legendre(_N_NODES)
    nodes, weights = (nodes + 1.0) / 2.0, weights / np.sqrt(np.pi)
    inside = body.add("Less", body.add("Abs", z), _ERF_IS_ONE)
    near = body.add("Where", inside, z, 0.0)
    square = body.add("Mul", near, near)
    powers = body.add(
        "Mul", body.add("Unsqueeze", square, body.indices([-1])), -(nodes**2)
    )
    mean = body.add("MatMul", body.add("Exp", powers), weights)
    return body.add("Where", inside, body.add("Mul", near, mean), body.add("Sign", z))


def _leaky_relu(body, z, slope):
    below = body.add("Mul", body.add("Min", z, 0.0), slope)
    return body.add("Add", body.add("Max", z, 0.0), below)


def _elu(body, z, scale):
    below = exp_minus_one_below(body, body.add("Min", z, 0.0))
    return body.add("Add", body.add("Max", z, 0.0), body.add("Mul", below, scale))


def _mish(body, z):
    return body.add("Mul", z, body.add("Tanh", _log_one_plus_exp(body, z)))


def _gelu(body, z):
    gate = body.add("Add", _erf(body, body.add("Div", z, np.sqrt(2.0))), 1.0)
    return body.add("Mul", z, body.add("Mul", gate, 0.5))


def _gelu_tanh(body, z):
    clipped = body.add("Max", body.add("Min", z, _SATURATED), -_SATURATED)
    square = body.add("Mul", clipped, clipped)
    factor = body.add("Add", body.add("Mul", square, 0.044715), 1.0)
    inner = body.add("Mul", body.add("Mul", clipped, factor), np.sqrt(2.0 / np.pi))
    gate = body.add("Add", body.add("Tanh", inner), 1.0)
    return body.add("Mul", z, body.add("Mul", gate, 0.5))


def _identity(body, z):
    """So that two affine layers are read as two."""
    return body.add("Identity", z)


_BODIES = {
    "elu": _elu,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "identity": _identity,
    "leaky_relu": _leaky_relu,
    "mish": _mish,
    "softplus": _log_one_plus_exp,
}
# Others are written where the activation itself is.
_BODIES |= {a.name: a.body for a in map(get_activation, list_activations()) if a.body}
ONNX_FUNCTIONS = tuple(_BODIES)
# Their parameter is a second input, a scalar.
PARAMETRIC_FUNCTIONS = ("elu", "leaky_relu")


def activation_function(family, dtype):
    """FunctionProto of an activation.

    Parameters
    ----------
    family : str
        Name of an activation without its parameter.
    dtype : {"float64", "float32"}
        Type of its constants.

    Returns
    -------
    function : onnx.FunctionProto
        In the domain of sklip; of z, and of the parameter if the family has one.
    """
    import onnx

    body = Builder(dtype)
    inputs = ["z", "parameter"] if family in PARAMETRIC_FUNCTIONS else ["z"]
    body.taken.update(inputs)
    output = _BODIES[family](body, *inputs)
    imports = [onnx.helper.make_opsetid("", OPSET)]
    return onnx.helper.make_function(
        FUNCTION_DOMAIN, family, inputs, [output], body.nodes, imports
    )


def is_own_function(function):
    """Whether a function is what this version of sklip writes under its name."""
    if function.domain != FUNCTION_DOMAIN or function.name not in _BODIES:
        return False
    return any(
        _same_body(function, activation_function(function.name, dtype))
        for dtype in ("float64", "float32")
    )


def _same_body(first, second):
    """Whether all is equal; the nodes of a quadrature up to another machine's."""
    return (
        list(first.input) == list(second.input)
        and list(first.output) == list(second.output)
        and len(first.node) == len(second.node)
        and all(map(_same_node, first.node, second.node))
    )


def _same_node(first, second):
    import onnx

    if first.op_type == second.op_type == "Constant" and first.output == second.output:
        values = [
            onnx.numpy_helper.to_array(attribute.t)
            for node in (first, second)
            for attribute in node.attribute
        ]
        return (
            len(values) == 2
            and values[0].dtype == values[1].dtype
            and values[0].shape == values[1].shape
            and np.allclose(*values, rtol=_MACHINES, atol=0.0)
        )
    texts = [node.SerializeToString(deterministic=True) for node in (first, second)]
    return texts[0] == texts[1]
