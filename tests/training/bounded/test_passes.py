# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Hand-written passes against autograd through the network's own definition."""

import numpy as np
import pytest
import torch

from sklip.training import BoundedBackprop, BoundedMLP, units_of

RNG = np.random.default_rng(0)
X = 3.0 + 2.0 * RNG.normal(size=(9, 4))
CODES = RNG.integers(0, 3, 9)
Y = RNG.normal(size=(9, 2))


def _module(hidden, bound=None):
    targets = np.eye(3)[CODES] if bound is None else Y
    units = units_of(X, targets, lipschitz_bound=bound)
    sizes = (4, *hidden, targets.shape[1])
    generator = torch.Generator().manual_seed(0)
    module = BoundedMLP(
        sizes, units, lipschitz_bound=bound, temperature=8.0, generator=generator
    )
    for bias in module.biases:
        bias.copy_(0.1 * torch.randn(bias.shape, generator=generator))
    return module, torch.from_numpy(targets)


def _slow_loss(module, targets, radius):
    """Mean loss, with autograd, in the units of the data."""
    outputs = module(torch.from_numpy(X))
    if radius is None:
        scale = module.units.target_scale
        return ((outputs - targets) / scale).square().mean(1) / 2
    head, t = module.layers[-1].weight, targets.argmax(1)
    # One more where a class meets itself, whose slope would be NaN.
    distances = ((head[t][:, None] - head[None]).square().sum(2) + targets).sqrt()
    # Outputs are H a of x in units of scale: so is their difference over D.
    radii = (outputs[range(9), t][:, None] - outputs) / distances * module.units.scale
    exponents = 8.0 * (radius - radii) * (1.0 - targets)
    return torch.logsumexp(exponents, 1) / (8.0 * radius)


@pytest.mark.parametrize("hidden", [(), (6,), (3, 5)])
@pytest.mark.parametrize("radius", [0.5, None])
@pytest.mark.parametrize("weighted", [False, True])
def test_gradient_is_that_of_autograd(hidden, radius, weighted):
    module, targets = _module(hidden, None if radius else 0.7)
    weight = torch.from_numpy(RNG.uniform(size=9)) if weighted else None
    share = (
        torch.full((9,), 1 / 9, dtype=torch.float64)
        if weight is None
        else weight / weight.sum()
    )
    expected = (share * _slow_loss(module, targets, radius)).sum()
    parameters = list(module.parameters())
    slopes = torch.autograd.grad(expected, parameters)
    backprop = BoundedBackprop(
        module, "cross_entropy" if radius else "squared_error", radius=radius
    )
    with torch.no_grad():
        loss = backprop.loss_and_grad(torch.from_numpy(X), targets, weight)
        again = backprop.loss_value(torch.from_numpy(X), targets, weight)
    assert float(loss) == pytest.approx(expected.item(), rel=1e-12)
    assert float(again) == pytest.approx(expected.item(), rel=1e-12)
    for parameter, slope in zip(parameters, slopes, strict=True):
        torch.testing.assert_close(parameter.grad, slope, rtol=1e-9, atol=1e-13)


def test_scores_see_outputs_in_the_units_of_the_targets():
    module, targets = _module((6,), 0.7)
    backprop = BoundedBackprop(module, "squared_error")
    with torch.no_grad():
        backprop.loss_value(torch.from_numpy(X), targets)
        wanted = module(torch.from_numpy(X))
    torch.testing.assert_close(backprop.outputs, wanted)


def test_noise_is_added_to_training_batches_alone():
    module, targets = _module((6,))
    rows = torch.from_numpy(X)
    backprop = BoundedBackprop(module, "cross_entropy", radius=0.5, input_noise=0.3)
    backprop.restart(torch.Generator().manual_seed(1))
    with torch.no_grad():
        quiet = [float(backprop.loss_value(rows, targets)) for _ in range(2)]
        noisy = [float(backprop.loss_and_grad(rows, targets)) for _ in range(2)]
    assert quiet[0] == quiet[1]
    assert len({*quiet, *noisy}) == 3
    np.testing.assert_array_equal(rows, X)
