# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Fitted models, read as networks."""

from sklip.networks._reading.known import THRESHOLD_MODELS
from sklip.networks._reading.models import extract_network
from sklip.networks._reading.resolve import resolve, unwrap_search
from sklip.networks._reading.resolved import Resolved

__all__ = [
    "Resolved",
    "THRESHOLD_MODELS",
    "extract_network",
    "resolve",
    "unwrap_search",
]
