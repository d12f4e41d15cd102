# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The forward error of modules: float32 against float64, float64 against 40 digits.

Also tests of ``bounds/_modules/doubles.py``.
"""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from sklip.bounds import Residual, module_bound
from sklip.bounds._modules.operators import Slope
from sklip.bounds._modules.reader import operators_of
from sklip.bounds._modules.rounding import arithmetic_of, module_error
from sklip.exceptions import UnsupportedModelError

UNIT = 2.0**-24
FLOAT32 = arithmetic_of(nn.Linear(1, 1))


def _filled(module, seed=0, scale=1.0):
    """Float32 parameters and statistics, all far from zero."""
    generator = torch.Generator().manual_seed(seed)
    for part in module.modules():
        for tensor in part.parameters(recurse=False):
            tensor.data.normal_(generator=generator).mul_(scale)
        if hasattr(part, "running_var"):
            part.running_var.uniform_(0.2, 4.0, generator=generator)
            part.running_mean.normal_(generator=generator)
    return module.float().eval()


def _bound(module, shape, X):
    constant, rate = module_error(operators_of(module, shape), shape, FLOAT32)
    lengths = np.linalg.norm(X.reshape(len(X), -1), axis=1)
    return constant + rate * lengths


def _true_error(module, X):
    """l2 errors in float32, the double module being exact beside that."""
    exact = copy.deepcopy(module).double()
    with torch.no_grad():
        computed = module(torch.from_numpy(X).float()).double()
        difference = computed - exact(torch.from_numpy(X))
    return difference.reshape(len(X), -1).norm(dim=1).numpy()


def _samples(shape, n=50, seed=1):
    rng = np.random.default_rng(seed)
    scales = 10.0 ** rng.uniform(-3, 6, (n, *[1] * len(shape)))
    return scales * rng.normal(size=(n, *shape))


BLOCK = [nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU()]
MODULES = {
    "linear": (nn.Linear(6, 4), (6,)),
    "stack": (nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)), (6,)),
    "rows": (nn.Sequential(nn.Linear(6, 4), nn.GELU(), nn.Linear(4, 2)), (3, 6)),
    "conv": (nn.Conv2d(2, 3, 3, stride=2, padding=1), (2, 5, 5)),
    "grouped": (nn.Conv1d(4, 4, 3, groups=2, padding=2, dilation=2), (4, 7)),
    "reflect": (nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect"), (2, 4, 4)),
    "norm in front": (
        nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 2, 2)),
        (3, 4, 4),
    ),
    "norm alone": (nn.BatchNorm1d(5), (5,)),
    "average": (nn.Sequential(nn.AvgPool2d(3, 2, 1), nn.Flatten()), (2, 6, 6)),
    "adaptive": (nn.AdaptiveAvgPool2d((2, 3)), (2, 5, 7)),
    "maximum": (nn.Sequential(nn.Conv2d(1, 2, 2), nn.MaxPool2d(2)), (1, 5, 5)),
    "residual": (
        nn.Sequential(
            nn.Conv2d(2, 3, 3, padding=1),
            Residual(nn.Sequential(*BLOCK), nn.Conv2d(3, 3, 1)),
            nn.ReLU(),
            Residual(nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 3, 1))),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(3, 2),
        ),
        (2, 6, 6),
    ),
}


@pytest.mark.parametrize("name", MODULES)
def test_error_is_never_below_the_truth_and_of_its_order(name):
    module, shape = MODULES[name]
    module = _filled(module)
    X = _samples(shape)
    bound, true = _bound(module, shape, X), _true_error(module, X)
    assert (true <= bound).all()
    # Products of norms along the way, and the order of summation, are not known.
    assert (bound <= 3e4 * np.maximum(true, UNIT)).any()


ACTIVATIONS = [
    nn.ReLU(),
    nn.LeakyReLU(0.3),
    nn.LeakyReLU(-1.0),
    nn.ELU(1.6),
    nn.Sigmoid(),
    nn.Tanh(),
    nn.Softplus(threshold=40.0),
    nn.Softplus(),
    nn.SiLU(),
    nn.GELU(),
    nn.GELU("tanh"),
    nn.Mish(),
    nn.Hardswish(),
]


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_every_activation_errs_by_no_more_than_is_allowed(activation):
    """One unit alone, all over its range and around its switches."""
    near = np.concatenate([c + np.geomspace(1e-9, 1e-1, 60) for c in (-3, 0, 3, 20)])
    z = np.concatenate(
        [np.linspace(-110, 110, 4001), near, -near, np.geomspace(1, 1e30)]
    )
    z = np.concatenate([z, -np.geomspace(1e-30, 1e30)])[:, None].astype(np.float32)
    X = z.astype(np.float64)
    module = nn.Sequential(activation).float()
    exact = activation
    if isinstance(activation, nn.Softplus):
        exact = nn.Softplus(threshold=40.0)
    with torch.no_grad():
        computed = module(torch.from_numpy(z)).double().numpy()
        true = np.abs(computed - exact(torch.from_numpy(X)).numpy())[:, 0]
    linear = nn.Linear(1, 1).float()
    operators = operators_of(nn.Sequential(linear, activation), (1,))[1:]
    constant, rate = module_error(operators, (1,), FLOAT32)
    assert (true <= constant + rate * np.abs(X[:, 0])).all()


def test_the_jump_of_softplus_is_part_of_the_error():
    operators = [Slope("softplus", jump=1e-3)]
    constant, _ = module_error(operators, (4,), FLOAT32)
    assert 2e-3 <= constant <= 2.1e-3


def test_large_means_that_cancel_are_seen():
    """(x - mean) / std is exact in one order; x / std - mean / std errs by 1e6 u."""
    norm = nn.BatchNorm1d(4, affine=False).eval()
    norm.running_mean.fill_(1e6 + 1.0 / 3.0)
    norm.running_var.fill_(0.3)
    X = np.full((1, 4), 1e6)
    bound = _bound(norm, (4,), X)[0]
    assert bound >= 4e6 / math.sqrt(0.3) * UNIT
    # The size of the mean is in it even where x is zero.
    constant, _ = module_error(operators_of(norm, (4,)), (4,), FLOAT32)
    assert constant >= 2e6 / math.sqrt(0.3) * UNIT


def test_sums_round_as_often_as_they_have_terms():
    """All that every partial sum can lose, in a row of ones and tiny products."""
    n = 200
    for layer, shape in (
        (nn.Linear(n, 1), (n,)),
        (nn.Conv1d(n // 4, 1, 4), (n // 4, 4)),
        (nn.AvgPool1d(n), (1, n)),
    ):
        layer = _filled(layer)
        constant, rate = module_error(operators_of(layer, shape), shape, FLOAT32)
        norm = module_bound(layer, shape)
        # Two roundings beside the sum's, for the input and for the last addition.
        assert rate >= (n + 1) * UNIT * norm
        assert rate <= 10 * n * UNIT * norm


def test_a_bias_alone_rounds():
    for layer, shape, copies in (
        (nn.Linear(3, 2), (3,), 1),
        (nn.Linear(3, 2), (5, 3), 5),
        (nn.Conv1d(3, 2, 1), (3, 7), 7),
    ):
        layer = _filled(layer)
        layer.weight.data.zero_()
        constant, rate = module_error(operators_of(layer, shape), shape, FLOAT32)
        size = math.sqrt(copies) * float(layer.bias.detach().norm())
        assert 3 * UNIT * size <= constant <= 30 * UNIT * size
        assert rate == 0.0


def test_errors_of_a_branch_pass_through_what_follows():
    """The error of the first layer, magnified by the second."""
    first, second = _filled(nn.Linear(4, 4)), _filled(nn.Linear(4, 4), seed=3)
    second.weight.data.mul_(1e4)
    alone = _bound(first, (4,), np.ones((1, 4)))[0]
    for module in (
        nn.Sequential(first, second),
        nn.Sequential(first, nn.ReLU(), second),
        nn.Sequential(Residual(first), second),
    ):
        both = _bound(module, (4,), np.ones((1, 4)))[0]
        assert both >= alone * module_bound(second)


def test_folding_keeps_the_error_as_small_as_the_bound():
    """A statistic of 1e-12 beside a weight of 1e-6: the product of norms is 1e6."""
    layers = []
    for k in range(6):
        convolution, norm = nn.Conv1d(2, 2, 1), nn.BatchNorm1d(2, affine=False)
        convolution = _filled(convolution, seed=k)
        convolution.weight.data[0].mul_(1e-6)
        norm.running_var.copy_(torch.tensor([1e-12, 1.0]))
        norm.eps = 0.0
        layers += [convolution, norm, nn.ReLU()]
    module = nn.Sequential(*layers).float().eval()
    rate = module_error(operators_of(module, (2, 3)), (2, 3), FLOAT32)[1]
    norm = module_bound(module, (2, 3))
    assert rate <= 1e5 * UNIT * norm * 1e6
    assert norm < 1e6


def test_underflow_is_covered():
    layer = nn.Linear(3, 2, bias=False)
    layer.weight.data.fill_(2.0**-130)
    module = nn.Sequential(layer).eval()
    X = np.full((1, 3), 2.0**-20)
    assert _true_error(module, X)[0] > 0.0
    assert (_true_error(module, X) <= _bound(module, (3,), X)).all()


def test_only_float32_and_float64_have_a_known_rounding():
    with pytest.raises(UnsupportedModelError, match="bfloat16.*module.double"):
        arithmetic_of(nn.Linear(2, 2).bfloat16())
    mixed = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).double())
    with pytest.raises(UnsupportedModelError, match="float32, torch.float64"):
        arithmetic_of(mixed)
    assert arithmetic_of(nn.ReLU()).unit == 2.0**-53
    long = nn.AvgPool1d(3)
    with pytest.raises(UnsupportedModelError, match="2048 points"):
        module_error(operators_of(long, (1, 3000)), (1, 3000), arithmetic_of(long))
