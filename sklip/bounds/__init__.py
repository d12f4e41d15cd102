# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Bounds of Lipschitz constants, with their proofs."""

from sklip.bounds._bracket import lipschitz_bracket
from sklip.bounds._certificate import (
    LipschitzCertificate,
    LipschitzEstimate,
    as_proven_bound,
)
from sklip.bounds._check import check_certificate
from sklip.bounds._dispatch import METHODS, auto_method, lipschitz_bound
from sklip.bounds._empirical import lipschitz_lower_bound
from sklip.bounds._lipsdp import lipsdp_bound
from sklip.bounds._lipsdp_gradient import lipsdp_gradient
from sklip.bounds._modules import (
    Residual,
    feedforward_from_module,
    module_bound,
    module_hash,
    register_module_bound,
)
from sklip.bounds._norms import layer_norms, operator_norm_bound, spectral_norm_bound
from sklip.bounds._pairs import output_difference_bounds
from sklip.bounds._path import path_bound
from sklip.bounds._product import product_bound
from sklip.bounds._sequential import sequential_bound

__all__ = [
    "METHODS",
    "LipschitzCertificate",
    "LipschitzEstimate",
    "Residual",
    "as_proven_bound",
    "auto_method",
    "check_certificate",
    "feedforward_from_module",
    "layer_norms",
    "lipschitz_bound",
    "lipschitz_bracket",
    "lipschitz_lower_bound",
    "lipsdp_bound",
    "lipsdp_gradient",
    "module_bound",
    "module_hash",
    "operator_norm_bound",
    "output_difference_bounds",
    "path_bound",
    "product_bound",
    "register_module_bound",
    "sequential_bound",
    "spectral_norm_bound",
]
