# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Forwards in which Python decides: what was traced against what is computed."""

import contextlib

import numpy as np
import pytest
import torch
from torch import nn

from sklip.bounds import lipschitz_bound, module_bound, register_module_bound
from sklip.certification import certified_radius
from sklip.exceptions import UnsupportedModelError


class Custom(nn.Module):
    """Two layers and a state; subclasses decide what becomes of them."""

    def __init__(self, n_in=3):
        super().__init__()
        self.first, self.last = nn.Linear(n_in, 4), nn.Linear(4, 2)
        self.n_calls = 0

    def plain(self, x):
        return self.last(torch.relu(self.first(x)))

    def forward(self, x):
        return self.plain(x)


class Counts(Custom):
    def forward(self, x):
        self.n_calls += 1
        return self.plain(x) * self.n_calls


class Alternates(Custom):
    def forward(self, x):
        self.n_calls += 1
        return self.plain(x) * (-1) ** (self.n_calls // 2)


class Draws(Custom):
    def forward(self, x):
        return self.plain(x) * (1.0 + torch.rand(()).item())


class AsksTheType(Custom):
    def forward(self, x):
        return self.plain(x) ** 3 if isinstance(x, torch.Tensor) else self.plain(x)


class AsksForGradients(Custom):
    def forward(self, x):
        return self.plain(x) if torch.is_grad_enabled() else self.last(self.first(x))


class AsksTheSign(Custom):
    def forward(self, x):
        with contextlib.suppress(torch.fx.proxy.TraceError):
            if min(x[0].tolist()) > 0:
                return 9.0 * self.plain(x)
        return self.plain(x)


class Coarse(Custom):
    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.plain(x)


class Calls(Custom):
    def __call__(self, x):
        return 2.0 * super().__call__(x)


DECIDES = [
    Counts, Alternates, Draws, AsksTheType, AsksForGradients, Coarse, Calls
]  # fmt: skip


@pytest.mark.parametrize("kind", DECIDES)
@pytest.mark.parametrize("inside", [False, True])
def test_what_python_decides_is_refused(kind, inside):
    module = nn.Sequential(nn.Linear(3, 3), kind()) if inside else kind()
    with pytest.raises(
        UnsupportedModelError, match=f"{kind.__name__} does not compute"
    ):
        lipschitz_bound(module.eval())
    with pytest.raises(UnsupportedModelError, match="does not compute"):
        certified_radius(module.eval(), np.ones((2, 3), dtype=np.float32))


def test_a_branch_on_the_numbers_is_refused():
    with pytest.raises(UnsupportedModelError):
        lipschitz_bound(AsksTheSign().eval())


@pytest.mark.parametrize("shape", [None, (3,)])
def test_the_same_without_a_decision_is_bounded_and_touches_no_generator(shape):
    torch.manual_seed(0)
    module = Custom().eval()
    state = torch.random.get_rng_state()
    stack = nn.Sequential(module.first, nn.ReLU(), module.last)
    assert module_bound(module, shape) == module_bound(stack, shape)
    assert torch.equal(torch.random.get_rng_state(), state)


class Doubled(Custom):
    def forward(self, x):
        return self.last(torch.relu(2.0 * self.first(x)))


def test_a_stated_chain_that_numbers_contradict_is_refused(monkeypatch):
    known = "sklip.bounds._modules.reader._REGISTERED"
    monkeypatch.setattr(known, {})
    module = Doubled().eval()
    said = lambda m: [m.first, nn.ReLU(), m.last]  # noqa: E731
    register_module_bound(Doubled, said)
    with pytest.raises(UnsupportedModelError, match="what register_module_bound says"):
        module_bound(module)
    twice = nn.Linear(4, 4, bias=False).eval()
    twice.weight.data = 2.0 * torch.eye(4)
    register_module_bound(Doubled, lambda m: [m.first, twice, nn.ReLU(), m.last])
    stack = nn.Sequential(module.first, twice, nn.ReLU(), module.last)
    assert module_bound(module) == module_bound(stack)


def test_float32_under_autocast_has_no_radius():
    """Products are then in bfloat16; float64 is left alone."""
    torch.manual_seed(0)
    stack = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2)).eval()
    X = np.random.default_rng(0).normal(size=(4, 3))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        with pytest.raises(ValueError, match="torch.autocast is on"):
            certified_radius(stack, X.astype(np.float32))
        inside = certified_radius(stack.double(), X)
    np.testing.assert_array_equal(inside, certified_radius(stack, X))
