# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Multilayer perceptrons that are trained by ADMM."""

from sklip.estimators._admm.base import ADMMLipschitzMLP
from sklip.estimators._admm.classifier import ADMMLipschitzMLPClassifier
from sklip.estimators._admm.regressor import ADMMLipschitzMLPRegressor

__all__ = [
    "ADMMLipschitzMLP",
    "ADMMLipschitzMLPClassifier",
    "ADMMLipschitzMLPRegressor",
]
