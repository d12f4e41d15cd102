# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""ONNX graphs: read as fully connected networks, and built node by node."""

from sklip.networks._onnx.building import FUNCTION_DOMAIN, Graph
from sklip.networks._onnx.functions import (
    PARAMETRIC_FUNCTIONS,
    activation_function,
    exp_minus_one,
)
from sklip.networks._onnx.graph import (
    Layers,
    import_onnx,
    is_onnx_model,
    read_graph,
)

__all__ = [
    "FUNCTION_DOMAIN",
    "PARAMETRIC_FUNCTIONS",
    "Graph",
    "Layers",
    "activation_function",
    "exp_minus_one",
    "import_onnx",
    "is_onnx_model",
    "read_graph",
]
