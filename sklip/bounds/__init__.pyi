# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Bounds of Lipschitz constants, with their proofs."""

from sklip.bounds._architecture import (
    JacobianDiagnostic,
    expected_lipschitz,
    jacobian_diagnostic,
    jacobian_variance,
    measured_gain,
)
from sklip.bounds._bracket import lipschitz_bracket
from sklip.bounds._cached import cached_bound
from sklip.bounds._certificate import LipschitzCertificate, as_proven_bound
from sklip.bounds._chain import Chain
from sklip.bounds._check import check_certificate
from sklip.bounds._dispatch import auto_method, lipschitz_bound
from sklip.bounds._empirical import lipschitz_lower_bound
from sklip.bounds._estimate import LipschitzEstimate
from sklip.bounds._evidence import Evidence
from sklip.bounds._feature_slopes import feature_slopes
from sklip.bounds._layers import ModulePropagation
from sklip.bounds._lipsdp import lipsdp_bound, lipsdp_gradient, sequential_bound
from sklip.bounds._local import local_lipschitz_bound
from sklip.bounds._local_slopes import LocalSlopes, falls_from_centers
from sklip.bounds._method_docs import METHOD_DOCS
from sklip.bounds._methods import (
    BALL_METHODS,
    BOUND_METHODS,
    METHODS,
    PAIR_METHODS,
)
from sklip.bounds._modules import (
    ModuleNetwork,
    ModuleView,
    Residual,
    ShapedModule,
    double_copy,
    feedforward_from_module,
    is_bare,
    linear_norm,
    module_bound,
    module_from_onnx,
    module_hash,
    network_from_onnx,
    read_stack,
    register_module_bound,
    shaped_errors,
    split_steps,
    stated_module,
    unwrap_any_module,
    view_in_front,
    view_of,
)
from sklip.bounds._multipliers import multiplier_certificate
from sklip.bounds._norms import layer_norms, operator_norm_bound, spectral_norm_bound
from sklip.bounds._pairs import output_difference_bounds
from sklip.bounds._path import path_bound
from sklip.bounds._product import product_bound
from sklip.bounds._proof import is_feasible
from sklip.bounds._propagation import (
    Boxes,
    Propagation,
    cut_places,
    has_planes,
    hidden_bounds,
    input_shares,
    lower_by_multipliers,
    lower_over_parts,
    lower_over_ranges,
    lower_rates,
    outputs_lower,
    rows_over_boxes,
    shape_of,
    tightened,
)
from sklip.bounds._rounding import forward_error
from sklip.bounds._rows import row_check
from sklip.bounds._semidefinite import has_moments, moment_bound
from sklip.bounds._subject import ModuleSubject, NetworkSubject, Subject, subject_of
from sklip.bounds._z import ParityLayout, Z

__all__ = [
    "Boxes",
    "rows_over_boxes",
    "BALL_METHODS",
    "BOUND_METHODS",
    "Evidence",
    "row_check",
    "METHODS",
    "METHOD_DOCS",
    "ModuleSubject",
    "NetworkSubject",
    "PAIR_METHODS",
    "Subject",
    "subject_of",
    "tightened",
    "Chain",
    "JacobianDiagnostic",
    "LipschitzCertificate",
    "LipschitzEstimate",
    "LocalSlopes",
    "falls_from_centers",
    "ModuleNetwork",
    "ModulePropagation",
    "ModuleView",
    "ParityLayout",
    "Propagation",
    "Residual",
    "ShapedModule",
    "Z",
    "as_proven_bound",
    "auto_method",
    "cached_bound",
    "check_certificate",
    "expected_lipschitz",
    "feature_slopes",
    "feedforward_from_module",
    "forward_error",
    "is_bare",
    "is_feasible",
    "jacobian_diagnostic",
    "jacobian_variance",
    "has_moments",
    "moment_bound",
    "has_planes",
    "hidden_bounds",
    "layer_norms",
    "lipschitz_bound",
    "lipschitz_bracket",
    "lipschitz_lower_bound",
    "lipsdp_bound",
    "lipsdp_gradient",
    "input_shares",
    "lower_by_multipliers",
    "lower_over_parts",
    "cut_places",
    "lower_over_ranges",
    "lower_rates",
    "measured_gain",
    "local_lipschitz_bound",
    "module_bound",
    "module_from_onnx",
    "network_from_onnx",
    "double_copy",
    "linear_norm",
    "module_hash",
    "multiplier_certificate",
    "operator_norm_bound",
    "output_difference_bounds",
    "outputs_lower",
    "path_bound",
    "product_bound",
    "read_stack",
    "register_module_bound",
    "sequential_bound",
    "shape_of",
    "shaped_errors",
    "spectral_norm_bound",
    "split_steps",
    "stated_module",
    "unwrap_any_module",
    "view_in_front",
    "view_of",
]
