# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Training in torch and skorch: modules, losses, penalties and the nets."""

from sklip.training._data import BatchIterator, TensorData
from sklip.training._losses import CLASSIFIER_LOSSES, LOSSES, REGRESSOR_LOSSES
from sklip.training._module import FlatMLP, sequential_module
from sklip.training._net import MLPNet, check_callbacks
from sklip.training._penalties import PENALTIES
from sklip.training._state import export_training_state, restore_training_state
from sklip.training._stopping import StoppingRule

__all__ = [
    "CLASSIFIER_LOSSES",
    "LOSSES",
    "PENALTIES",
    "REGRESSOR_LOSSES",
    "BatchIterator",
    "FlatMLP",
    "MLPNet",
    "StoppingRule",
    "TensorData",
    "check_callbacks",
    "export_training_state",
    "restore_training_state",
    "sequential_module",
]
