# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Certified radii, accuracies and intervals, and the attacks that test them."""

from sklip.certification._accuracy import (
    certified_accuracy_curve,
    certified_accuracy_score,
)
from sklip.certification._attacks import (
    NearestFlips,
    adversarial_accuracy_score,
    adversarial_interval,
    minimum_norm_attack,
    nearest_flip,
    pgd_attack,
)
from sklip.certification._bracket import robustness_bracket
from sklip.certification._branching import (
    Verification,
    verify_robustness,
    verify_specification,
)
from sklip.certification._certified import is_certified
from sklip.certification._errors import certified_error_score
from sklip.certification._intervals import certified_interval
from sklip.certification._margins import margins
from sklip.certification._noise_accuracy import noise_accuracy_curve
from sklip.certification._predictions import predicted_labels
from sklip.certification._radius import certified_radius
from sklip.certification._report import certification_report
from sklip.certification._risk_coverage import risk_coverage_curve
from sklip.certification._specification import Specification

__all__ = [
    "NearestFlips",
    "Specification",
    "Verification",
    "adversarial_accuracy_score",
    "adversarial_interval",
    "certification_report",
    "certified_accuracy_curve",
    "certified_accuracy_score",
    "certified_error_score",
    "certified_interval",
    "certified_radius",
    "is_certified",
    "margins",
    "minimum_norm_attack",
    "nearest_flip",
    "noise_accuracy_curve",
    "pgd_attack",
    "predicted_labels",
    "risk_coverage_curve",
    "robustness_bracket",
    "verify_robustness",
    "verify_specification",
]
