# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Checks of arguments that all parts of sklip share; each error names its argument."""

from sklip._arguments.arrays import (
    as_numbers,
    check_groups,
    check_labels,
    check_numbers,
    check_radii,
    check_sample_weight,
    refuse_ambiguous,
    refuse_masked,
    validate_data,
)
from sklip._arguments.scalars import (
    NORM_NAMES,
    check_count,
    check_device,
    check_effort,
    check_flag,
    check_layer_sizes,
    check_norm,
    check_number,
    check_option,
    check_positive,
    check_radius,
    check_time_limit,
    is_bool,
    is_integer,
    is_number,
)
from sklip._arguments.seeds import (
    as_generator,
    as_random_state,
    check_random,
    check_seed,
)

__all__ = [
    "NORM_NAMES",
    "as_generator",
    "as_numbers",
    "as_random_state",
    "check_count",
    "check_device",
    "check_effort",
    "check_flag",
    "check_groups",
    "check_labels",
    "check_layer_sizes",
    "check_norm",
    "check_number",
    "check_numbers",
    "check_option",
    "check_positive",
    "check_radii",
    "check_radius",
    "check_random",
    "check_sample_weight",
    "check_seed",
    "check_time_limit",
    "is_bool",
    "is_integer",
    "is_number",
    "refuse_ambiguous",
    "refuse_masked",
    "validate_data",
]
