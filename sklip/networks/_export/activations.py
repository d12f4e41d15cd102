# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Networks as ONNX nodes."""

import numpy as np

from sklip.networks._onnx import (
    FUNCTION_DOMAIN,
    PARAMETRIC_FUNCTIONS,
    activation_function,
)

__all__ = ["add_network"]

# Operators that onnxruntime has in float64 too, and that are exact there.
_EVERYWHERE = {"abs": "Abs", "logistic": "Sigmoid", "relu": "Relu", "tanh": "Tanh"}
# Operators with attributes, which are single precision: for float32 alone.
_WITH_ATTRIBUTES = {
    "elu": ("Elu", {}),
    "gelu": ("Gelu", {}),
    "gelu_tanh": ("Gelu", {"approximate": "tanh"}),
    "leaky_relu": ("LeakyRelu", {}),
}


def add_network(graph, network, tensor):
    """Name of the outputs of a network, (n_samples, n_outputs), behind its inputs'."""
    activations = (*network.activations, None)
    for w, b, activation in zip(
        network.weights, network.biases, activations, strict=True
    ):
        tensor = graph.add("Gemm", tensor, w, b, transB=1)
        if activation is not None:
            tensor = _activated(graph, activation, tensor)
    return tensor


def _activated(graph, activation, z):
    family = activation.family
    if family in _EVERYWHERE:
        return graph.add(_EVERYWHERE[family], z)
    if family == "silu":
        return graph.add("Mul", z, graph.add("Sigmoid", z))
    parameter = activation.parameter
    operator, attributes = _WITH_ATTRIBUTES.get(family, (activation.onnx, {}))
    if graph.dtype == np.float32 and operator is not None:
        if parameter is not None:
            attributes = {"alpha": parameter}
        return graph.add(operator, z, **attributes)
    graph.functions.setdefault(family, activation_function(family, "float64"))
    more = [parameter] if family in PARAMETRIC_FUNCTIONS else []
    return graph.add(family, z, *more, domain=FUNCTION_DOMAIN)
