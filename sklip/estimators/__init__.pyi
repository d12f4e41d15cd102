# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Estimators: multilayer perceptrons that come with a proof."""

from sklip.estimators._admm import (
    ADMMLipschitzMLP,
    ADMMLipschitzMLPClassifier,
    ADMMLipschitzMLPRegressor,
)
from sklip.estimators._bounded import (
    LipschitzBoundedMLPClassifier,
    LipschitzBoundedMLPRegressor,
)
from sklip.estimators._interval import CertifiedIntervalRegressor
from sklip.estimators._meta import BaseCertifiedEstimator
from sklip.estimators._noise import NoiseLipschitzClassifier, NoiseLipschitzRegressor
from sklip.estimators._regularized import (
    LipschitzRegularizedMLP,
    LipschitzRegularizedMLPClassifier,
    LipschitzRegularizedMLPRegressor,
)
from sklip.estimators._reject import CertifiedRejectClassifier

__all__ = [
    "ADMMLipschitzMLP",
    "ADMMLipschitzMLPClassifier",
    "ADMMLipschitzMLPRegressor",
    "BaseCertifiedEstimator",
    "CertifiedIntervalRegressor",
    "CertifiedRejectClassifier",
    "LipschitzBoundedMLPClassifier",
    "LipschitzBoundedMLPRegressor",
    "LipschitzRegularizedMLP",
    "LipschitzRegularizedMLPClassifier",
    "LipschitzRegularizedMLPRegressor",
    "NoiseLipschitzClassifier",
    "NoiseLipschitzRegressor",
]
