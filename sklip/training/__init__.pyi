# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Training in torch and skorch: modules, losses, penalties and the nets."""

from sklip.training._admm import (
    ADMM,
    FIRST_RHO,
    SDP_SOLVERS,
    ConsensusTerm,
    LipschitzUpdate,
    Refresh,
    certified_network,
    fit_biases,
    full_allowance,
    load_weights,
    rescaled,
    rounded,
    run_admm,
    start_state,
)
from sklip.training._bounded import BoundedBackprop, BoundedMLP, BoundedNet, units_of
from sklip.training._callbacks import (
    EpochHooks,
    callback_params,
    check_callbacks,
    set_callback_params,
    without_training_state,
)
from sklip.training._data import BatchIterator, SparseRows, TensorData
from sklip.training._history import LipschitzHistory
from sklip.training._interrupts import is_second_signal
from sklip.training._lipschitz_step import CvxpyStep, StepResult, lipschitz_step
from sklip.training._losses import (
    CLASSIFIER_LOSSES,
    LABEL_LOSSES,
    LOG_LINK_LOSSES,
    LOSSES,
    REGRESSOR_LOSSES,
)
from sklip.training._modules import (
    MODULES,
    FlatMLP,
    FlatModule,
    build_module,
    check_built_module,
    check_module_parameter,
    convnet,
    forward_in_chunks,
    module_arguments,
    module_arrays,
    module_layout,
    resnet,
    sequential_module,
)
from sklip.training._net import MLPNet
from sklip.training._packing import pack_history, unpack_history
from sklip.training._passes import Backprop, ModuleBackprop, NoiseBackprop, amp_dtype
from sklip.training._penalties import PENALTIES, NoiseTerm
from sklip.training._schedule import SCHEDULES, Schedule
from sklip.training._state import (
    export_random_state,
    export_training_state,
    random_state_of,
    restore_training_state,
)
from sklip.training._stopping import StoppingRule

__all__ = [
    "ADMM",
    "CLASSIFIER_LOSSES",
    "FIRST_RHO",
    "LABEL_LOSSES",
    "LOG_LINK_LOSSES",
    "LOSSES",
    "MODULES",
    "PENALTIES",
    "REGRESSOR_LOSSES",
    "SCHEDULES",
    "SDP_SOLVERS",
    "Backprop",
    "BatchIterator",
    "BoundedBackprop",
    "BoundedMLP",
    "BoundedNet",
    "ConsensusTerm",
    "CvxpyStep",
    "EpochHooks",
    "FlatMLP",
    "FlatModule",
    "LipschitzHistory",
    "LipschitzUpdate",
    "MLPNet",
    "ModuleBackprop",
    "NoiseBackprop",
    "NoiseTerm",
    "Refresh",
    "Schedule",
    "SparseRows",
    "StepResult",
    "StoppingRule",
    "TensorData",
    "amp_dtype",
    "build_module",
    "callback_params",
    "certified_network",
    "check_built_module",
    "check_callbacks",
    "check_module_parameter",
    "convnet",
    "export_random_state",
    "export_training_state",
    "fit_biases",
    "forward_in_chunks",
    "full_allowance",
    "is_second_signal",
    "lipschitz_step",
    "load_weights",
    "module_arguments",
    "module_arrays",
    "module_layout",
    "pack_history",
    "random_state_of",
    "rescaled",
    "resnet",
    "restore_training_state",
    "rounded",
    "run_admm",
    "sequential_module",
    "set_callback_params",
    "start_state",
    "units_of",
    "unpack_history",
    "without_training_state",
]
