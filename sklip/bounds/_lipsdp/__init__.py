# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""LipSDP: bounds by multipliers, from one pass to the interior-point method."""

from sklip.bounds._lipsdp.bound import lipsdp_bound
from sklip.bounds._lipsdp.general_solver import MAX_HIDDEN, cvxpy_bound
from sklip.bounds._lipsdp.gradient import lipsdp_gradient
from sklip.bounds._lipsdp.pairs import LipSDPPairs
from sklip.bounds._lipsdp.sequential import sequential_bound, sequential_passes
from sklip.bounds._lipsdp.swept import granted_sweeps, swept_bound

__all__ = [
    "MAX_HIDDEN",
    "LipSDPPairs",
    "cvxpy_bound",
    "granted_sweeps",
    "lipsdp_bound",
    "lipsdp_gradient",
    "sequential_bound",
    "sequential_passes",
    "swept_bound",
]
