# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""ONNX graphs, read as fully connected networks."""

from sklip.networks._onnx.graph import Layers, read_graph

__all__ = ["Layers", "read_graph"]
