# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Modules: no pair exceeds the bound, folding is right, the unknown is refused.

Also tests of ``bounds/_modules/module_bounds.py``.
"""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn
from torch.nn.utils import parametrizations, parametrize

from sklip.bounds import product_bound, sequential_bound
from sklip.bounds._chain import chain_of
from sklip.bounds._modules.module_bounds import feedforward_from_module, module_bound
from sklip.bounds._modules.reader import register_module_bound
from sklip.bounds._modules.residual import Residual
from sklip.exceptions import UnsupportedModelError

ACTIVATIONS = {
    "relu": nn.ReLU(),
    "leaky_relu": nn.LeakyReLU(0.3),
    "steep": nn.LeakyReLU(1.7),
    "prelu": nn.PReLU(init=-1.4),
    "elu": nn.ELU(1.6),
    "sigmoid": nn.Sigmoid(),
    "tanh": nn.Tanh(),
    "softplus": nn.Softplus(threshold=40.0),
    "silu": nn.SiLU(),
    "gelu": nn.GELU(),
    "gelu_tanh": nn.GELU("tanh"),
    "mish": nn.Mish(),
    "hardswish": nn.Hardswish(),
}


def randomise(module, seed=0):
    """Random weights and running statistics, float64, eval mode."""
    generator = torch.Generator().manual_seed(seed)
    for part in module.modules():
        if hasattr(part, "running_var"):
            part.running_var.uniform_(0.2, 4.0, generator=generator)
            part.running_mean.normal_(generator=generator)
            nn.init.normal_(part.weight, generator=generator)
            nn.init.normal_(part.bias, generator=generator)
    return module.double().eval()


def quotients(module, shape, norm=2, seed=0, n=200):
    """||f(x) - f(y)|| / ||x - y|| of pairs, and the Jacobian's norm at a few points."""
    generator = torch.Generator().manual_seed(seed)
    x = 3.0 * torch.randn(n, *shape, generator=generator, dtype=torch.float64)
    scales = 10.0 ** torch.linspace(-4, 1, n, dtype=torch.float64)
    steps = torch.randn(n, *shape, generator=generator, dtype=torch.float64)
    steps *= scales.reshape(-1, *[1] * len(shape))
    with torch.no_grad():
        # Copies: a module may overwrite its input.
        change = module(x.clone()) - module((x + steps).clone())
    top = torch.linalg.vector_norm(change.flatten(1), norm, dim=1)
    found = (top / torch.linalg.vector_norm(steps.flatten(1), norm, dim=1)).max()
    jacobian = torch.autograd.functional.jacobian(
        lambda row: module(row.reshape(1, *shape).clone()).flatten(), x[0].flatten()
    )
    return max(float(found), float(torch.linalg.matrix_norm(jacobian, norm)))


def check(module, shape, sizes=(True, False)):
    for norm in (1, 2, np.inf):
        found = quotients(module, shape, norm)
        for known in sizes:
            bound = module_bound(module, shape if known else None, norm=norm)
            assert found <= bound * (1 + 1e-9)
    return quotients(module, shape) / module_bound(module, shape)


def block(n_in, n_out, stride=1):
    branch = nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(),
        nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False),
        nn.BatchNorm2d(n_out),
    )
    shortcut = None
    if stride != 1 or n_in != n_out:
        shortcut = nn.Conv2d(n_in, n_out, 1, stride, bias=False)
    return nn.Sequential(Residual(branch, shortcut), nn.ReLU(inplace=True))


