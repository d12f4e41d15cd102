# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Certified radii, accuracies and intervals, and the attacks that test them."""

from sklip.certification._accuracy import (
    certified_accuracy_curve,
    certified_accuracy_score,
)
from sklip.certification._attacks import adversarial_accuracy_score, pgd_attack
from sklip.certification._bracket import robustness_bracket
from sklip.certification._intervals import certified_interval
from sklip.certification._margins import margins
from sklip.certification._radius import certified_radius

__all__ = [
    "adversarial_accuracy_score",
    "certified_accuracy_curve",
    "certified_accuracy_score",
    "certified_interval",
    "certified_radius",
    "margins",
    "pgd_attack",
    "robustness_bracket",
]
