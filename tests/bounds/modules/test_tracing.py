# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Modules with a forward of their own: what is read, and what is refused.

Also tests of ``bounds/_modules/functions/arithmetic.py``,
``bounds/_modules/functions/call.py``, ``bounds/_modules/functions/layers.py``,
``bounds/_modules/functions/shapes.py`` and ``bounds/_modules/functions/table.py``.
"""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn
from torch.nn import functional as F

from sklip import FeedForward, certified_interval, certified_radius, lipschitz_bound
from sklip.bounds import Residual, module_bound, module_hash
from sklip.exceptions import UnsupportedModelError


class Own(nn.Module):
    """Layers, and a forward that is given."""

    def __init__(self, forward):
        super().__init__()
        self.c1 = nn.Conv2d(1, 2, 3, padding=1)
        self.c2 = nn.Conv2d(2, 2, 3, padding=1)
        self.bn = nn.BatchNorm2d(2)
        self.relu = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5)
        self.fc = nn.Linear(32, 3)
        self.wide = nn.Linear(64, 3)
        self.norm = nn.LayerNorm(32)
        self.pairs = nn.Bilinear(64, 64, 3)
        self.w = nn.Parameter(torch.randn(3, 32))
        self.register_buffer("mean", torch.tensor(0.3))
        self.register_buffer("scale", torch.rand(1, 2, 1, 1) + 0.5)
        self.own_forward = forward

    def forward(self, x):
        """What was given."""
        return self.own_forward(self, x)


def made(forward):
    """A module of that forward, in float64 and eval mode."""
    torch.manual_seed(0)
    module = Own(forward).double()
    with torch.no_grad():
        module.bn.running_mean.normal_()
        module.bn.running_var.uniform_(0.5, 2.0)
    return module.eval()


def dense_block(m, x):
    """Values that several later ones use."""
    a = F.relu(m.c1(x))
    b = torch.tanh(m.c2(a))
    c = F.elu(m.c2(a + b))
    return m.wide(
        torch.cat([F.avg_pool2d(a - c, 2), F.max_pool2d(b + c, 2)], 1).flatten(1)
    )


def functional(m, x):
    """Parameters fetched by name, methods, scalars on either side."""
    y = F.conv2d(x, m.c1.weight, m.c1.bias, padding=1)
    y = F.batch_norm(y, m.bn.running_mean, m.bn.running_var, m.bn.weight, m.bn.bias)
    y = 1.0 - 2.0 * y.relu() * m.scale
    y = F.adaptive_avg_pool2d(y, 4).reshape(x.shape[0], 32)
    return F.linear(-y.abs(), m.w.abs(), m.fc.bias) / 3.0


def mean(m, x):
    """The mean over all pixels, and a constant for each channel."""
    y = F.gelu(m.c1(x)) + m.scale
    return F.linear(y.mean((2, 3)), m.c2.weight.flatten(1)[:, :2])


def nested(m, x):
    """Modules in modules."""
    return m.fc(
        F.leaky_relu(torch.max_pool2d(m.c2(F.silu(m.c1(x))), 2), 0.2).flatten(1)
    )


def channels_last(m, x):
    """Axes in another order, and a matrix of which the forward takes the product."""
    y = F.relu(m.c1(x)).permute(0, 2, 3, 1)
    y = torch.tanh(y.transpose(1, 2) @ m.scale.flatten(1).T).swapaxes(-1, 1)
    return F.linear(torch.matmul(y, m.w[:2].flatten()[:64].view(8, 8)).flatten(1), LAST)


def parts(m, x):
    """Slices, entries, new axes, and what chunk and split give."""
    y = F.relu(m.c1(x))
    first, second = y.chunk(2, dim=1)
    rows = torch.cat([first[:, :, ::2], torch.tanh(second)[..., 1::2, :]], 1)
    low, high = rows.flatten(1)[:, None].split([24, 40], dim=-1)
    return m.wide(torch.cat([high, low], 2)[:, -1]) + y[:, 1, 2, 1 : x.shape[1] + 3]


LAST = torch.randn(3, 64, dtype=torch.float64, generator=torch.manual_seed(0))
FORWARDS = [dense_block, functional, mean, nested, channels_last, parts]
X = np.random.default_rng(0).normal(size=(3, 1, 8, 8))


def _outputs(module, rows):
    with torch.no_grad():
        return module(torch.as_tensor(rows)).numpy()


@pytest.mark.parametrize("forward", FORWARDS, ids=lambda f: f.__name__)
def test_what_is_read_is_what_the_forward_computes(forward):
    module = made(forward)
    expected = _outputs(module, X)
    for method in ("ibp", "crown", "product"):
        lower, upper = certified_interval(module, X, radius=0.0, method=method)
        assert (lower <= expected).all() and (expected <= upper).all()
        assert_allclose(lower, upper, atol=1e-9)
    assert_allclose(
        certified_interval(module, X, radius=0.0, method="crown")[0],
        expected,
        atol=1e-9,
    )
    # At a radius of nothing only rounding is left: the layers are those of the module.
    tiny = certified_interval(module, X, radius=1e-12, method="crown")
    assert_allclose(tiny[0], expected, atol=1e-8)


@pytest.mark.parametrize("norm", [1, 2, np.inf])
@pytest.mark.parametrize("forward", FORWARDS, ids=lambda f: f.__name__)
def test_no_pair_is_steeper_and_no_point_leaves_its_interval(forward, norm):
    module = made(forward)
    bound = module_bound(module, (1, 8, 8), norm=norm)
    rng = np.random.default_rng(1)
    low, high = certified_interval(module, X, radius=0.1, norm=norm, method="best")
    outputs = _outputs(module, X)
    for _ in range(40):
        step = rng.normal(size=X.shape) * (rng.uniform(size=X.shape) < rng.uniform())
        size = np.linalg.norm(step.reshape(3, -1), norm, axis=1) + 1e-300
        step *= (0.1 / size)[:, None, None, None]
        moved = _outputs(module, X + step)
        assert (low <= moved).all() and (moved <= high).all()
        change = np.linalg.norm(moved - outputs, norm, axis=1)
        assert (change <= 0.1 * bound * (1.0 + 1e-9) + 1e-12).all()


def test_sums_and_concatenations_have_the_norms_of_their_parts():
    module = made(lambda m, x: torch.cat([m.fc(x), 2.0 * m.fc(x)], dim=1))
    single = module_bound(module.fc)
    assert_allclose(module_bound(module, (32,)), 5.0**0.5 * single, rtol=1e-9)
    by_max = module_bound(module, (32,), norm=np.inf)
    assert_allclose(by_max, 2.0 * module_bound(module.fc, norm=np.inf), rtol=1e-9)
    module = made(lambda m, x: m.fc(x) - m.fc(x) * 3.0)
    assert_allclose(module_bound(module, (32,)), 4.0 * single, rtol=1e-9)
    by_hand = nn.Sequential(Residual(made(nested).fc, made(nested).fc))
    module = made(lambda m, x: m.fc(x) + m.fc(x))
    assert module_bound(module) == module_bound(by_hand.double().eval())


def test_a_dense_forward_is_a_network():
    module = made(lambda m, x: F.linear(F.relu(m.fc(x)), m.w[:, :3].clone()))
    network = FeedForward.from_torch(module)
    rows = np.random.default_rng(2).normal(size=(4, 32))
    assert_allclose(network.forward(rows), _outputs(module, rows), rtol=1e-12)
    assert lipschitz_bound(module).value == lipschitz_bound(network).value
    assert_allclose(
        certified_radius(module, rows, method="lipsdp"),
        certified_radius(network, rows, method="lipsdp"),
        rtol=1e-6,
    )


@pytest.mark.parametrize("forward", [nested, channels_last])
def test_a_graph_that_fx_traced_is_its_module(forward):
    module = made(forward)
    graph = torch.fx.symbolic_trace(module)
    for method in ("product", "crown"):
        found = certified_radius(graph, X, method=method)
        assert found.min() > 0.0
        assert_allclose(found, certified_radius(module, X, method=method), rtol=1e-9)
    another = torch.fx.symbolic_trace(made(lambda m, x: 2.0 * forward(m, x)))
    assert module_hash(another) != module_hash(graph)


REFUSED = {
    "behind a tensor": lambda m, x: m.w.T @ x.flatten(1).unsqueeze(2),
    "of 3 axes": lambda m, x: x.flatten(1) @ m.w.view(1, 32, 3),
    "of the axis of the samples": lambda m, x: x.transpose(0, 1),
    "torch.softmax .* The largest": lambda m, x: torch.softmax(x.flatten(1), 1),
    r"LayerNorm\).*BatchNorm": lambda m, x: m.norm(F.avg_pool2d(m.c1(x), 2).flatten(1)),
    "nn.modules.linear.Bilinear in .* attacks": lambda m, x: m.pairs(
        x.flatten(1), x.flatten(1)
    ),
    "it multiplies two functions": lambda m, x: m.c1(x) * m.c1(x),
    "training=True": lambda m, x: F.dropout(x.flatten(1)),
    "broadcast": lambda m, x: m.c1(x) + x,
    "are mixed": lambda m, x: x.reshape(-1, 31),
    "control flow": lambda m, x: m.c1(x) if x.sum() > 0 else x,
    "torch.Tensor.softmax": lambda m, x: x.flatten(1).softmax(1),
    "a part of a tensor": lambda m, x: x.flatten(1)[:, torch.arange(3)],
    "some samples": lambda m, x: x[:2].flatten(1),
    "number of samples": lambda m, x: x.flatten(1) * x.shape[0],
    "torch.Tensor.half": lambda m, x: x.half().flatten(1),
    "divides by a function": lambda m, x: 1.0 / x.flatten(1),
}


@pytest.mark.parametrize("named", REFUSED)
def test_what_has_no_bound_is_named_with_its_line(named):
    module = made(REFUSED[named])
    with pytest.raises(UnsupportedModelError, match=named) as caught:
        module_bound(module, (1, 8, 8))
    assert "Own" in str(caught.value) or "self." in str(caught.value)
    assert f"{__file__}, line " in str(caught.value)


def _overwrites(m, x):
    y = m.fc(x)
    z = y
    y += 1.0
    return y + z


def _relu_of_what_is_used(m, x):
    y = m.fc(x)
    return m.relu(y) + y


def _through_a_view(m, x):
    y = m.fc(x)
    return y.flatten(1).relu_() + y


def _through_an_axis(m, x):
    y = m.fc(x)
    return y.unsqueeze(1).relu_().flatten(1) + y


def _through_a_part(m, x):
    y = m.fc(x)
    return y[:, ..., :3].relu_() + y


OVERWRITING = [
    *(_overwrites, _relu_of_what_is_used),
    *(_through_a_view, _through_an_axis, _through_a_part),
]


@pytest.mark.parametrize("forward", OVERWRITING)
def test_what_is_overwritten_before_it_is_read_is_refused(forward):
    with pytest.raises(UnsupportedModelError, match="overwrites fc"):
        module_bound(made(forward), (32,))


def test_in_place_where_nothing_else_reads():
    def forward(m, x):
        y = m.relu(m.bn(m.c1((x - m.mean) / 0.25)))
        z = m.bn(m.c2(y))
        z += y
        z = m.relu(z)
        return m.fc(m.drop(F.max_pool2d(z, kernel_size=2)).view(x.size(0), -1))

    module = made(forward)
    lower, upper = certified_interval(module, X, radius=0.0, method="ibp")
    expected = _outputs(module, X)
    assert_allclose(lower, expected, atol=1e-8)
    assert (lower <= expected).all() and (expected <= upper).all()


def test_many_shared_branches_do_not_grow_without_end():
    def forward(m, x):
        y = m.fc(x) @ torch.zeros(3, 32, dtype=torch.float64) if False else x
        for _ in range(30):
            y = y + torch.tanh(y)
        return m.fc(y)

    module = made(forward)
    assert module_bound(module, (32,)) >= 1.0

    def entangled(m, x):
        a, b = torch.tanh(x), torch.sigmoid(x)
        for _ in range(20):
            a, b = a + b, a - b
        return m.fc(a)

    with pytest.raises(UnsupportedModelError, match="5000"):
        module_bound(made(entangled), (32,))


def test_hooks_inside_and_training_mode_are_refused():
    module = made(nested)
    handle = module.c2.register_forward_hook(lambda *_: None)
    with pytest.raises(UnsupportedModelError, match="hooks"):
        module_bound(module, (1, 8, 8))
    handle.remove()
    with pytest.raises(ValueError, match="training mode"):
        module_bound(module.train(), (1, 8, 8))
