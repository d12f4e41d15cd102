# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Residual blocks refuse branches of two shapes."""

import pytest
import torch
from torch import nn

from sklip.bounds._modules.module_bounds import module_bound
from sklip.bounds._modules.residual import Residual


def test_residual_does_not_broadcast():
    with pytest.raises(ValueError, match="differ"):
        module_bound(Residual(nn.Linear(3, 1)), (3,))
    for branch, shape in [(nn.Linear(3, 1), (3,)), (nn.Conv2d(2, 2, 3), (2, 3, 3))]:
        with pytest.raises(ValueError, match="one shape"):
            Residual(branch)(torch.zeros(1, *shape))
