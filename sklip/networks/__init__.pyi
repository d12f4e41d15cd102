# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a network is: activations, the frozen network, views of fitted models."""

from sklip.networks._activations import (
    Activation,
    activation_names,
    get_activation,
    list_activations,
)
from sklip.networks._export import to_onnx
from sklip.networks._feedforward import FeedForward
from sklip.networks._folding import pipeline_steps
from sklip.networks._formats import is_stored, stored_network
from sklip.networks._network_view import (
    label_views,
    logits_view,
    network_view,
    prediction_view,
)
from sklip.networks._onnx import (
    ONNX_FUNCTIONS,
    OnnxReader,
    attributes_of,
    declared_shape,
    is_onnx_model,
    load_graph,
)
from sklip.networks._random import random_network
from sklip.networks._reading import Unwrapped, unwrap, unwrap_search
from sklip.networks._rows import RowWriter
from sklip.networks._trust import (
    full_name,
    is_exactly,
    makes_statement,
    need_unaltered,
    statement_of,
)
from sklip.networks._view import NetworkView

__all__ = [
    "Activation",
    "FeedForward",
    "NetworkView",
    "ONNX_FUNCTIONS",
    "OnnxReader",
    "RowWriter",
    "Unwrapped",
    "activation_names",
    "attributes_of",
    "declared_shape",
    "full_name",
    "get_activation",
    "label_views",
    "list_activations",
    "logits_view",
    "is_exactly",
    "is_onnx_model",
    "is_stored",
    "load_graph",
    "makes_statement",
    "need_unaltered",
    "network_view",
    "pipeline_steps",
    "prediction_view",
    "random_network",
    "statement_of",
    "stored_network",
    "to_onnx",
    "unwrap",
    "unwrap_search",
]
