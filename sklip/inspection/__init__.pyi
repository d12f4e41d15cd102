# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Pictures of bounds, radii and training, after scikit-learn's Display objects."""

from sklip.inspection._certified_accuracy import CertifiedAccuracyDisplay
from sklip.inspection._certified_confusion import CertifiedConfusionMatrixDisplay
from sklip.inspection._certified_radius import CertifiedRadiusDisplay
from sklip.inspection._feature_slopes import FeatureSlopesDisplay
from sklip.inspection._jacobian import JacobianDiagnosticDisplay
from sklip.inspection._lipschitz_bounds import LipschitzBoundsDisplay
from sklip.inspection._noise_robustness import NoiseRobustnessDisplay
from sklip.inspection._risk_coverage import RiskCoverageDisplay
from sklip.inspection._sensitivity import sensitivity_table
from sklip.inspection._text import shortened
from sklip.inspection._training_curve import TrainingCurveDisplay

__all__ = [
    "CertifiedAccuracyDisplay",
    "CertifiedConfusionMatrixDisplay",
    "CertifiedRadiusDisplay",
    "FeatureSlopesDisplay",
    "JacobianDiagnosticDisplay",
    "LipschitzBoundsDisplay",
    "NoiseRobustnessDisplay",
    "RiskCoverageDisplay",
    "TrainingCurveDisplay",
    "sensitivity_table",
    "shortened",
]