NETWORKS = {
    "cnn": (
        nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.SiLU(),
            nn.AvgPool2d(2),
            nn.Conv2d(4, 3, 3, stride=2, padding=1, groups=1),
            nn.Hardswish(),
            nn.MaxPool2d(2, 1),
            nn.Dropout(0.5),
            nn.Flatten(),
            nn.Linear(3, 2),
        ),
        (1, 8, 8),
    ),
    "resnet": (
        nn.Sequential(
            nn.Conv2d(2, 3, 3, padding=1),
            nn.BatchNorm2d(3),
            nn.ReLU(),
            block(3, 3),
            block(3, 4, 2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(4, 3),
        ),
        (2, 6, 6),
    ),
    "preactivation": (
        nn.Sequential(
            nn.Conv2d(2, 3, 3, padding=1),
            Residual(
                nn.Sequential(
                    nn.BatchNorm2d(3),
                    nn.ReLU(inplace=True),
                    nn.Conv2d(3, 3, 3, padding=1),
                    nn.BatchNorm2d(3),
                    nn.ReLU(inplace=True),
                    nn.Conv2d(3, 3, 3, padding=1),
                )
            ),
            nn.BatchNorm2d(3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(48, 2),
        ),
        (2, 4, 4),
    ),
    "one axis": (
        nn.Sequential(
            nn.Unflatten(1, (2, 6)),
            nn.BatchNorm1d(2),
            nn.MaxPool1d(2),
            nn.Conv1d(2, 4, 3, padding=2, padding_mode="replicate"),
            nn.Mish(),
            nn.Linear(5, 3),
            nn.Sequential(nn.Flatten(), nn.Identity()),
        ),
        (12,),
    ),
    "three axes": (
        nn.Sequential(
            nn.Conv3d(1, 2, 2, stride=2, padding=1),
            nn.BatchNorm3d(2),
            nn.GELU(),
            nn.AvgPool3d(2, 1),
        ),
        (1, 3, 3, 3),
    ),
    "rows": (
        nn.Sequential(
            nn.BatchNorm1d(5),
            nn.Linear(5, 7),
            nn.BatchNorm1d(7),
            nn.LeakyReLU(0.2),
            nn.Linear(7, 7, bias=False),
            nn.ELU(),
            nn.BatchNorm1d(7),
            nn.Linear(7, 2),
        ),
        (5,),
    ),
}


@pytest.fixture(params=list(NETWORKS))
def network(request):
    module, shape = NETWORKS[request.param]
    torch.manual_seed(0)
    for part in module.modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
    return randomise(module), shape


def test_pairs_never_exceed(network, monkeypatch):
    monkeypatch.setattr("sklip.bounds._modules.symbol._COARSE_BUDGET", 1e7)
    assert check(*network) > 1e-3


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_activations(name):
    torch.manual_seed(0)
    steep = check(randomise(ACTIVATIONS[name]), (50,), sizes=[True])
    assert steep > 0.9 or name in ("silu", "gelu", "gelu_tanh", "mish", "hardswish")
    stack = nn.Sequential(nn.Linear(4, 8), ACTIVATIONS[name], nn.Linear(8, 2))
    check(randomise(stack), (4,))


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_batch_norm_alone(axes):
    torch.manual_seed(axes)
    norm = getattr(nn, f"BatchNorm{axes}d")(4)
    shape = (4, 3, 2, 3)[: axes + 1]
    assert_allclose(check(randomise(norm), shape), 1.0, rtol=1e-6)
    plain = getattr(nn, f"BatchNorm{axes}d")(4, affine=False).eval()
    assert_allclose(module_bound(plain), 1 / np.sqrt(1 + 1e-5), rtol=1e-14)


def test_batch_norm_is_multiplied_into_its_neighbours():
    """A tiny and a huge channel cancel with the weights in front or behind."""
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(2).eval()
    norm.weight.data = torch.tensor([1e-3, -1e3])
    front, behind = nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1)
    front.weight.data[0] *= 1e3
    front.weight.data[1] *= 1e-3
    behind.weight.data[:, 0] *= 1e3
    behind.weight.data[:, 1] *= 1e-3
    linear = nn.Linear(32, 3)
    linear.weight.data[:, :16] *= 1e3
    linear.weight.data[:, 16:] *= 1e-3
    for stack in (
        [front, norm],
        [norm, nn.ReLU(), behind],
        [norm, nn.ReLU(), nn.AvgPool2d(2, 1, 1), nn.AvgPool2d(2, 1), behind],
        [norm, nn.ReLU(), nn.Flatten(), linear],
    ):
        module = nn.Sequential(*stack).double().eval()
        assert check(module, (2, 4, 4)) > 1e-2


