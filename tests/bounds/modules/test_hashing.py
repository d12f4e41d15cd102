# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The hash of a module changes with whatever changes its function."""

import copy

import pytest
import torch
from torch import nn

from sklip.bounds import module_hash


class Scaled(nn.Module):
    """Keeps a number, a list and a tensor that neither repr nor state shows."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.factor, self.powers, self.shift = 2.0, [1, 2], torch.ones(2)


def stack():
    torch.manual_seed(0)
    layers = [nn.Linear(2, 2), nn.ReLU(), nn.BatchNorm1d(2), nn.AvgPool1d(2), Scaled()]
    return nn.Sequential(*layers).eval()


CHANGES = {
    "weight": lambda m: m[0].weight.data.add_(1e-6),
    "buffer": lambda m: m[2].running_var.mul_(2.0),
    "layer": lambda m: m.__setitem__(1, nn.Tanh()),
    "eps": lambda m: setattr(m[2], "eps", 1e-3),
    "not in the repr": lambda m: setattr(m[3], "count_include_pad", False),
    "number of one's own": lambda m: setattr(m[4], "factor", 3.0),
    "list of one's own": lambda m: m[4].powers.append(3),
    "tensor of one's own": lambda m: m[4].shift.mul_(3.0),
    "class": lambda m: setattr(m[0], "__class__", type("Linear", (nn.Linear,), {})),
}


@pytest.mark.parametrize("name", CHANGES)
def test_hash_sees(name):
    module = stack()
    digest = module_hash(module)
    assert digest == module_hash(stack()) == module_hash(copy.deepcopy(module))
    CHANGES[name](module)
    assert module_hash(module) != digest


def test_hash_does_not_see_mode_or_shared_identity():
    module = stack()
    assert module_hash(module) == module_hash(module.train())
    shared = nn.Sequential(nn.ReLU(), nn.ReLU())
    shared[1] = shared[0]
    assert module_hash(shared) == module_hash(nn.Sequential(nn.ReLU(), nn.ReLU()))
