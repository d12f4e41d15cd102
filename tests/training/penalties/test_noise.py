# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The noise loss against autograd, and the noise itself.

Also tests of ``training/_passes/module.py`` and ``training/_passes/noise.py``.
"""

import pytest
import torch
from torch import nn

from sklip.training import (
    LOSSES,
    FlatMLP,
    FlatModule,
    ModuleBackprop,
    NoiseBackprop,
    NoiseTerm,
    sequential_module,
)
from sklip.training._penalties.noise import NoiseSource, power_step

N, WIDTHS = 12, (6, 8, 5, 3)


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _batch(loss="cross_entropy"):
    X = torch.randn(N, WIDTHS[0], dtype=torch.float64, generator=_generator(1))
    codes = torch.randint(3, (N,), generator=_generator(2))
    targets = torch.nn.functional.one_hot(codes, 3).double()
    if loss not in ("cross_entropy", "hinge"):
        targets = targets + 0.3
    weight = torch.rand(N, dtype=torch.float64, generator=_generator(3))
    return X, targets, weight


def _reference(module, both, targets, weight, term, loss, alpha):
    """The same loss written with autograd: (loss, gradients)."""
    outputs = module(both)
    clean, noisy = outputs[:N], outputs[N:]
    share = weight / weight.sum()
    usual = {
        "cross_entropy": -(targets * clean.log_softmax(1)).sum(1),
        "squared_error": 0.5 * (clean - targets).square().mean(1),
    }[loss]
    if term.space == "proba":
        clean, noisy = clean.softmax(1), noisy.softmax(1)
    length = (both[N:] - both[:N]).norm(dim=1)
    k = (noisy - clean).norm(dim=1) / length
    extra = term.weight * (k - term.target).clamp(min=0)
    square = sum(p.square().sum() for p in module.parameters() if p.ndim > 1)
    value = (share * (usual + extra)).sum() + 0.5 * alpha * square / weight.sum()
    return value, torch.autograd.grad(value, list(module.parameters())), k


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
@pytest.mark.parametrize("space", ["logits", "proba"])
@pytest.mark.parametrize("probe", ["gaussian", "power"])
@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
@pytest.mark.parametrize("kind", ["mlp", "module"])
def test_loss_and_gradient_are_those_of_autograd(activation, space, probe, loss, kind):
    mlp = FlatMLP(WIDTHS, activation, generator=_generator())
    # A threshold between the ratios: some hinges are open, some closed.
    target = {"logits": 0.25, "proba": 0.05}[space]
    target *= 3 if (probe, space) == ("power", "logits") else 1
    term = NoiseTerm(0.5, 10.0, target, space, probe)
    if kind == "mlp":
        module, made = mlp, NoiseBackprop(mlp, loss, 0.01, noise=term)
    else:
        module = FlatModule(sequential_module(mlp.to_feedforward()), WIDTHS[:1])
        made = ModuleBackprop(module, loss, 0.01, noise=term)
    X, targets, weight = _batch(loss)
    seen = {}
    original = made.noise.add_gradient

    class Spy:
        def __init__(self):
            self.probe = probe

        def add_gradient(self, outputs, length, grad):
            seen["length"] = length.clone()
            return original(outputs, length, grad)

    made.noise = Spy()
    hook = None
    if kind == "module":
        hook = module.module.register_forward_pre_hook(
            lambda _, inputs: seen.update(both=inputs[0].detach().clone())
        )
    with torch.no_grad():
        made.restart(_generator(5))
        value = made.loss_and_grad(X, targets, weight)
    if kind == "mlp":
        seen["both"] = made._both[2 * N].clone()
    else:
        hook.remove()
    found = [p.grad.clone() for p in module.parameters()]
    args = targets, weight, term, loss, 0.01
    expected, gradients, k = _reference(module, seen["both"], *args)
    assert 0 < (k > term.target).sum() < N
    assert abs(float(value - expected.detach())) < 1e-12
    for ours, theirs in zip(found, gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)
    moved = (seen["both"][N:] - seen["both"][:N]).norm(dim=1)
    torch.testing.assert_close(moved, seen["length"], rtol=1e-12, atol=0)


def test_module_and_mlp_compute_the_same():
    mlp = FlatMLP(WIDTHS, "tanh", generator=_generator())
    module = FlatModule(sequential_module(mlp.to_feedforward()), WIDTHS[:1])
    term = NoiseTerm(0.5, 10.0, 0.01)
    X, targets, _ = _batch()
    with torch.no_grad():
        values = []
        for made in (
            NoiseBackprop(mlp, "cross_entropy", 0.1, noise=term),
            ModuleBackprop(module, "cross_entropy", 0.1, noise=term),
        ):
            made.restart(_generator(5))
            values.append(float(made.loss_and_grad(X, targets)))
    assert values[0] == pytest.approx(values[1], rel=1e-12)
    ours = [layer.weight.grad for layer in mlp.layers]
    theirs = [p.grad for p in module.parameters() if p.ndim > 1]
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("kind", ["mlp", "module"])
def test_a_batch_without_weight_moves_nothing(kind):
    mlp = FlatMLP(WIDTHS, generator=_generator())
    term = NoiseTerm(0.5, 10.0, 0.0)
    if kind == "mlp":
        module, made = mlp, NoiseBackprop(mlp, "cross_entropy", 0.1, noise=term)
    else:
        module = FlatModule(sequential_module(mlp.to_feedforward()), WIDTHS[:1])
        made = ModuleBackprop(module, "cross_entropy", 0.1, noise=term)
    X, targets, _ = _batch()
    with torch.no_grad():
        made.restart(_generator())
        value = made.loss_and_grad(X, targets, torch.zeros(N, dtype=torch.float64))
    assert float(value) == 0.0
    assert all(not p.grad.any() for p in module.parameters())


def test_constant_outputs_have_no_gradient_of_the_term():
    outputs = torch.ones(2 * N, 3)
    grad = torch.zeros(2 * N, 3)
    values = NoiseTerm(1.0, 10.0, 0.0).add_gradient(outputs, torch.ones(N), grad)
    assert not values.any() and not grad.any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_noise_is_gaussian_fresh_and_repeatable(dtype):
    X = torch.rand(500, 40, dtype=dtype)
    both = torch.empty(1000, 40, dtype=dtype)
    generator = _generator(3)
    state = generator.get_state()
    source = NoiseSource(0.3, torch.device("cpu"))

    def draw():
        length = source.write_noisy(X, both)
        noise = both[500:] - both[:500]
        assert torch.equal(both[:500], X)
        torch.testing.assert_close(length, noise.norm(dim=1), rtol=1e-4, atol=0)
        return noise

    source.restart(generator)
    first, second = draw(), draw()
    assert abs(float(first.std()) - 0.3) < 0.01 and abs(float(first.mean())) < 0.01
    assert not torch.equal(first, second)
    source.restart(generator)  # goes on
    third = draw()
    assert not torch.equal(third, first) and not torch.equal(third, second)
    source = NoiseSource(0.3, torch.device("cpu"))
    source.restart(generator)
    assert torch.equal(draw(), first)
    source.restart(generator, fresh=False)
    assert torch.equal(draw(), first) and torch.equal(draw(), first)
    assert torch.equal(generator.get_state(), state)


def test_gradients_scaled_for_float16_come_back_unscaled():
    mlp = FlatMLP(WIDTHS, "tanh", generator=_generator())
    module = FlatModule(sequential_module(mlp.to_feedforward()), WIDTHS[:1])
    X, targets, _ = _batch()
    found = []
    with torch.no_grad():
        for scale in (None, 2.0**14):
            made = ModuleBackprop(module, "cross_entropy", 0.1)
            made._scale = scale
            made.loss_and_grad(X, targets)
            found.append(module.flat_grad.clone())
        torch.testing.assert_close(found[1], found[0], rtol=1e-12, atol=1e-15)
        # Too large: no step but that of the L2 term, and half the scale next time.
        made._scale = float("inf")
        made.loss_and_grad(X, targets)
        expected = [0.1 / N * w for w in module.weights]
        for weight, gradient in zip(module.weights, expected, strict=True):
            torch.testing.assert_close(weight.grad, gradient)


def test_power_step_turns_noise_towards_the_worst_direction():
    W = torch.randn(3, 20, dtype=torch.float64, generator=_generator())
    X = torch.randn(50, 20, dtype=torch.float64, generator=_generator(1))
    noise = torch.randn(50, 20, dtype=torch.float64, generator=_generator(2))
    length = noise.norm(dim=1)

    def ratio(delta):
        return (delta @ W.T).norm(dim=1) / delta.norm(dim=1)

    before = ratio(noise)
    noisy = X + noise
    power_step(X, noise @ W.T @ W, length, noisy)
    after = ratio(noisy - X)
    top = float(torch.linalg.matrix_norm(W, 2))
    assert (after > before).all()
    assert after.mean() > 0.8 * top > 2 * before.mean()
    assert (after <= top * (1 + 1e-9)).all()
    torch.testing.assert_close((noisy - X).norm(dim=1), length)


def test_power_step_keeps_noise_that_nothing_turns():
    X, noisy = torch.zeros(4, 3), torch.ones(4, 3)
    power_step(X, torch.zeros(4, 3), torch.ones(4), noisy)
    assert torch.equal(noisy, torch.ones(4, 3))


def test_k_is_a_small_part_of_the_jacobians_norm():
    # PAPERS U4: k / ||J||_2 is about 1 / sqrt(n) for rank one.
    n = 784
    direction = torch.randn(n, dtype=torch.float64, generator=_generator())
    noise = torch.randn(2000, n, dtype=torch.float64, generator=_generator(1))
    k = (noise @ direction).abs() / noise.norm(dim=1)
    share = float(k.mean() / direction.norm())
    assert share == pytest.approx(0.0285, abs=0.002)


def test_probe_leaves_running_statistics_alone():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
    flat = FlatModule(module.double(), (6,))
    X, targets, _ = _batch()
    moved = []
    for probe in ("gaussian", "power"):
        flat.module[1].reset_running_stats()
        term = NoiseTerm(1e-9, 1.0, 0.0, probe=probe)
        made = ModuleBackprop(flat, "cross_entropy", noise=term)
        with torch.no_grad():
            made.restart(_generator())
            made.loss_and_grad(X, targets)
        moved.append(flat.module[1].running_mean.clone())
    torch.testing.assert_close(moved[0], moved[1], rtol=1e-6, atol=1e-9)
    assert set(LOSSES) >= {"cross_entropy", "hinge"}