def test_linear_layer_on_the_last_axis_takes_no_channel_scale():
    """Batch norm over channels, then a matrix over as many points: no common axis."""
    norm, linear = nn.BatchNorm1d(2).eval(), nn.Linear(2, 2, bias=False)
    norm.weight.data = torch.tensor([1.0, 5.0])
    linear.weight.data = torch.diag(torch.tensor([5.0, 1.0]))
    module = nn.Sequential(norm, linear).double()
    assert_allclose(quotients(module, (2, 2)), 25.0, rtol=1e-4)
    assert module_bound(module, (2, 2)) >= 25.0 * (1 - 1e-5)


def test_residual_adds_and_shared_modules_count_each_time():
    torch.manual_seed(0)
    linear = nn.Linear(3, 3).eval()
    norm = module_bound(linear)
    assert_allclose(norm, np.linalg.norm(linear.weight.detach().numpy(), 2), rtol=1e-6)
    assert_allclose(module_bound(Residual(linear)), 1 + norm, rtol=1e-12)
    assert_allclose(module_bound(Residual(linear, linear)), 2 * norm, rtol=1e-12)
    assert_allclose(module_bound(nn.Sequential(linear, linear)), norm**2, rtol=1e-12)
    # f(x) = x + x attains its bound.
    assert module_bound(Residual(nn.Identity())) >= 2.0
    assert_allclose(quotients(Residual(nn.Identity()), (3,)), 2.0)


def test_residual_refuses_what_overwrites_its_input():
    """In place, x + silu(x) becomes 2 silu(x): the slope 2.2 exceeds 1 + 1.1."""
    for activation in (nn.SiLU(inplace=True), nn.ReLU(inplace=True)):
        for branch in (
            activation,
            nn.Sequential(nn.Identity(), nn.Dropout(0.1), activation),
            nn.Sequential(nn.Unflatten(1, (1, 3)), nn.Sequential(activation)),
        ):
            with pytest.raises(UnsupportedModelError, match="inplace"):
                module_bound(Residual(branch).eval(), (3,))
    check(Residual(nn.SiLU()), (3,), sizes=[True])
    safe = nn.Sequential(nn.Linear(3, 3), nn.SiLU(inplace=True))
    check(Residual(safe).double(), (3,))


def test_training_mode_is_an_error():
    for layer in (nn.BatchNorm2d(2), nn.Dropout(), nn.AlphaDropout()):
        with pytest.raises(ValueError, match=r"training mode.*module.eval\(\)"):
            module_bound(nn.Sequential(layer))
    module_bound(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))


class Doubled(nn.Linear):
    def forward(self, x):
        return 2.0 * super().forward(x)


def test_the_forward_of_a_subclass_is_read():
    layer = Doubled(3, 3).double().eval()
    norm = np.linalg.norm(layer.weight.detach().numpy(), 2)
    assert_allclose(module_bound(layer), 2.0 * norm, rtol=1e-10)


