# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Lipschitz-regularized and certified neural networks for scikit-learn."""

from sklip import bounds as bounds
from sklip import certification as certification
from sklip import datasets as datasets
from sklip import estimators as estimators
from sklip import exceptions as exceptions
from sklip import inspection as inspection
from sklip import metrics as metrics
from sklip import model_selection as model_selection
from sklip import networks as networks
from sklip import preprocessing as preprocessing
from sklip import training as training
from sklip._version import __version__
from sklip.bounds import (
    JacobianDiagnostic,
    LipschitzCertificate,
    LipschitzEstimate,
    check_certificate,
    expected_lipschitz,
    feature_slopes,
    jacobian_diagnostic,
    jacobian_variance,
    lipschitz_bound,
    lipschitz_bracket,
    lipschitz_lower_bound,
    local_lipschitz_bound,
    measured_gain,
)
from sklip.certification import (
    NearestFlips,
    Specification,
    Verification,
    adversarial_accuracy_score,
    adversarial_interval,
    certification_report,
    certified_accuracy_curve,
    certified_accuracy_score,
    certified_error_score,
    certified_interval,
    certified_radius,
    margins,
    minimum_norm_attack,
    nearest_flip,
    noise_accuracy_curve,
    risk_coverage_curve,
    robustness_bracket,
    verify_robustness,
    verify_specification,
)
from sklip.datasets import load_mnist
from sklip.estimators import (
    ADMMLipschitzMLP,
    ADMMLipschitzMLPClassifier,
    ADMMLipschitzMLPRegressor,
    CertifiedIntervalRegressor,
    CertifiedRejectClassifier,
    LipschitzBoundedMLPClassifier,
    LipschitzBoundedMLPRegressor,
    LipschitzRegularizedMLP,
    LipschitzRegularizedMLPClassifier,
    LipschitzRegularizedMLPRegressor,
    NoiseLipschitzClassifier,
    NoiseLipschitzRegressor,
)
from sklip.inspection import (
    CertifiedAccuracyDisplay,
    CertifiedConfusionMatrixDisplay,
    CertifiedRadiusDisplay,
    FeatureSlopesDisplay,
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
    make_certified_error_scorer,
    make_lipschitz_scorer,
    make_noise_accuracy_scorer,
)
from sklip.model_selection import (
    LipschitzBudget,
    OneStandardError,
    pareto_front,
)
from sklip.networks import FeedForward, to_onnx
from sklip.preprocessing import (
    CertifiedRadiusTransformer,
    LipschitzScaler,
    LocalLipschitzTransformer,
)
from sklip.training import LipschitzHistory

__all__ = [
    "ADMMLipschitzMLP",
    "ADMMLipschitzMLPClassifier",
    "ADMMLipschitzMLPRegressor",
    "CertifiedAccuracyDisplay",
    "CertifiedConfusionMatrixDisplay",
    "CertifiedRadiusDisplay",
    "CertifiedIntervalRegressor",
    "CertifiedRadiusTransformer",
    "CertifiedRejectClassifier",
    "FeatureSlopesDisplay",
    "FeedForward",
    "JacobianDiagnostic",
    "JacobianDiagnosticDisplay",
    "LipschitzBoundedMLPClassifier",
    "LipschitzBoundedMLPRegressor",
    "LipschitzBoundsDisplay",
    "LipschitzBudget",
    "LipschitzCertificate",
    "LipschitzEstimate",
    "LipschitzHistory",
    "LipschitzRegularizedMLP",
    "LipschitzRegularizedMLPClassifier",
    "LipschitzRegularizedMLPRegressor",
    "LipschitzScaler",
    "LocalLipschitzTransformer",
    "NoiseLipschitzClassifier",
    "NoiseLipschitzRegressor",
    "NoiseRobustnessDisplay",
    "OneStandardError",
    "RiskCoverageDisplay",
    "Specification",
    "TrainingCurveDisplay",
    "NearestFlips",
    "Verification",
    "__version__",
    "adversarial_accuracy_score",
    "adversarial_interval",
    "certification_report",
    "certified_accuracy_curve",
    "certified_accuracy_score",
    "certified_error_score",
    "certified_interval",
    "certified_radius",
    "check_certificate",
    "expected_lipschitz",
    "feature_slopes",
    "jacobian_diagnostic",
    "jacobian_variance",
    "lipschitz_bound",
    "lipschitz_bracket",
    "lipschitz_lower_bound",
    "load_mnist",
    "local_lipschitz_bound",
    "make_adversarial_accuracy_scorer",
    "make_certified_accuracy_scorer",
    "make_certified_error_scorer",
    "make_lipschitz_scorer",
    "make_noise_accuracy_scorer",
    "margins",
    "measured_gain",
    "minimum_norm_attack",
    "nearest_flip",
    "noise_accuracy_curve",
    "pareto_front",
    "risk_coverage_curve",
    "robustness_bracket",
    "sensitivity_table",
    "to_onnx",
    "verify_robustness",
    "verify_specification",
]
