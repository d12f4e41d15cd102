# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Scores of robustness, and scorers of them for scikit-learn's model selection."""

from sklip.certification import (
    adversarial_accuracy_score,
    certified_accuracy_curve,
    certified_accuracy_score,
    certified_error_score,
    noise_accuracy_curve,
    risk_coverage_curve,
)
from sklip.metrics._scorers import (
    make_adversarial_accuracy_scorer,
    make_certified_accuracy_scorer,
    make_certified_error_scorer,
    make_lipschitz_scorer,
    make_noise_accuracy_scorer,
)

__all__ = [
    "adversarial_accuracy_score",
    "certified_accuracy_curve",
    "certified_accuracy_score",
    "certified_error_score",
    "make_adversarial_accuracy_scorer",
    "make_certified_accuracy_scorer",
    "make_certified_error_scorer",
    "make_lipschitz_scorer",
    "make_noise_accuracy_scorer",
    "noise_accuracy_curve",
    "risk_coverage_curve",
]
