# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""ONNX graphs: read as fully connected networks, and built node by node."""

from sklip.networks._onnx.building import FUNCTION_DOMAIN, OPSET, Graph
from sklip.networks._onnx.functions import (
    PARAMETRIC_FUNCTIONS,
    activation_function,
    exp_minus_one_below,
)
from sklip.networks._onnx.graph import (
    Layers,
    import_onnx,
    is_onnx_model,
    read_graph,
)

__all__ = [
    "FUNCTION_DOMAIN",
    "OPSET",
    "PARAMETRIC_FUNCTIONS",
    "Graph",
    "Layers",
    "activation_function",
    "exp_minus_one_below",
    "import_onnx",
    "is_onnx_model",
    "read_graph",
]
