# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Networks that are bounded by construction: orthonormal layers and |.|."""

from sklip.training._bounded.module import BoundedMLP
from sklip.training._bounded.net import BoundedNet
from sklip.training._bounded.passes import BoundedBackprop
from sklip.training._bounded.units import Units, units_of

__all__ = ["BoundedBackprop", "BoundedMLP", "BoundedNet", "Units", "units_of"]
