# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Forward and backward passes without autograd."""

from sklip.training._passes.base import Pass
from sklip.training._passes.dense import Backprop
from sklip.training._passes.kernels import torch_activation
from sklip.training._passes.module import ModuleBackprop, amp_dtype
from sklip.training._passes.noise import NoiseBackprop

__all__ = [
    "Backprop",
    "ModuleBackprop",
    "NoiseBackprop",
    "Pass",
    "amp_dtype",
    "torch_activation",
]
