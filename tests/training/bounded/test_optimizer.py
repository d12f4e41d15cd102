# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Schedule, average and bound of the steps."""

import numpy as np
import pytest
import torch

from sklip.training import BoundedMLP, units_of
from sklip.training._bounded.optimizer import BoundedOptimizer, schedule

RNG = np.random.default_rng(0)


def _module(bound=None, n_outputs=3, hidden=(6,)):
    X, Y = RNG.normal(size=(20, 5)), RNG.normal(size=(20, n_outputs))
    units = units_of(X, Y, lipschitz_bound=bound)
    generator = torch.Generator().manual_seed(0)
    sizes = (5, *hidden, n_outputs)
    return BoundedMLP(sizes, units, lipschitz_bound=bound, generator=generator)


def test_schedule_goes_up_and_down_to_nothing():
    rates = np.array([schedule(step, 101) for step in range(102)])
    assert rates[0] == 0.0 and rates[-1] == pytest.approx(0.0, abs=1e-15)
    assert rates.max() == pytest.approx(1.0, abs=1e-3)
    assert abs(int(rates.argmax()) - 30) <= 1
    assert (np.diff(rates[:30]) > 0).all() and (np.diff(rates[31:]) < 0).all()
    assert all(0.0 < schedule(1, n + 1) <= 1.0 for n in range(1, 5))


def test_the_average_weighs_all_early_steps_alike_then_decays():
    module = _module()
    optimizer = BoundedOptimizer(module, 0.01, 0.5)
    optimizer.begin(100)
    average = module.flat.clone()
    optimizer.resume()
    for step in range(1, 31):
        module.flat_grad.copy_(torch.from_numpy(RNG.normal(size=len(module.flat))))
        optimizer.step()
        optimizer.average()
        decay = min(0.5, step / (step + 10))
        average = decay * average + (1.0 - decay) * module.flat
    last = module.flat.clone()
    optimizer.rest()
    torch.testing.assert_close(module.flat, average, rtol=0.0, atol=1e-14)
    optimizer.resume()
    assert torch.equal(module.flat, last)
    optimizer.forget()
    module.flat.zero_()
    optimizer.resume()
    assert not module.flat.any()


def test_large_layers_move_less_often():
    """Their moves would be most of the time: every sixth step, others every second."""
    module = _module(hidden=(130, 130))
    optimizer = BoundedOptimizer(module, 0.01, 0.0)
    optimizer.begin(None)
    optimizer.resume()
    moved = [[], []]
    for step in range(12):
        before = [w.clone() for w in module.weights[:-1]]
        module.flat_grad.copy_(torch.from_numpy(RNG.normal(size=len(module.flat))))
        optimizer.step()
        for steps, old, new in zip(moved, before, module.weights, strict=False):
            steps += [step] * (not torch.equal(old, new))
    assert moved == [list(range(0, 12, 2)), list(range(0, 12, 6))]


@pytest.mark.parametrize("rank", [1, 130])
def test_moves_as_long_as_can_be_stay_near_the_manifold(rank):
    """Few singular values share what the Frobenius norm allows: each is capped."""
    module = _module(hidden=(130, 130))
    optimizer = BoundedOptimizer(module, 1e6, 0.0)
    optimizer.begin(None)
    optimizer.resume()
    weight, grad = module.weights[1], module.layers[1].weight.grad
    for _ in range(7):
        module.flat_grad.zero_()
        factors = RNG.normal(size=(2, 130, rank))
        grad.copy_(torch.from_numpy(factors[0] @ factors[1].T))
        optimizer.step()
        values = torch.linalg.svdvals(weight)
        assert 0.8 < values.min() and values.max() < 1.01


def test_without_averaging_the_last_step_counts():
    module = _module()
    optimizer = BoundedOptimizer(module, 0.01, 0.0)
    optimizer.begin(10)
    optimizer.resume()
    module.flat_grad.fill_(1.0)
    optimizer.step()
    optimizer.average()
    last = module.flat.clone()
    optimizer.rest()
    assert torch.equal(module.flat, last)


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_a_regressors_last_weights_stay_under_the_bound(n_outputs):
    module = _module(0.2, n_outputs)
    optimizer = BoundedOptimizer(module, 0.5, 0.9)
    optimizer.begin(None)
    optimizer.resume()
    for _ in range(20):
        module.flat_grad.copy_(torch.from_numpy(RNG.normal(size=len(module.flat))))
        optimizer.step()
        norm = torch.linalg.svdvals(module.weights[-1]).max()
        assert norm <= module.head_bound * (1.0 + 1e-12)
    assert norm > 0.5 * module.head_bound


def test_a_step_follows_the_gradient():
    module = _module()
    target = module.flat + 0.3 * torch.from_numpy(RNG.normal(size=len(module.flat)))
    optimizer = BoundedOptimizer(module, 0.05, 0.0)
    optimizer.begin(200)
    optimizer.resume()
    free = slice(module.n_hidden_weights, None)
    start = (module.flat - target)[free].norm()
    overlap = [(module.weights[0] * target[:30].view(6, 5)).sum()]
    for _ in range(200):
        module.flat_grad.copy_(module.flat - target)
        optimizer.step()
    overlap.append((module.weights[0] * target[:30].view(6, 5)).sum())
    assert (module.flat - target)[free].norm() < 0.05 * start
    nearest = torch.linalg.svdvals(target[:30].view(6, 5)).sum()
    assert overlap[0] < overlap[1] and overlap[1] > 0.995 * nearest


@pytest.mark.parametrize("size", [1e-9, 0.1])
def test_content_rows_leave_the_weights_alone(size):
    """However small its gradients, a direction or Adam would go as far with them."""
    moved = {}
    for steepness in (None, 100.0):
        module = _module()
        start, noise = module.flat.clone(), np.random.default_rng(0)
        optimizer = BoundedOptimizer(module, 0.01, 0.0, steepness)
        optimizer.resume()
        for _ in range(20):
            grad = size * noise.normal(size=len(module.flat)) + size
            module.flat_grad.copy_(torch.from_numpy(grad))
            optimizer.step()
        moved[steepness] = (module.flat - start).norm()
    # The gradient's norm, some 10 size, beside 1e-4 of the steepness.
    share = min(1.0, 1e3 * size)
    assert share * 0.3 < moved[100.0] / moved[None] < 3.0 * share
