# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Training in torch and skorch: modules, losses, penalties and the nets."""

from sklip.training._admm import ADMM, load_weights
from sklip.training._admm_deploy import certified_network
from sklip.training._admm_loop import run_admm
from sklip.training._admm_state import rescaled, start_state
from sklip.training._admm_update import SDP_SOLVERS, LipschitzUpdate
from sklip.training._backprop import Backprop
from sklip.training._biases import fit_biases
from sklip.training._consensus import ConsensusTerm
from sklip.training._convnet import MODULES, build_module, convnet
from sklip.training._data import BatchIterator, TensorData
from sklip.training._flat_module import FlatModule, forward_in_chunks
from sklip.training._history import LipschitzHistory
from sklip.training._lipschitz_step import StepResult, lipschitz_step
from sklip.training._lipschitz_step_cvxpy import CvxpyStep
from sklip.training._losses import CLASSIFIER_LOSSES, LOSSES, REGRESSOR_LOSSES
from sklip.training._module import FlatMLP, sequential_module
from sklip.training._module_backprop import ModuleBackprop, amp_dtype
from sklip.training._module_checks import (
    check_built_module,
    check_module_parameter,
)
from sklip.training._net import MLPNet, check_callbacks
from sklip.training._noise import NoiseTerm, state_seed
from sklip.training._noise_backprop import NoiseBackprop
from sklip.training._packing import pack_history, unpack_history
from sklip.training._penalties import PENALTIES
from sklip.training._resnet import resnet
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
    "unpack_history",
]
