# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Lipschitz-regularized and certified neural networks for scikit-learn."""

from sklip.bounds import (
    LipschitzCertificate,
    LipschitzEstimate,
    check_certificate,
    lipschitz_bound,
    lipschitz_bracket,
    lipschitz_lower_bound,
)
from sklip.certification import (
    adversarial_accuracy_score,
    certified_accuracy_curve,
    certified_accuracy_score,
    certified_interval,
    certified_radius,
    margins,
    robustness_bracket,
)
from sklip.estimators import (
    LipschitzRegularizedMLP,
    LipschitzRegularizedMLPClassifier,
    LipschitzRegularizedMLPRegressor,
)
from sklip.metrics import (
    make_adversarial_accuracy_scorer,
    make_certified_accuracy_scorer,
    make_lipschitz_scorer,
)
from sklip.networks import FeedForward

__version__ = "0.1.0.dev0"

__all__ = [
    "FeedForward",
    "LipschitzCertificate",
    "LipschitzEstimate",
    "LipschitzRegularizedMLP",
    "LipschitzRegularizedMLPClassifier",
    "LipschitzRegularizedMLPRegressor",
    "__version__",
    "adversarial_accuracy_score",
    "certified_accuracy_curve",
    "certified_accuracy_score",
    "certified_interval",
    "certified_radius",
    "check_certificate",
    "lipschitz_bound",
    "lipschitz_bracket",
    "lipschitz_lower_bound",
    "make_adversarial_accuracy_scorer",
    "make_certified_accuracy_scorer",
    "make_lipschitz_scorer",
    "margins",
    "robustness_bracket",
]
