# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Lipschitz-regularized and certified neural networks for scikit-learn."""

from sklip.bounds import (
    JacobianDiagnostic,
    LipschitzCertificate,
    LipschitzEstimate,
    check_certificate,
    expected_lipschitz,
    jacobian_diagnostic,
    jacobian_variance,
    lipschitz_bound,
    lipschitz_bracket,
    lipschitz_lower_bound,
    measured_gain,
)
from sklip.certification import (
    adversarial_accuracy_score,
    adversarial_interval,
    certified_accuracy_curve,
    certified_accuracy_score,
    certified_interval,
    certified_radius,
    margins,
    noise_accuracy_curve,
    risk_coverage_curve,
    robustness_bracket,
)
from sklip.datasets import load_mnist
from sklip.estimators import (
    ADMMLipschitzMLP,
    ADMMLipschitzMLPClassifier,
    ADMMLipschitzMLPRegressor,
    CertifiedIntervalRegressor,
    CertifiedRejectClassifier,
    LipschitzRegularizedMLP,
    LipschitzRegularizedMLPClassifier,
    LipschitzRegularizedMLPRegressor,
    NoiseLipschitzClassifier,
    NoiseLipschitzRegressor,
)
from sklip.inspection import (
    CertifiedAccuracyDisplay,
    JacobianDiagnosticDisplay,
    LipschitzBoundsDisplay,
    NoiseRobustnessDisplay,
    RiskCoverageDisplay,
    TrainingCurveDisplay,
    sensitivity_table,
)
from sklip.metrics import (
    make_adversarial_accuracy_scorer,
    make_certified_accuracy_scorer,
    make_lipschitz_scorer,
    make_noise_accuracy_scorer,
)
from sklip.networks import FeedForward
from sklip.training import LipschitzHistory

__version__ = "0.1.0.dev0"

__all__ = [
    "ADMMLipschitzMLP",
    "ADMMLipschitzMLPClassifier",
    "ADMMLipschitzMLPRegressor",
    "CertifiedAccuracyDisplay",
    "CertifiedIntervalRegressor",
    "CertifiedRejectClassifier",
    "FeedForward",
    "JacobianDiagnostic",
    "JacobianDiagnosticDisplay",
    "LipschitzBoundsDisplay",
    "LipschitzCertificate",
    "LipschitzEstimate",
    "LipschitzHistory",
    "LipschitzRegularizedMLP",
    "LipschitzRegularizedMLPClassifier",
    "LipschitzRegularizedMLPRegressor",
    "NoiseLipschitzClassifier",
    "NoiseLipschitzRegressor",
    "NoiseRobustnessDisplay",
    "RiskCoverageDisplay",
    "TrainingCurveDisplay",
    "__version__",
    "adversarial_accuracy_score",
    "adversarial_interval",
    "certified_accuracy_curve",
    "certified_accuracy_score",
    "certified_interval",
    "certified_radius",
    "check_certificate",
    "expected_lipschitz",
    "jacobian_diagnostic",
    "jacobian_variance",
    "lipschitz_bound",
    "lipschitz_bracket",
    "lipschitz_lower_bound",
    "load_mnist",
    "make_adversarial_accuracy_scorer",
    "make_certified_accuracy_scorer",
    "make_lipschitz_scorer",
    "make_noise_accuracy_scorer",
    "margins",
    "measured_gain",
    "noise_accuracy_curve",
    "risk_coverage_curve",
    "robustness_bracket",
    "sensitivity_table",
]
