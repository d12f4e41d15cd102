# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Transformers: certificates as features, and columns in units of tolerance."""

from sklip.preprocessing._certified_radius import CertifiedRadiusTransformer
from sklip.preprocessing._lipschitz_scaler import LipschitzScaler
from sklip.preprocessing._local_lipschitz import LocalLipschitzTransformer

__all__ = [
    "CertifiedRadiusTransformer",
    "LipschitzScaler",
    "LocalLipschitzTransformer",
]
