# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Branch and bound, over the signs of neurons or over boxes of inputs."""

from sklip.certification._branching.closing import Closing
from sklip.certification._branching.exact import check_splittable, verify_robustness
from sklip.certification._branching.radius import BranchedRadii
from sklip.certification._branching.specification import verify_specification
from sklip.certification._branching.verification import Verification

__all__ = [
    "BranchedRadii",
    "Closing",
    "Verification",
    "check_splittable",
    "verify_robustness",
    "verify_specification",
]
