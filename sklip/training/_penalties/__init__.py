# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Penalties on the Lipschitz constant, with their gradients."""

from sklip.training._penalties.layers import PENALTIES
from sklip.training._penalties.noise import NoiseSource, NoiseTerm, power_step

__all__ = ["NoiseSource", "NoiseTerm", "PENALTIES", "power_step"]
