# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Training in torch and skorch: modules, losses, penalties and the nets."""

from sklip.training._admm import (
    ADMM,
    SDP_SOLVERS,
    ConsensusTerm,
    LipschitzUpdate,
    certified_network,
    fit_biases,
    load_weights,
    rescaled,
    run_admm,
    start_state,
)
from sklip.training._bounded import BoundedBackprop, BoundedMLP, BoundedNet, units_of
from sklip.training._data import BatchIterator, TensorData
from sklip.training._history import LipschitzHistory
from sklip.training._lipschitz_step import CvxpyStep, StepResult, lipschitz_step
from sklip.training._losses import CLASSIFIER_LOSSES, LOSSES, REGRESSOR_LOSSES
from sklip.training._modules import (
    MODULES,
    FlatMLP,
    FlatModule,
    build_module,
    check_built_module,
    check_module_parameter,
    convnet,
    forward_in_chunks,
    module_arrays,
    resnet,
    sequential_module,
)
from sklip.training._net import MLPNet, check_callbacks
from sklip.training._packing import pack_history, unpack_history
from sklip.training._passes import Backprop, ModuleBackprop, NoiseBackprop, amp_dtype
from sklip.training._penalties import PENALTIES, NoiseTerm, state_seed
from sklip.training._state import export_training_state, restore_training_state
from sklip.training._stopping import StoppingRule

__all__ = [
    "ADMM",
    "CLASSIFIER_LOSSES",
    "LOSSES",
    "MODULES",
    "PENALTIES",
    "REGRESSOR_LOSSES",
    "SDP_SOLVERS",
    "Backprop",
    "BatchIterator",
    "BoundedBackprop",
    "BoundedMLP",
    "BoundedNet",
    "ConsensusTerm",
    "CvxpyStep",
    "FlatMLP",
    "FlatModule",
    "LipschitzHistory",
    "LipschitzUpdate",
    "MLPNet",
    "ModuleBackprop",
    "NoiseBackprop",
    "NoiseTerm",
    "StepResult",
    "StoppingRule",
    "TensorData",
    "amp_dtype",
    "build_module",
    "certified_network",
    "check_built_module",
    "check_callbacks",
    "check_module_parameter",
    "convnet",
    "export_training_state",
    "fit_biases",
    "forward_in_chunks",
    "module_arrays",
    "lipschitz_step",
    "load_weights",
    "resnet",
    "pack_history",
    "rescaled",
    "restore_training_state",
    "run_admm",
    "sequential_module",
    "start_state",
    "state_seed",
    "units_of",
    "unpack_history",
]
