# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Bounds of torch modules inside balls, through their own layers."""

from sklip.bounds._layers.maps import linear_map
from sklip.bounds._layers.propagation import ModulePropagation

__all__ = ["ModulePropagation", "linear_map"]
