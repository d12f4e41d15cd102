# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Bounds of Lipschitz constants, with their proofs."""

from sklip.bounds._certificate import (
    LipschitzCertificate,
    LipschitzEstimate,
    as_proven_bound,
)
from sklip.bounds._check import check_certificate
from sklip.bounds._dispatch import lipschitz_bound
from sklip.bounds._empirical import lipschitz_lower_bound
from sklip.bounds._norms import layer_norms, operator_norm_bound, spectral_norm_bound
from sklip.bounds._pairs import output_difference_bounds
from sklip.bounds._product import product_bound
from sklip.bounds._sequential import sequential_bound

__all__ = [
    "LipschitzCertificate",
    "LipschitzEstimate",
    "as_proven_bound",
    "check_certificate",
    "layer_norms",
    "lipschitz_bound",
    "lipschitz_lower_bound",
    "operator_norm_bound",
    "output_difference_bounds",
    "product_bound",
    "sequential_bound",
    "spectral_norm_bound",
]
