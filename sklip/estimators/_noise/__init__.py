# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Networks that are trained to be smooth under noise."""

from sklip.estimators._noise.classifier import NoiseLipschitzClassifier
from sklip.estimators._noise.regressor import NoiseLipschitzRegressor

__all__ = ["NoiseLipschitzClassifier", "NoiseLipschitzRegressor"]
