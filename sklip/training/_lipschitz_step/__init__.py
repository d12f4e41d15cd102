# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The Lipschitz step (10b) of ADMM: a projection onto a spectral ball."""

from sklip.training._lipschitz_step.general_solver import CvxpyStep
from sklip.training._lipschitz_step.step import (
    StepResult,
    lipschitz_step,
    unproven_step,
)

__all__ = ["CvxpyStep", "StepResult", "lipschitz_step", "unproven_step"]