@pytest.mark.parametrize(
    "layer, name",
    [
        (nn.Softmax(1), "Softmax"),
        (nn.LayerNorm(3), "LayerNorm"),
        (nn.GroupNorm(1, 3), "GroupNorm"),
        (nn.InstanceNorm2d(3), "InstanceNorm2d"),
        (nn.Softsign(), "Softsign"),
        (nn.Hardtanh(-math.inf, 1.0), "Hardtanh"),
        (nn.CELU(-1.0), "CELU"),
        (nn.Softplus(beta=2.0), "Softplus"),
        (nn.Softplus(threshold=1.0), "Softplus"),
        (nn.ELU(-1.0), "ELU"),
        (nn.PReLU(3), "PReLU"),
        (nn.LazyLinear(3), "LazyLinear"),
        (nn.BatchNorm1d(3, track_running_stats=False), "BatchNorm1d"),
        (nn.MaxPool1d(2, return_indices=True), "MaxPool1d"),
        (nn.Flatten(0), "Flatten"),
        (nn.Unflatten(0, (1, 1)), "Unflatten"),
        (nn.ConvTranspose1d(1, 1, 2), "ConvTranspose1d"),
        (nn.ModuleList([nn.ReLU()]), "ModuleList"),
        (nn.Linear(2, 2, dtype=torch.complex64), "Linear"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.filterwarnings("ignore:Lazy modules")
def test_refused_by_name(layer, name):
    with pytest.raises(UnsupportedModelError, match=name):
        module_bound(nn.Sequential(layer).eval())
    with pytest.raises(UnsupportedModelError, match=name):
        feedforward_from_module(Residual(layer).eval())


def test_refuses_what_is_not_a_module():
    with pytest.raises(UnsupportedModelError, match="function"):
        module_bound(check)


def test_spectral_norm_is_measured_not_believed():
    """Its power iteration is not converged: the weight exceeds the claimed norm 1."""
    torch.manual_seed(0)
    layers = [parametrizations.spectral_norm(nn.Linear(64, 64)) for _ in range(3)]
    module = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
    with pytest.raises(ValueError, match="training mode"):
        module_bound(module)
    module.eval()
    norms = [np.linalg.norm(m.weight.detach().double().numpy(), 2) for m in layers]
    assert max(norms) > 1.0
    assert_allclose(module_bound(module), np.prod(norms), rtol=1e-10)

    class Twice(nn.Module):
        def forward(self, weight):
            return 2.0 * weight

    unknown = nn.Linear(2, 2)
    parametrize.register_parametrization(unknown, "weight", Twice())
    with pytest.raises(UnsupportedModelError, match="Twice"):
        module_bound(unknown.eval())


def test_registered_classes():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x):
            return torch.relu(x + self.second(torch.tanh(self.first(x))))

    module = nn.Sequential(Block(), nn.Linear(4, 2)).double().eval()
    traced = module_bound(module)
    register_module_bound(
        Block,
        lambda m: [Residual(nn.Sequential(m.first, nn.Tanh(), m.second)), nn.ReLU()],
    )
    check(module, (4,))
    assert_allclose(module_bound(module), traced, rtol=1e-12)
    for wrong in (nn.Linear, int, Block()):
        with pytest.raises(TypeError, match="module_class must be"):
            register_module_bound(wrong, list)


@pytest.mark.parametrize("shape", [(0, 3), (2.5,), "ab", 3, (-1,)])
def test_invalid_input_shape(shape):
    with pytest.raises(ValueError, match="input_shape must be"):
        module_bound(nn.ReLU(), shape)


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match="Linear takes samples of shape"):
        module_bound(nn.Linear(3, 2), (4,))
    with pytest.raises(ValueError, match="Conv2d takes samples of shape"):
        module_bound(nn.Conv2d(3, 2, 1), (4, 4, 3))
    with pytest.raises(ValueError, match="BatchNorm1d takes samples"):
        module_bound(nn.BatchNorm1d(3).eval(), (4,))
    for module in (nn.AdaptiveAvgPool2d(3), nn.Flatten(2), nn.Unflatten(2, (1, 2))):
        with pytest.raises(
            ValueError, match="pass input_shape to sklip.bounds.module_bound"
        ):
            module_bound(module)


def test_weights_that_are_not_finite():
    linear = nn.Linear(2, 2)
    linear.weight.data[0, 0] = np.nan
    with pytest.raises(ValueError, match="weight of Linear contains NaN"):
        module_bound(linear)


CONVERTIBLE = ["rows", "convolutions"]
CONVOLUTIONS = nn.Sequential(
    nn.Conv2d(2, 3, 3, stride=2, padding=1),
    nn.BatchNorm2d(3),
    nn.LeakyReLU(0.1),
    nn.AvgPool2d(2),
    nn.Conv2d(3, 4, 2, padding=1, padding_mode="circular"),
    nn.Tanh(),
    nn.Flatten(),
    nn.Linear(48, 2),
    nn.Sigmoid(),
)


@pytest.mark.parametrize("name", CONVERTIBLE)
def test_feedforward_computes_the_same(name):
    module, shape = NETWORKS[name] if name in NETWORKS else (CONVOLUTIONS, (2, 8, 12))
    module = randomise(module)
    network = feedforward_from_module(module, shape)
    x = torch.randn(20, *shape, generator=torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        expected = module(x).flatten(1).numpy()
    assert_allclose(network.forward(x.flatten(1).numpy()), expected, atol=1e-12)
    found = quotients(module, shape)
    assert found <= float(sequential_bound(network)) * (1 + 1e-9)
    assert float(sequential_bound(network)) <= product_bound(network)
    # Identity layers leave the chain, so that matrices are multiplied first.
    assert float(sequential_bound(network)) <= module_bound(module, shape) * (1 + 1e-9)


def test_feedforward_without_input_shape():
    module = randomise(nn.Sequential(nn.ReLU(), nn.Linear(3, 2), nn.ReLU()))
    network = feedforward_from_module(module)
    assert network.layer_sizes == (3, 3, 2, 2)
    assert network.activation == ("relu", "relu")
    linear = feedforward_from_module(nn.Linear(3, 2))
    assert linear.layer_sizes == (3, 2)


def test_batch_norm_scale_is_covered_by_the_sector():
    """A rounded diagonal is sound beside a sector with 0, or at an end."""

    def stack(*layers):
        return feedforward_from_module(nn.Sequential(*layers).eval())

    first, norm, last = nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 3)
    assert stack(first, norm, last) is None
    assert stack(first, norm, nn.LeakyReLU(2.0), last) is None
    assert stack(first, norm, nn.LeakyReLU(1.0), last) is None
    ((a, _),) = chain_of(stack(first, norm, nn.LeakyReLU(0.25), last)).sectors
    assert 0.25 - 1e-14 < a < 0.25
    ((a, _),) = chain_of(stack(first, nn.LeakyReLU(0.25), last)).sectors
    assert a == 0.25
    assert stack(norm, first, nn.ReLU(), norm, last, norm) is not None


@pytest.mark.parametrize(
    "layers",
    [
        [Residual(nn.ReLU()), nn.Linear(2, 2)],
        [nn.Unflatten(1, (1, 4)), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(2, 2)],
        [nn.Conv2d(1, 1, 3)],
        [nn.Unflatten(1, (2, 2)), nn.Linear(2, 2)],
        [nn.ReLU()],
    ],
)
def test_what_is_not_a_feedforward(layers):
    assert feedforward_from_module(nn.Sequential(*layers)) is None


def test_float32_weights_are_taken_exactly():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv1d(2, 2, 3), nn.BatchNorm1d(2)).eval()
    assert module_bound(module, (2, 9)) == module_bound(module.double(), (2, 9))
    assert module_bound(nn.Linear(2, 2, dtype=torch.bfloat16)) > 0


def resnet(depth=3, widths=(16, 32, 64)):
    layers, n_in = [nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU()], 16
    for k, width in enumerate(widths):
        for i in range(depth):
            layers.append(block(n_in, width, 2 if k and not i else 1))
            n_in = width
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(n_in, 10)]
    return nn.Sequential(*layers)


def test_resnet_20():
    module = randomise(resnet())
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        change = torch.linalg.vector_norm(module(x[:1]) - module(x[1:]))
    bound = module_bound(module, (3, 32, 32))
    assert float(change) <= bound * float(torch.linalg.vector_norm(x[0] - x[1]))
    assert np.isfinite(bound)
