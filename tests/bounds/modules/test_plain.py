# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Hooks and methods put in the place of others are refused, by what they are."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.modules import module as torch_module

from sklip import certified_radius, lipschitz_bound, minimum_norm_attack
from sklip.bounds import feedforward_from_module, module_bound, module_hash
from sklip.bounds._modules.plain import plain_type
from sklip.bounds._modules.reader import _READERS
from sklip.exceptions import UnsupportedModelError


def triple(module, args, output=None):
    """A hook before or behind a module."""
    return tuple(3.0 * x for x in args) if output is None else 3.0 * output


def test_hooks_and_overridden_forward_are_refused():
    hooked = nn.Linear(2, 2)
    hooked.register_forward_hook(lambda module, args, output: 3.0 * output)
    before = nn.Linear(2, 2)
    before.register_forward_pre_hook(lambda module, args: (3.0 * args[0],))
    overridden = nn.Linear(2, 2)
    overridden.forward = lambda x: 3.0 * x
    outer = nn.Sequential(nn.ReLU())
    outer.register_forward_hook(lambda module, args, output: 3.0 * output)
    for module in (hooked, before, overridden, outer):
        with pytest.raises(UnsupportedModelError, match="hooks"):
            module_bound(nn.Sequential(module))


def exported(module):
    """What torch.export makes of it, itself a module."""
    given = (torch.zeros(2, 2, dtype=torch.float64),)
    return torch.export.export(module, given).module()


WRAPPED = {
    "that it was made of": torch.jit.script,
    "_orig_mod": lambda module: torch.compile(module, backend="eager"),
    "module.module": lambda module: nn.DataParallel(module).eval(),
    "was exported": exported,
}


@pytest.mark.filterwarnings("ignore:`torch.jit.script`:DeprecationWarning")
@pytest.mark.parametrize("use", WRAPPED)
def test_what_runs_another_module_says_which_to_pass(use):
    wrapped = WRAPPED[use](nn.Sequential(nn.Linear(2, 2)).double().eval())
    for function in (certified_radius, lambda module, X: lipschitz_bound(module)):
        with pytest.raises(UnsupportedModelError, match=use):
            function(wrapped, np.ones((1, 2)))


def test_errors_of_torch_are_said_in_words():
    class Twice(nn.Sequential):
        """Overwrites what its gradient needs."""

        def forward(self, x):
            y = super().forward(x).sigmoid_()
            y += 1.0
            return y * y

    module = Twice(nn.Linear(2, 2)).double().eval()
    with pytest.raises(UnsupportedModelError, match="cannot differentiate.*Twice"):
        minimum_norm_attack(module, np.ones((1, 2)))
    alone = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2, track_running_stats=False))
    with pytest.raises(UnsupportedModelError, match="depends on the others"):
        certified_radius(alone.double().eval(), np.ones((1, 2)))


@pytest.mark.parametrize(
    "register",
    [
        torch_module.register_module_forward_hook,
        torch_module.register_module_forward_pre_hook,
    ],
)
def test_global_hooks_are_refused(register):
    module = nn.Sequential(nn.Linear(2, 2)).eval()
    before = module_bound(module), module_hash(module)
    handle = register(triple)
    try:
        for bound in (module_bound, lipschitz_bound):
            with pytest.raises(ValueError, match="for all modules.*handle.remove"):
                bound(module)
    finally:
        handle.remove()
    assert (module_bound(module), module_hash(module)) == before


@pytest.mark.parametrize("name", ["_conv_forward", "_call_impl", "__call__", "forward"])
def test_methods_of_one_object_are_refused(name):
    module = nn.Conv1d(2, 2, 3)
    setattr(module, name, lambda *args, **kwargs: 0.0)
    with pytest.raises(UnsupportedModelError, match="of its own"):
        module_bound(nn.Sequential(module))


def test_methods_replaced_on_a_class_are_refused(monkeypatch):
    forward = nn.Linear.forward
    monkeypatch.setattr(nn.Linear, "forward", lambda self, x: 3.0 * forward(self, x))
    with pytest.raises(UnsupportedModelError, match="Linear.forward was replaced"):
        module_bound(nn.Linear(2, 2))
    monkeypatch.undo()
    assert module_bound(nn.Linear(2, 2)) > 0.0
    monkeypatch.setattr(nn.Module, "__call__", triple)
    with pytest.raises(UnsupportedModelError, match="Module.__call__ was replaced"):
        module_bound(nn.Tanh())


def test_compiled_in_place_is_refused():
    module = nn.Linear(2, 2)
    module._compiled_call_impl = lambda x: 3.0 * x
    assert torch.equal(module(torch.ones(2)), 3.0 * torch.ones(2))
    with pytest.raises(UnsupportedModelError, match="compiled in place"):
        module_bound(module)


def new_module(kind):
    """A module of a class, with arguments that fit it."""
    for arguments in ((), (2,), (2, 2), (nn.Tanh(),), (1, (1, 2)), (2, 2, 1)):
        try:
            return kind(*arguments)
        except (TypeError, ValueError):
            continue
    raise AssertionError(f"no arguments for {kind.__name__}")


@pytest.mark.parametrize("kind", _READERS, ids=lambda kind: kind.__name__)
def test_every_module_that_is_read_is_plain_when_new(kind):
    assert plain_type(new_module(kind).eval()) is kind


@pytest.mark.parametrize("mode", ["circular", "reflect", "replicate"])
def test_padding_is_what_forward_pads_by(mode):
    """Modes other than zeros pad by numbers that were made of padding once."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 1, 3, padding=(1, 2), padding_mode=mode), nn.Flatten()]
    module = nn.Sequential(*layers).double().eval()
    before = module_bound(module, (1, 5, 6))
    x = torch.randn(1, 1, 5, 6, dtype=torch.float64)
    expected = module(x).detach().numpy()
    module[0].padding = (2, 1)
    assert (module(x).detach().numpy() == expected).all()
    assert module_bound(module, (1, 5, 6)) == before
    network = feedforward_from_module(module, (1, 5, 6))
    assert (network is None) == (mode != "circular")
    if network is not None:
        found = network.forward(x.reshape(1, -1).numpy())
        assert abs(found - expected).max() < 1e-12
