# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Estimators: multilayer perceptrons that come with a proof."""

from sklip.estimators._regularized import (
    LipschitzRegularizedMLP,
    LipschitzRegularizedMLPClassifier,
)
from sklip.estimators._regularized_regressor import LipschitzRegularizedMLPRegressor

__all__ = [
    "LipschitzRegularizedMLP",
    "LipschitzRegularizedMLPClassifier",
    "LipschitzRegularizedMLPRegressor",
]
