# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Adam's direct update is torch's own, and gives way where it is not enough."""

import pytest
import torch

from sklip.training import FlatMLP, _optimizers
from sklip.training._optimizers import make_optimizer


def _module(dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    return FlatMLP((5, 7, 2), "tanh", generator=generator, dtype=dtype)


def _gradients(module):
    generator = torch.Generator().manual_seed(1)
    while True:
        draw = torch.randn(module.flat.shape, generator=generator, dtype=torch.float64)
        module.flat_grad.copy_(draw)
        yield


def _run(module, optimizer, n_steps=20):
    gradients = _gradients(module)
    for k in range(n_steps):
        next(gradients)
        optimizer.param_groups[0]["lr"] = 0.01 / (1 + k)  # as schedules set it
        with torch.no_grad():
            optimizer.step()
    return module.flat.clone()


def _torch_adam(module):
    options = {"betas": (0.8, 0.99), "eps": 1e-6, "fused": True}
    return torch.optim.Adam([module.flat], lr=0.01, **options)


def _adam(module):
    options = {"betas": (0.8, 0.99), "epsilon": 1e-6}
    return make_optimizer("adam", module, learning_rate=0.01, **options)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_adam_is_torch_s_bit_for_bit(monkeypatch, dtype):
    called = []
    monkeypatch.setattr(
        _optimizers,
        "_fused_adam",
        lambda *a, update=_optimizers._fused_adam, **k: called.append(update(*a, **k)),
    )
    ours, theirs = _module(dtype), _module(dtype)
    optimizer, reference = _adam(ours), _torch_adam(theirs)
    assert torch.equal(_run(ours, optimizer), _run(theirs, reference))
    # Fails where torch calls its update otherwise: the detour would then be for good.
    assert len(called) == 19 and optimizer._is_direct
    moments = optimizer.state_dict()["state"][0], reference.state_dict()["state"][0]
    assert moments[0].keys() == moments[1].keys()
    assert all(torch.equal(moments[0][k], moments[1][k]) for k in moments[0])


def _refuse(*args, **kwargs):
    raise TypeError("unexpected keyword argument")


@pytest.mark.parametrize("update", [None, _refuse])
def test_a_torch_without_that_update_takes_its_own_steps(monkeypatch, update):
    monkeypatch.setattr(_optimizers, "_fused_adam", update)
    ours, theirs = _module(), _module()
    optimizer = _adam(ours)
    assert torch.equal(_run(ours, optimizer), _run(theirs, _torch_adam(theirs)))
    assert not optimizer._is_direct


def test_hooks_of_an_optimizer_are_called():
    module, told = _module(), []
    optimizer = _adam(module)
    _run(module, optimizer, 2)
    optimizer.register_step_pre_hook(lambda *_: told.append("before"))
    optimizer.register_step_post_hook(lambda *_: told.append("after"))
    _run(module, optimizer, 2)
    assert told == ["before", "after"] * 2


def test_the_moments_of_a_state_that_was_loaded_go_on():
    ours, theirs = _module(), _module()
    first, reference = _adam(ours), _torch_adam(theirs)
    _run(ours, first, 3), _run(theirs, reference, 3)
    second = _adam(ours)
    second.load_state_dict(first.state_dict())
    assert torch.equal(_run(ours, second, 3), _run(theirs, reference, 3))


def test_other_variants_are_torch_s_own():
    ours, theirs = _module(), _module()
    optimizer, reference = _adam(ours), _torch_adam(theirs)
    for one in (optimizer, reference):
        one.param_groups[0]["amsgrad"] = True
    assert torch.equal(_run(ours, optimizer), _run(theirs, reference))
