# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Multilayer perceptrons that are bounded by construction."""

from sklip.estimators._bounded.classifier import LipschitzBoundedMLPClassifier
from sklip.estimators._bounded.regressor import LipschitzBoundedMLPRegressor

__all__ = ["LipschitzBoundedMLPClassifier", "LipschitzBoundedMLPRegressor"]
