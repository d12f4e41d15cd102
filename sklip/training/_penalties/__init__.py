# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Penalties on the Lipschitz constant, with their gradients."""

from sklip.training._penalties.base import Penalty
from sklip.training._penalties.jacobian import JacobianPenalty
from sklip.training._penalties.layers import ProductPenalty, SpectralPenalty
from sklip.training._penalties.lipsdp import LipSDPPenalty
from sklip.training._penalties.noise import NoiseSource, NoiseTerm, power_step

__all__ = ["NoiseSource", "NoiseTerm", "PENALTIES", "Penalty", "power_step"]

# What the estimators' ``penalty`` chooses from; their documentation lists the summaries
# in this order.
PENALTIES = {
    "spectral": SpectralPenalty,
    "product": ProductPenalty,
    "jacobian": JacobianPenalty,
    "lipsdp": LipSDPPenalty,
}
