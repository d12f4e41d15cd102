# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Torch modules: perceptrons, image networks, and the user's own."""

from sklip.training._modules.checks import (
    check_built_module,
    check_module_parameter,
    module_layout,
)
from sklip.training._modules.convnet import (
    MODULES,
    build_module,
    convnet,
    module_arguments,
)
from sklip.training._modules.flat import FlatModule, forward_in_chunks, module_arrays
from sklip.training._modules.mlp import FlatMLP, sequential_module
from sklip.training._modules.resnet import resnet

__all__ = [
    "FlatMLP",
    "FlatModule",
    "MODULES",
    "build_module",
    "check_built_module",
    "check_module_parameter",
    "convnet",
    "forward_in_chunks",
    "module_arguments",
    "module_arrays",
    "module_layout",
    "resnet",
    "sequential_module",
]
