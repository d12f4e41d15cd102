# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Product bounds of torch modules: convolutions, pooling, residual blocks."""

from sklip.bounds._modules.convolution import Convolution
from sklip.bounds._modules.doubles import double_copy
from sklip.bounds._modules.graphs import (
    OnnxModule,
    module_from_onnx,
    network_from_onnx,
    opened,
)
from sklip.bounds._modules.hashing import module_hash
from sklip.bounds._modules.input_shapes import flat_rows
from sklip.bounds._modules.module_bounds import (
    feedforward_from_module,
    module_bound,
    unwrap_module,
)
from sklip.bounds._modules.network import ModuleNetwork
from sklip.bounds._modules.operators import Dense, Reshape, chain_bound
from sklip.bounds._modules.reader import operators_of, register_module_bound
from sklip.bounds._modules.residual import Residual
from sklip.bounds._modules.shaped import (
    ShapedModule,
    bound_module,
    hash_module,
    is_any_module,
    linear_norm,
    shaped_errors,
    split,
    split_steps,
    stated_module,
    unwrap_any_module,
    view_in_front,
)
from sklip.bounds._modules.shaped_view import StackView
from sklip.bounds._modules.stacks import read_stack
from sklip.bounds._modules.views import ModuleView, is_bare, view_of

__all__ = [
    "Convolution",
    "Dense",
    "Reshape",
    "chain_bound",
    "opened",
    "operators_of",
    "ModuleNetwork",
    "ModuleView",
    "OnnxModule",
    "Residual",
    "ShapedModule",
    "StackView",
    "bound_module",
    "double_copy",
    "flat_rows",
    "read_stack",
    "view_of",
    "feedforward_from_module",
    "hash_module",
    "is_any_module",
    "is_bare",
    "linear_norm",
    "module_bound",
    "module_from_onnx",
    "network_from_onnx",
    "module_hash",
    "register_module_bound",
    "shaped_errors",
    "split",
    "split_steps",
    "stated_module",
    "unwrap_any_module",
    "view_in_front",
    "unwrap_module",
]
