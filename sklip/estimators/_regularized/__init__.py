# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Multilayer perceptrons with a penalty on their Lipschitz constant."""

from sklip.estimators._regularized.classifier import (
    LipschitzRegularizedMLP,
    LipschitzRegularizedMLPClassifier,
)
from sklip.estimators._regularized.regressor import LipschitzRegularizedMLPRegressor

__all__ = [
    "LipschitzRegularizedMLP",
    "LipschitzRegularizedMLPClassifier",
    "LipschitzRegularizedMLPRegressor",
]
