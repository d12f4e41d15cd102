# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""LipSDP: bounds by multipliers, from one pass to the interior-point method."""

from sklip.bounds._lipsdp.bound import lipsdp_bound
from sklip.bounds._lipsdp.first_order import (
    first_order_bound,
    first_order_evaluations,
    solves_quickly,
)
from sklip.bounds._lipsdp.general_solver import MAX_HIDDEN, cvxpy_bound
from sklip.bounds._lipsdp.gradient import lipsdp_gradient
from sklip.bounds._lipsdp.pairs import LipSDPPairs
from sklip.bounds._lipsdp.sequential import sequential_bound, sequential_passes

__all__ = [
    "MAX_HIDDEN",
    "LipSDPPairs",
    "cvxpy_bound",
    "first_order_bound",
    "first_order_evaluations",
    "lipsdp_bound",
    "lipsdp_gradient",
    "sequential_bound",
    "sequential_passes",
    "solves_quickly",
]
