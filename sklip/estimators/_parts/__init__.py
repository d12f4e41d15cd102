# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What an estimator's network is: fully connected layers, or any torch module."""

from sklip.estimators._parts.choice import check_module_choice
from sklip.estimators._parts.dense import DensePart
from sklip.estimators._parts.module import ModulePart

__all__ = ["DensePart", "ModulePart", "check_module_choice"]
