# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""ONNX graphs: read as fully connected networks, and built node by node."""

from sklip.networks._onnx.building import FUNCTION_DOMAIN, OPSET, Graph
from sklip.networks._onnx.functions import (
    ONNX_FUNCTIONS,
    PARAMETRIC_FUNCTIONS,
    activation_function,
    exp_minus_one_below,
)
from sklip.networks._onnx.graph import Layers, OnnxReader, read_graph
from sklip.networks._onnx.loading import (
    declared_shape,
    import_onnx,
    is_onnx_model,
    load_graph,
)
from sklip.networks._onnx.nodes import attributes_of

__all__ = [
    "FUNCTION_DOMAIN",
    "ONNX_FUNCTIONS",
    "OPSET",
    "PARAMETRIC_FUNCTIONS",
    "Graph",
    "OnnxReader",
    "Layers",
    "activation_function",
    "attributes_of",
    "exp_minus_one_below",
    "import_onnx",
    "declared_shape",
    "is_onnx_model",
    "load_graph",
    "read_graph",
]
