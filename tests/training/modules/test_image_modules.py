# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The networks of paper 002, and any module on one flat vector.

Also tests of ``training/_modules/convnet.py`` and ``training/_modules/resnet.py``.
"""

import pytest
import torch
from torch import nn

from sklip.bounds import module_bound
from sklip.training import (
    MODULES,
    FlatModule,
    ModuleBackprop,
    build_module,
    convnet,
    resnet,
)


def _count(module):
    return sum(p.numel() for p in module.parameters())


def _make(name, shape=(3, 32, 32)):
    arguments = {"input_shape": shape, "n_outputs": 10, "hidden_layer_sizes": (100,)}
    return build_module(name, seed=0, activation="relu", **arguments)


@pytest.mark.parametrize(
    "name, low, high",
    [
        ("resnet20", 0.265e6, 0.275e6),
        ("preresnet20", 0.265e6, 0.275e6),
        ("preresnet32", 0.46e6, 0.47e6),
    ],
)
def test_numbers_of_parameters_are_those_of_the_paper(name, low, high):
    assert low <= _count(_make(name)) < high


@pytest.mark.parametrize("preactivation", [False, True])
@pytest.mark.parametrize("depth", [8, 14, 20])
def test_depth_counts_the_layers_on_the_longest_path(depth, preactivation):
    network = resnet(depth, 3, 10, preactivation=preactivation)
    inside = [
        layer
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Conv2d | nn.Linear) and "shortcut" not in name
    ]
    assert len(inside) == depth
    channels = [c.out_channels for c in inside if isinstance(c, nn.Conv2d)]
    assert sorted(set(channels)) == [16, 32, 64]


@pytest.mark.parametrize("depth", [2, 7, 21, 0, -4])
def test_other_depths_are_refused(depth):
    with pytest.raises(ValueError, match=r"depth must be 6 n \+ 2"):
        resnet(depth, 3, 10)


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 12, 10)])
def test_every_network_takes_its_images_and_has_a_bound(name, shape):
    module = _make(name, shape).eval()
    X = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert module(X).shape == (2, 10)
        moved = module(X + 0.1) - module(X)
    bound = module_bound(module, shape)
    assert float(moved.norm(dim=1).max()) <= bound * 0.1 * X[0].numel() ** 0.5


def test_convnet_is_one_convolution_and_the_layers():
    layers = convnet((1, 28, 28), 10, hidden_layer_sizes=(64, 32), activation="tanh")
    weights = [layer for layer in layers if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert [type(layer) for layer in weights] == [nn.Conv2d] + [nn.Linear] * 3
    assert [layer.out_features for layer in weights[1:]] == [64, 32, 10]
    assert sum(isinstance(layer, nn.Tanh) for layer in layers) == 3
    assert isinstance(convnet((1, 5, 5), 2, hidden_layer_sizes=())[-1], nn.Linear)


def test_seed_and_global_generator():
    state = torch.get_rng_state()
    first, second = _make("cnn", (1, 8, 8)), _make("cnn", (1, 8, 8))
    assert torch.equal(torch.get_rng_state(), state)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    other = build_module(
        "cnn",
        seed=1,
        input_shape=(1, 8, 8),
        n_outputs=10,
        hidden_layer_sizes=(100,),
        activation="relu",
    )
    assert not torch.equal(next(first.parameters()), next(other.parameters()))


def test_a_flat_module_computes_what_the_module_does():
    torch.manual_seed(0)
    module = _make("preresnet20", (3, 8, 8))
    X = torch.randn(4, 3, 8, 8)
    with torch.no_grad():
        module.eval()
        before = module(X).clone()
        flat = FlatModule(module, (3, 8, 8)).eval()
        assert torch.equal(flat(X), before)
    assert flat.n_weights == sum(p.numel() for p in module.parameters() if p.ndim > 1)


def test_a_copy_of_flat_is_a_copy_of_the_state():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Flatten())
    flat = FlatModule(module, (1, 3, 3))
    kept = flat.flat.clone()
    old = flat.state()
    flat.train()
    flat(torch.randn(8, 1, 3, 3) + 5.0)  # moves the running mean
    with torch.no_grad():
        flat.module[0].weight.mul_(2.0)
    new = flat.state()
    assert not (new["1.running_mean"] == old["1.running_mean"]).all()
    flat.flat.copy_(kept)
    restored = flat.state()
    for name in ("0.weight", "0.bias", "1.running_mean", "1.running_var"):
        assert (restored[name] == old[name]).all()
    assert flat.module[1].weight.data_ptr() % 64 == flat.flat.data_ptr() % 64


def test_the_first_batch_is_normalised_by_its_own_statistics():
    # Shapes are tried in eval mode before: the module must not stay in it.
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).eval()
    flat = FlatModule(module, (3,))
    made = ModuleBackprop(flat, "cross_entropy")
    X = 5.0 + torch.randn(16, 3)
    with torch.no_grad():
        made.loss_and_grad(X, nn.functional.one_hot(torch.arange(16) % 2, 2).float())
        module.train()
        torch.testing.assert_close(made.outputs, module(X))
    assert (flat.module[1].num_batches_tracked == 2).all()


def test_frozen_and_shared_parameters():
    torch.manual_seed(0)
    shared = nn.Linear(4, 4)
    frozen = nn.Linear(4, 4).requires_grad_(False)
    flat = FlatModule(nn.Sequential(shared, frozen, shared), (4,))
    # The frozen ones are laid out as well: a callback may unfreeze them.
    assert [p.shape for p in flat.optimized] == 2 * [(4, 4), (4,)]
    flat(torch.randn(3, 4)).sum().backward()
    assert frozen.weight.grad is None
    gradient = flat.flat_grad
    assert torch.equal(gradient[:16].view(4, 4), shared.weight.grad)
    assert not gradient[32:].any()
    flat.flat_parameters[:32].zero_()
    assert not shared.weight.any() and frozen.weight.any()
