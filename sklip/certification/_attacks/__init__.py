# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Attacks: gradient ascent towards a flip, inside a ball or as near as possible."""

from sklip.certification._attacks.balls import Ball, perturbation_norm
from sklip.certification._attacks.found import Counterexamples
from sklip.certification._attacks.minimum_norm import (
    minimum_norm_attack,
    nearest_flips,
    nearest_on_ray,
)
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
    "adversarial_accuracy_score",
    "adversarial_interval",
    "attack_points",
    "flipped_values",
    "minimum_norm_attack",
    "nearest_flips",
    "nearest_on_ray",
    "perturbation_norm",
    "pgd_attack",
    "tangent_distances",
]
