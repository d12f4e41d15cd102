# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Bounds through a module's layers: against matrices, samples and exact numbers.

Also tests of ``bounds/_layers/backward.py``, ``bounds/_layers/bounds.py``,
``bounds/_layers/graph.py``, ``bounds/_layers/maps.py``, ``bounds/_layers/maxima.py``
and ``bounds/_layers/rates.py``.
"""

from fractions import Fraction

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from sklip import certified_interval, certified_radius
from sklip.bounds import (
    ModuleNetwork,
    ModulePropagation,
    Propagation,
    Residual,
    feedforward_from_module,
    hidden_bounds,
    outputs_lower,
)
from sklip.exceptions import UnsupportedModelError
from sklip.networks import list_activations, random_network
from sklip.training import sequential_module

NORMS = [1, 2, np.inf]


def drawn(*layers, seed=0):
    """A module in eval mode and float64, its weights and statistics drawn."""
    module = nn.Sequential(*layers).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                draw = torch.randn(tensor.shape, generator=generator).double()
                spread = tensor.shape[1:].numel() if tensor.ndim > 1 else 4.0
                draw = 1.5 * draw / spread**0.5
                tensor.copy_(draw.abs() + 0.5 if name.endswith("var") else draw)
    return module.eval()


def perturbations(rng, shape, norm, radius):
    """Points of balls, on their surface and inside."""
    step = rng.normal(size=shape)
    step *= rng.uniform(size=shape) < rng.choice([0.1, 0.5, 1.0])
    size = np.linalg.norm(step.reshape(len(step), -1), norm, axis=1)
    size = size.reshape(-1, *[1] * (len(shape) - 1))
    share = rng.uniform(size=size.shape) ** 0.2
    return step * radius * share / np.maximum(size, 1e-300)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.GELU])
def test_bounds_are_those_of_the_unrolled_matrices(activation, norm):
    module = drawn(
        nn.Conv2d(1, 3, 3, padding=1, stride=2),
        activation(),
        nn.AvgPool2d(2),
        nn.Conv2d(3, 4, 2, padding=1),
        activation(),
        nn.Flatten(),
        nn.Linear(36, 5),
        activation(),
        nn.Linear(5, 3),
    )
    dense = Propagation(feedforward_from_module(module, (1, 8, 8)), norm)
    layers = ModulePropagation(ModuleNetwork(module, (1, 8, 8)), norm, np.ones(64) > 0)
    X = np.random.default_rng(0).normal(size=(3, 64))
    rows = torch.eye(3).double()[None].expand(3, -1, -1)
    for size in (0.01, 0.2):
        radii = np.full(3, size * {1: 8.0, 2: 1.0, np.inf: 0.1}[norm])
        for method in ("ibp", "crown"):
            with torch.no_grad():
                one = hidden_bounds(dense, dense.balls(X, radii), method)
                two = layers.hidden_bounds(layers.balls(X, radii), method)
                found = layers.outputs_lower(two, rows)
                expected = outputs_lower(dense, one, rows)
            assert_allclose(found, expected, rtol=0, atol=1e-9)
            slopes = [k for k, n in enumerate(layers.nodes) if n.kind == "slope"]
            # Between pooling and convolution the network of matrices has a layer more.
            for k, j in zip(slopes, (0, 2, 3), strict=True):
                for a, b in zip(
                    two.ends[layers.nodes[k].inputs[0]], one.intervals[j], strict=True
                ):
                    assert_allclose(a.flatten(1), b, rtol=0, atol=1e-9)


def _skip(channels, kernel):
    return Residual(nn.Sequential(kernel(channels, channels, 3, padding=1), nn.SiLU()))


KINDS = {
    "1d": (
        (2, 9),
        lambda: [
            nn.Conv1d(2, 4, 3, stride=2, padding=2, dilation=2, groups=2),
            nn.ELU(0.5),
            nn.MaxPool1d(3, stride=2, padding=1, ceil_mode=True),
            nn.Flatten(),
            nn.LazyLinear(3),
        ],
    ),
    "2d": (
        (1, 7, 6),
        lambda: [
            nn.Conv2d(1, 2, (3, 2), padding="same", padding_mode="reflect"),
            nn.BatchNorm2d(2),
            nn.ReLU(),
            _skip(2, nn.Conv2d),
            nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False),
            nn.Mish(),
            nn.AdaptiveMaxPool2d((2, 3)),
            nn.Flatten(),
            nn.LazyLinear(3),
        ],
    ),
    "3d": (
        (1, 3, 4, 3),
        lambda: [
            nn.Conv3d(1, 2, 2, padding=1, padding_mode="circular"),
            nn.LeakyReLU(0.2),
            nn.MaxPool3d(2),
            nn.AdaptiveAvgPool3d(1),
            nn.Flatten(),
            nn.LazyLinear(3),
        ],
    ),
    "before": (
        (1, 5, 5),
        lambda: [
            nn.BatchNorm2d(1),
            nn.Conv2d(1, 2, 3, padding=1, padding_mode="replicate", bias=False),
            nn.Softplus(threshold=40),
            Residual(nn.Conv2d(2, 2, 1), nn.Sequential(nn.Hardswish())),
            nn.Flatten(),
            nn.Linear(50, 4),
            nn.BatchNorm1d(4),
            nn.Sigmoid(),
            nn.Linear(4, 3),
        ],
    ),
}


def _made(kind):
    shape, layers = KINDS[kind]
    layers = layers()
    if isinstance(layers[-1], nn.LazyLinear):
        nn.Sequential(*layers).eval()(torch.zeros(2, *shape))
    return drawn(*layers), shape


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_no_point_of_the_ball_leaves_any_layers_ends(kind, norm):
    module, shape = _made(kind)
    rng = np.random.default_rng(1)
    X = rng.normal(size=(3, *shape))
    network = ModuleNetwork(module, shape)
    flat = X.reshape(3, -1)
    layers = ModulePropagation(network, norm, np.ones(flat.shape[1]) > 0)
    for radius in (0.0, 0.05, 1.0):
        balls = layers.balls(flat, np.full(3, radius))
        with torch.no_grad():
            found = {m: layers.hidden_bounds(balls, m) for m in ("ibp", "crown")}
            rows = torch.eye(3).double()[None].expand(3, -1, -1)
            lower = [layers.outputs_lower(b, rows) for b in found.values()]
            rates = layers.rates(found["crown"], rows).numpy()
            centered = layers.rates(found["crown"], rows, from_center=True).numpy()
            falls = layers.falls_from_center(found["crown"], rows).numpy()
        assert (falls <= centered).all()
        outputs = network.forward(flat)
        for _ in range(60):
            step = perturbations(rng, flat.shape, norm, radius)
            values = network.forward(flat + step)
            for bound in lower:
                assert (bound.numpy() <= values + 1e-12).all()
            moved = np.linalg.norm(step, norm, axis=1)[:, None]
            assert (np.abs(values - outputs) <= rates * moved + 1e-12).all()
            assert (np.abs(values - outputs) <= centered * moved + 1e-12).all()
            assert (outputs - values <= falls * moved + 1e-12).all()
            with torch.no_grad():
                self_ends = _values(layers, flat + step)
            for bounds in found.values():
                for (low, high), value in zip(bounds.ends, self_ends, strict=True):
                    assert (low <= value + 1e-12).all()
                    assert (value <= high + 1e-12).all()


def test_neurons_of_a_first_layer_lose_what_they_lose_together(monkeypatch):
    """By the norm of the rows of the open ones, where that says less."""
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 4)
    ).double()
    network = ModuleNetwork(module, (1, 6, 6))
    X, rows = np.random.default_rng(0).normal(size=(5, 36)), torch.eye(4).double()
    layers = ModulePropagation(network, 2, np.ones(36) > 0)
    with torch.no_grad():
        bounds = layers.hidden_bounds(layers.balls(X, np.full(5, 0.4)), "crown")
        joint = layers.rates(bounds, rows.expand(5, 4, 4)).numpy()
        ends = [end.flatten(1).numpy() for end in bounds.ends[-4]]
        matrix = layers.first_matrix(len(bounds.ends) - 4)[0].numpy()
        monkeypatch.setattr(layers, "first_matrix", lambda k: None)
        apart = layers.rates(bounds, rows.expand(5, 4, 4)).numpy()
    assert (joint <= apart).all() and joint.mean() < 0.98 * apart.mean()
    last = module[3].weight.detach().numpy()
    is_open = (ends[0] < 0.0) & (ends[1] > 0.0)
    slopes = (ends[0] >= 0.0).astype(float)
    # One half of the rows at their middle, the other of what is open together.
    root = np.sqrt(0.5 * is_open)
    norms = np.linalg.norm(root[:, :, None] * matrix, 2, axis=(1, 2))
    middle = np.linalg.norm((last * (slopes + root**2)[:, None]) @ matrix, axis=2)
    lost = np.linalg.norm(last * root[:, None], axis=2) * norms[:, None]
    assert_allclose(joint, np.minimum(middle + lost, apart), rtol=1e-3)


def _values(layers, rows):
    """Values of all nodes at some points."""
    found = {-1: torch.from_numpy(rows)}
    for k, node in enumerate(layers.nodes):
        given = [found[j] for j in node.inputs]
        if node.kind == "linear":
            found[k] = node.layer.apply(given[0])
            if node.layer.bias is not None:
                found[k] = found[k] + node.layer.bias
        elif node.kind == "slope":
            found[k] = node.layer.function(given[0])
        elif node.kind == "maximum":
            found[k] = node.layer.apply(given[0])
        else:
            found[k] = sum(given)
    return [found[k] for k in range(len(layers.nodes))]


@pytest.mark.parametrize("kind", KINDS)
def test_the_layers_are_those_of_the_module(kind):
    module, shape = _made(kind)
    rows = np.random.default_rng(2).normal(size=(4, int(np.prod(shape))))
    network = ModuleNetwork(module, shape)
    layers = ModulePropagation(network, 2, np.ones(rows.shape[1]) > 0)
    assert_allclose(_values(layers, rows)[-1], network.forward(rows), rtol=1e-10)
    for k, node in enumerate(layers.nodes):
        if node.kind != "linear":
            continue
        x = torch.randn(2, *node.layer.in_shape).double()
        y = torch.randn(2, *node.layer.out_shape).double()
        for power in (None, 1, 2):
            forward = (node.layer.apply(x, power) * y).sum()
            back = (x * node.layer.transposed(y, power)).sum()
            assert_allclose(forward, back, rtol=1e-9, atol=1e-10)
        assert layers.shape(k) == node.layer.out_shape


@pytest.mark.full_effort
@pytest.mark.parametrize("name", sorted({*list_activations()} - {"identity"}))
def test_every_activation(name):
    network = random_network([3, 4, 4, 2], activation=name, random_state=0)
    inner = sequential_module(network)
    module = nn.Sequential(nn.Unflatten(1, (1, 3)), nn.Conv1d(1, 1, 1), nn.Flatten())
    with torch.no_grad():
        module[1].weight.fill_(1.0)
        module[1].bias.zero_()
    module = nn.Sequential(*module.double(), *inner).eval()
    X = np.random.default_rng(0).normal(size=(2, 3))
    for method in ("ibp", "crown"):
        # The same network but for a layer that changes nothing; what saturates may be
        # certified as far as rounding allows.
        found, expected = (
            np.minimum(certified_radius(model, X, method=method), 1e9)
            for model in (module, network)
        )
        assert_allclose(found, expected, rtol=1e-2)


def test_roundings_are_outward():
    """Sums that cancel, in exact arithmetic."""
    module = nn.Sequential(nn.Conv1d(1, 1, 4), nn.ReLU(), nn.Flatten(), nn.Linear(1, 2))
    module = module.double().eval()
    rng = np.random.default_rng(0)
    for _ in range(40):
        taps = rng.normal(size=4) * 10.0 ** rng.integers(-8, 9, 4)
        x = rng.normal(size=4) * 10.0 ** rng.integers(-8, 9, 4)
        with torch.no_grad():
            module[0].weight.copy_(torch.from_numpy(taps)[None, None])
            module[0].bias.fill_(-float(taps @ x) + 1e-9 * rng.normal())
            module[3].weight.copy_(torch.tensor([[1.0], [-1.0]]).double())
            module[3].bias.copy_(torch.tensor([0.1, -0.1], dtype=torch.float64))
        bias = Fraction(module[0].bias.item())
        value = sum(Fraction(a) * Fraction(b) for a, b in zip(taps, x, strict=True))
        value = max(value + bias, Fraction(0))
        first, second = value + Fraction(0.1), -value + Fraction(-0.1)
        layers = ModulePropagation(ModuleNetwork(module, (1, 4)), 2, np.ones(4) > 0)
        balls = layers.balls(x[None], np.zeros(1))
        rows = torch.eye(2).double()[None]
        for method in ("ibp", "crown"):
            with torch.no_grad():
                bounds = layers.hidden_bounds(balls, method)
                lower = layers.outputs_lower(bounds, rows)[0].numpy()
                upper = -layers.outputs_lower(bounds, -rows)[0].numpy()
            for k, exact in enumerate((first, second)):
                assert Fraction(float(lower[k])) <= exact <= Fraction(float(upper[k]))


@pytest.mark.parametrize("norm", NORMS)
def test_large_layers_are_bounded_by_norms(norm, monkeypatch):
    module, shape = _made("2d")
    X = np.random.default_rng(1).normal(size=(2, *shape))
    full = certified_interval(module, X, radius=0.05, norm=norm, method="crown")
    monkeypatch.setattr("sklip.bounds._layers.bounds.MOST_NEURONS", 3)
    short = certified_interval(module, X, radius=0.05, norm=norm, method="crown")
    boxes = certified_interval(module, X, radius=0.05, norm=norm, method="ibp")
    assert (short[0] <= full[0] + 1e-9).all() and (short[1] >= full[1] - 1e-9).all()
    assert (short[1] - short[0] <= (boxes[1] - boxes[0]) * (1.0 + 1e-9)).all()
    rng = np.random.default_rng(3)
    for _ in range(50):
        moved = X + perturbations(rng, X.shape, norm, 0.05)
        with torch.no_grad():
            values = module(torch.from_numpy(moved)).numpy()
        assert (short[0] <= values).all() and (values <= short[1]).all()


def test_a_layer_without_bounds_inside_balls_is_named():
    module = drawn(nn.Conv2d(1, 1, 1), nn.AvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    X = np.ones((1, 1, 2, 2))
    assert certified_radius(module, X, method="crown")[0] > 0.0
    long = drawn(nn.Conv1d(1, 1, 1), nn.AvgPool1d(2), nn.Flatten(), nn.Linear(1500, 2))
    X = np.random.default_rng(0).normal(size=(1, 1, 3000))
    with pytest.raises(UnsupportedModelError, match="Pooling"):
        certified_radius(long, X, method="crown")


@pytest.mark.parametrize("norm", NORMS)
def test_one_sided_balls(norm):
    module, shape = _made("2d")
    rng = np.random.default_rng(5)
    n = int(np.prod(shape))
    x, network = rng.normal(size=(1, n)), ModuleNetwork(module, shape)
    shares = rng.uniform(size=n), rng.choice([0.0, 0.5, 1.0], size=n)
    mutable = rng.uniform(size=n) < 0.7
    half = ModulePropagation(network, norm, mutable, shares=shares)
    whole = ModulePropagation(network, norm, mutable)
    rows = torch.eye(3).double()[None]
    with torch.no_grad():
        lower = [
            p.outputs_lower(p.hidden_bounds(p.balls(x, np.full(1, 0.2)), "crown"), rows)
            for p in (half, whole)
        ]
    assert (lower[0] > lower[1]).any() and (lower[0] >= lower[1] - 1e-9).all()
    for _ in range(200):
        step = perturbations(rng, (1, n), norm, 0.2) * mutable
        step = np.where(step < 0.0, step * shares[0], step * shares[1])
        assert (lower[0].numpy() <= network.forward(x + step) + 1e-12).all()
