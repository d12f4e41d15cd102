# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""ONNX graphs with convolutions, pooling or branches, read as torch modules."""

from sklip.bounds._modules.graphs.module import OnnxModule
from sklip.bounds._modules.graphs.reader import (
    module_from_onnx,
    network_from_onnx,
    opened,
)

__all__ = ["OnnxModule", "module_from_onnx", "network_from_onnx", "opened"]
