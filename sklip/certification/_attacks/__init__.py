# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Attacks: gradient ascent towards a flip, inside a ball or as near as possible."""

from sklip.certification._attacks.balls import Ball, perturbation_norm
from sklip.certification._attacks.found import Counterexamples, predictions
from sklip.certification._attacks.minimum_norm import (
    found_flips,
    minimum_norm_attack,
    nearest_flips,
    nearest_on_ray,
)
from sklip.certification._attacks.nearest_flip import NearestFlips, nearest_flip
from sklip.certification._attacks.pgd import (
    adversarial_accuracy_score,
    attack_points,
    flipped_values,
    pgd_attack,
    tangent_distances,
)
from sklip.certification._attacks.regression import adversarial_interval

__all__ = [
    "Ball",
    "Counterexamples",
    "NearestFlips",
    "adversarial_accuracy_score",
    "adversarial_interval",
    "attack_points",
    "flipped_values",
    "found_flips",
    "minimum_norm_attack",
    "nearest_flip",
    "nearest_flips",
    "nearest_on_ray",
    "perturbation_norm",
    "predictions",
    "pgd_attack",
    "tangent_distances",
]
