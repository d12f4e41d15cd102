# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Single layers as they are read, against exact rational arithmetic."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn

from sklip.bounds import lipschitz_bound, module_bound
from sklip.bounds._modules.layers import LEAF_READERS
from sklip.exceptions import UnsupportedModelError
from sklip.networks import FeedForward


def test_scales_of_batch_normalisation_are_rounded_up():
    rng = np.random.default_rng(0)
    norm = nn.BatchNorm1d(200).double().eval()
    norm.running_var.copy_(torch.from_numpy(rng.uniform(0.1, 3.0, 200)))
    norm.running_mean.copy_(torch.from_numpy(rng.normal(size=200)))
    norm.weight.data.copy_(torch.from_numpy(rng.normal(size=200)))
    norm.bias.data.copy_(torch.from_numpy(rng.normal(size=200)))
    (scale,), _ = LEAF_READERS["BatchNorm1d"](norm, (200,))
    for k in range(200):
        weight, mean, bias = (
            Fraction(float(tensor.detach()[k]))
            for tensor in (norm.weight, norm.running_mean, norm.bias)
        )
        variance = Fraction(float(norm.running_var[k])) + Fraction(norm.eps)
        factor = Fraction(scale.factors[k])
        # |weight| / sqrt(variance) is below |factor|, by no more than 40 roundings.
        assert factor * weight >= 0
        assert factor**2 * variance >= weight**2
        assert factor**2 * variance <= weight**2 * (1 + Fraction(2.0**-46))
        size = abs(bias) + abs(mean * factor)
        assert abs(
            Fraction(scale.offsets[k]) - bias + mean * factor
        ) <= size * Fraction(4 * 2.0**-53)
        assert abs(Fraction(scale.sizes[k]) - size) <= size * Fraction(4 * 2.0**-53)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_jump_of_softplus_is_refused_where_its_type_shows_it(dtype):
    linear, softplus = nn.Linear(1, 1).to(dtype), nn.Softplus()
    convolution = nn.Conv1d(1, 1, 1).to(dtype)
    for module in (
        nn.Sequential(linear, softplus),
        nn.Sequential(convolution, nn.Sequential(softplus), nn.MaxPool1d(2)),
    ):
        if dtype == torch.float64:
            with pytest.raises(ValueError, match="threshold=40"):
                lipschitz_bound(module.eval())
        else:
            assert float(lipschitz_bound(module.eval())) > 0.0
    smooth = nn.Sequential(linear, nn.Softplus(threshold=40.0)).eval()
    assert float(lipschitz_bound(smooth)) >= abs(float(linear.weight.detach()))


def test_softplus_of_nothing_but_activations_takes_float64():
    with pytest.raises(ValueError, match="float64"):
        lipschitz_bound(nn.Sequential(nn.Flatten(), nn.Softplus()).eval())


@pytest.mark.parametrize(
    "module, shape",
    [
        (nn.Flatten(3), (2, 4)),
        (nn.Flatten(2, 4), (2, 3, 4)),
        (nn.Unflatten(3, (2, 2)), (3, 4)),
    ],
)
def test_axes_that_samples_lack_are_refused(module, shape):
    with pytest.raises(ValueError, match=r"does not fit samples of shape \("):
        module_bound(module.eval(), input_shape=shape)


@pytest.mark.parametrize(
    "module, shape, after",
    [
        (nn.Flatten(), (2, 3, 4), (24,)),
        (nn.Flatten(1, 2), (2, 3, 4), (6, 4)),
        (nn.Flatten(2), (2, 3, 4), (2, 12)),
        (nn.Flatten(2, 2), (2, 3, 4), (2, 3, 4)),
        (nn.Flatten(2, 3), (2, None, 4), (2, None)),
        (nn.Unflatten(1, (2, 3)), (6, 4), (2, 3, 4)),
        (nn.Unflatten(2, (-1, 2)), (5, 4, 3), (5, 2, 2, 3)),
        (nn.Unflatten(1, (4, -1)), (None,), (4, None)),
    ],
)
def test_shapes_after_reshaping(module, shape, after):
    [step], found = LEAF_READERS[type(module).__name__](module, shape)
    assert found == after
    assert step.flattens == (len(after) == 1)
    if None not in shape:
        assert module(torch.zeros(1, *shape)).shape[1:] == after


@pytest.mark.parametrize("n_out", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("n", [1, 2, 5, 7, 11])
def test_windows_of_adaptive_averages_are_no_larger_than_counted(n, n_out):
    """As torch takes them: from floor(i n / m) to ceil((i + 1) n / m)."""
    module = nn.AdaptiveAvgPool1d(n_out).eval()
    [pooling], _ = LEAF_READERS["AdaptiveAvgPool1d"](module, (1, n))
    ends = [(i * n // n_out, -(-(i + 1) * n // n_out)) for i in range(n_out)]
    largest = max(stop - start for start, stop in ends)
    assert largest <= pooling.n_terms <= largest + 1


class Called(nn.Module):
    """A function of torch between two layers, and axes of one entry on the way."""

    def __init__(self, function):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.function = nn.Linear(3, 4), function
        self.last = nn.Linear(4, 2)

    def forward(self, x):
        x = self.function(3.0 * self.first(x)).unsqueeze(-1).unsqueeze(1)
        return self.last(x.squeeze(3).squeeze(1))


CLIPPED = {
    "ReLU6": nn.ReLU6(),
    "Hardtanh": nn.Hardtanh(-0.25, 0.5),
    "Hardsigmoid": nn.Hardsigmoid(),
    "CELU": nn.CELU(0.5),
    "SELU": nn.SELU(),
    "relu6": nn.functional.relu6,
    "hardtanh": lambda z: nn.functional.hardtanh(z, -0.25, 0.5),
    "hardsigmoid": nn.functional.hardsigmoid,
    "celu": lambda z: nn.functional.celu(z, 2.0),
    "selu": torch.selu,
    "clamp": lambda z: z.clamp(-0.25, max=0.5),
    "clip": lambda z: torch.clip(z, min=0.0),
}


@pytest.mark.parametrize("name", CLIPPED)
def test_activations_that_are_made_of_others(name):
    """The network is the module, and no steeper than its slopes are."""
    module = Called(CLIPPED[name]).double().eval()
    network = FeedForward.from_torch(module, (3,))
    x = 3.0 * torch.randn(200, 3, dtype=torch.float64)
    np.testing.assert_allclose(
        network.forward(x), module(x).detach(), rtol=1e-13, atol=1e-13
    )
    steepest = {"hardsigmoid": 1.0 / 6.0, "selu": 1.0507 * 1.6733}
    expected = 3.0 * steepest.get(name.lower(), 1.0)
    for layer in (module.first, module.last):
        expected *= np.linalg.norm(layer.weight.detach(), 2)
    found = module_bound(module, (3,))
    assert expected * (1.0 - 1e-4) <= found <= expected * (1.0 + 1e-4)


def test_a_clip_without_numbers_at_both_ends_is_refused():
    for clip in (lambda z: z.clamp(max=1.0), lambda z: z.clamp(torch.zeros(4), 1.0)):
        with pytest.raises(UnsupportedModelError, match="clamp"):
            module_bound(Called(clip).eval(), (3,))
