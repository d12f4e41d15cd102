# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Fitted models, read as networks."""

from sklip.networks._reading.known import KERNEL_MACHINES, MODELS, THRESHOLD_MODELS
from sklip.networks._reading.models import (
    extract_leaf,
    is_multilabel,
    need_equal_labels,
    refused_multilabel,
    support_sizes,
)
from sklip.networks._reading.resolve import (
    Unwrapped,
    resolve_unwrapped,
    unwrap,
    unwrap_search,
)
from sklip.networks._reading.resolved import Resolved
from sklip.networks._reading.thresholds import threshold_rule

__all__ = [
    "KERNEL_MACHINES",
    "MODELS",
    "Resolved",
    "THRESHOLD_MODELS",
    "Unwrapped",
    "extract_leaf",
    "is_multilabel",
    "need_equal_labels",
    "refused_multilabel",
    "resolve_unwrapped",
    "support_sizes",
    "threshold_rule",
    "unwrap",
    "unwrap_search",
]
