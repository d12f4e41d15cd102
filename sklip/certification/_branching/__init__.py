# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Branch and bound over the signs of neurons."""

from sklip.certification._branching.exact import Verification, verify_robustness
from sklip.certification._branching.radius import BranchedRadii

__all__ = ["BranchedRadii", "Verification", "verify_robustness"]
