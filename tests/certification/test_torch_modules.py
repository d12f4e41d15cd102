# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Bare torch modules, and estimators that hold one, through the public functions.

Also tests of ``bounds/_modules/input_shapes.py``, ``bounds/_modules/network.py``,
``bounds/_modules/shaped.py``, ``bounds/_modules/views.py``,
``certification/_module_intervals.py`` and ``certification/_module_radii.py``.
"""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

import sklip
from sklip import (
    FeedForward,
    NoiseLipschitzClassifier,
    adversarial_accuracy_score,
    certified_accuracy_curve,
    certified_accuracy_score,
    certified_interval,
    certified_radius,
    margins,
    minimum_norm_attack,
    robustness_bracket,
    verify_robustness,
)
from sklip.bounds import Residual, lipschitz_bound, view_of
from sklip.bounds._layers import propagation
from sklip.certification import adversarial_interval, is_certified, pgd_attack
from sklip.exceptions import UnsupportedModelError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 1, 6, 6))


def _drawn(*layers):
    """A module in eval mode and float64, its weights and statistics drawn."""
    module = nn.Sequential(*layers).double()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                draw = torch.randn(tensor.shape, generator=generator).double()
                spread = tensor.shape[1:].numel() if tensor.ndim > 1 else 4.0
                draw = 1.5 * draw / spread**0.5
                tensor.copy_(draw.abs() + 0.5 if name.endswith("var") else draw)
    return module.eval()


def _convolutional():
    return _drawn(
        nn.Conv2d(1, 3, 3, padding=1),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        Residual(nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Tanh())),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(27, 3),
    )


def _stack():
    return _drawn(
        nn.Flatten(), nn.Linear(36, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 3)
    )


def _predict(module, rows):
    dtype = next(module.parameters()).dtype
    with torch.no_grad():
        outputs = module(torch.as_tensor(rows).to(dtype).reshape(-1, 1, 6, 6))
    return outputs.argmax(1).numpy()


def _in_ball(shape, norm, radius):
    """Random perturbations of exactly this size."""
    step = RNG.normal(size=(len(radius), int(np.prod(shape))))
    if norm == 1:
        step *= RNG.uniform(size=step.shape) < 0.2
    size = np.linalg.norm(step, norm, axis=1)
    return (step * (radius / size)[:, None]).reshape(-1, *shape)


MODULES = {"convolutional": _convolutional, "stack": _stack}


@pytest.mark.parametrize("norm", [1, 2, np.inf])
@pytest.mark.parametrize("kind", MODULES)
def test_no_perturbation_below_the_radius_flips(kind, norm):
    module = MODULES[kind]()
    predicted = _predict(module, X)
    radius = certified_radius(module, X, norm=norm)
    assert (radius > 0.0).all()
    assert_array_equal(certified_radius(module, X, predicted, norm=norm), radius)
    assert_array_equal(certified_radius(module, X, (predicted + 1) % 3, norm=norm), 0.0)
    points, distance = minimum_norm_attack(module, X, norm=norm, random_state=0)
    assert (distance >= radius).all() and np.isfinite(distance).any()
    flipped = np.isfinite(distance)
    assert (_predict(module, points)[flipped] != predicted[flipped]).all()
    for _ in range(20):
        moved = X + _in_ball(X.shape[1:], norm, 0.999 * radius)
        assert_array_equal(_predict(module, moved), predicted)


@pytest.mark.parametrize("kind", MODULES)
def test_rows_and_images_are_the_same_samples(kind):
    def radius(model, rows):
        return certified_radius(model, rows, method="product")

    module = MODULES[kind]()
    expected = radius(module, X)
    for form in (X[:, 0], torch.from_numpy(X), X.tolist()):
        assert_array_equal(radius(module, form), expected)
    if kind == "stack":
        assert_array_equal(radius(module, X.reshape(3, -1)), expected)
    else:
        one = _drawn(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(32, 3))
        assert_array_equal(radius(one, X.reshape(3, -1)), radius(one, X))
        with pytest.raises(ValueError, match=r"X has samples of shape \(35,\)"):
            radius(module, X.reshape(3, -1)[:, :35])
        pooled = nn.Sequential(
            nn.Conv2d(1, 2, 3, padding=1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(2, 2),
        )
        with pytest.raises(ValueError, match="may be samples of the shapes"):
            margins(pooled.eval(), X.reshape(3, -1))


@pytest.mark.parametrize("kind", MODULES)
def test_every_function_of_a_classifier_takes_a_module(kind):
    module = MODULES[kind]()
    y = _predict(module, X)
    radius = certified_radius(module, X)
    assert_allclose(margins(module, X), margins(module, X, y))
    at = float(np.median(radius))
    share = certified_accuracy_score(module, X, y, radius=at)
    assert share == pytest.approx(np.mean(radius >= at))
    assert_allclose(certified_accuracy_curve(module, X, y, [0.0, at]), [1.0, share])
    assert_array_equal(is_certified(module, X, radius=at), radius >= at)
    assert adversarial_accuracy_score(module, X, y, radius=at, random_state=0) >= share
    certified, attacked = robustness_bracket(module, X, random_state=0)
    assert (certified <= attacked).all() and (certified > 0.0).all()
    if kind == "convolutional":
        found = verify_robustness(module, X, radius=at)
        assert [r.status == "verified" for r in found] == list(radius >= at)
        found = verify_robustness(module, X, radius=100.0)
        assert [r.status for r in found] == ["falsified"] * 3

    _, flipped = pgd_attack(module, X, radius=100.0, random_state=0)
    assert flipped.all()


def test_a_module_may_be_measured_in_tolerances():
    module = _convolutional()
    eps = {0: 0.5, 7: 2.0}
    radius = certified_radius(module, X, feature_eps=eps, norm=np.inf)
    assert (radius > certified_radius(module, X, norm=np.inf)).all()
    predicted = _predict(module, X)
    for signs in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        moved = X.reshape(3, -1).copy()
        for (column, size), sign in zip(eps.items(), signs, strict=True):
            moved[:, column] += 0.999 * sign * size * radius
        assert_array_equal(_predict(module, moved), predicted)


def test_a_stack_has_all_that_its_network_has():
    module = _drawn(nn.Linear(36, 8), nn.Tanh(), nn.Linear(8, 3))
    network = FeedForward.from_torch(module)
    rows = X.reshape(3, -1)
    for method in ("product", "pairwise", "sequential", "lipsdp", "crown"):
        assert_allclose(
            certified_radius(module, rows, method=method),
            certified_radius(network, rows, method=method),
            rtol=2e-3,
        )
    certificate = lipschitz_bound(module, output="all")
    assert_allclose(
        certified_radius(module, rows, method=certificate),
        certified_radius(network, rows, method=certificate),
        rtol=1e-9,
    )


@pytest.mark.parametrize("kind", MODULES)
def test_float32_stacks_are_covered_and_their_convolutions_are_not(kind):
    module = MODULES[kind]()
    exact = certified_radius(module, X, method="product")
    single = module.float()
    if kind == "stack":
        radius = certified_radius(single, X, method="product")
        assert_allclose(radius, exact, atol=1e-3)
        assert (radius < exact).all()
        return
    with pytest.raises(UnsupportedModelError, match=r"module\.double\(\)"):
        certified_radius(single, X)
    # An empirical number needs no proof.
    points, distance = minimum_norm_attack(single, X, random_state=0)
    assert (_predict(single, points) != _predict(single, X)).all()
    assert (distance > exact).all()


def test_what_rounds_in_float32_is_no_part_of_the_radius():
    """At 1e8 the sums of a float32 module come in steps of 8."""
    layer = nn.Linear(1, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0], [0.0]]))
        layer.bias.copy_(torch.tensor([-1e8, 600.0]))
    x = np.array([[1e8]])
    radius = certified_radius(layer, x, method="product")[0]
    steps = np.linspace(-700.0, 700.0, 2801)
    with torch.no_grad():
        outputs = layer(torch.tensor(x + steps[:, None]).float())
        before = layer(torch.tensor(x).float()).argmax()
    moved = steps[(outputs.argmax(1) != before).numpy()]
    assert 0.0 < radius <= np.abs(moved).min()
    assert (certified_radius(layer, x)[0]) <= np.abs(moved).min()


def test_regressors_and_single_outputs():
    module = _drawn(nn.Conv2d(1, 2, 3), nn.ELU(), nn.Flatten(), nn.Linear(32, 1))
    for name in ("certified_radius", "margins", "minimum_norm_attack"):
        with pytest.raises(ValueError, match="Sequential is not a classifier"):
            getattr(sklip, name)(module, X)
    for norm in (1, 2, np.inf):
        lower, upper = certified_interval(module, X, radius=0.3, norm=norm)
        reached = adversarial_interval(module, X, radius=0.3, norm=norm, random_state=0)
        assert (lower <= reached[0]).all() and (reached[1] <= upper).all()
        assert (reached[0] < reached[1]).all()
    two = _drawn(nn.Linear(36, 4), nn.ReLU(), nn.Linear(4, 2))
    lower, upper = certified_interval(two, X.reshape(3, -1), radius=0.1)
    assert lower.shape == (3, 2) and (lower < upper).all()


def test_best_leaves_bounds_of_layers_out_where_they_take_too_long(monkeypatch):
    module = _convolutional()
    narrow, wide = (certified_radius(module, X, method=m) for m in ("product", "crown"))
    assert (certified_radius(module, X, method="best") >= wide).all()
    monkeypatch.setattr(propagation, "_MOST_PAIRS", 0)
    assert_array_equal(certified_radius(module, X, method="best"), narrow)
    assert_array_equal(certified_radius(module, X, method="crown"), wide)
    assert (wide > narrow).any()


def test_what_is_no_steady_function_is_refused():
    module = _convolutional()
    for call in (
        lambda m: certified_radius(m, X),
        lambda m: minimum_norm_attack(m, X, random_state=0),
    ):
        with pytest.raises(ValueError, match="training mode"):
            call(module.train())
        module.eval()
    handle = module[0].register_forward_hook(lambda *_: None)
    with pytest.raises(UnsupportedModelError, match="forward hooks"):
        certified_radius(module, X)
    handle.remove()
    with pytest.raises(ValueError, match="one row of outputs"):
        margins(nn.Conv2d(1, 2, 3), X)
    half = _drawn(nn.Flatten(), nn.Linear(36, 3)).half()
    with pytest.raises(UnsupportedModelError, match="float16"):
        certified_radius(half, X)


class Unreadable(nn.Module):
    """Something of which no bound is known, with a gradient all the same."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(36, 3, dtype=torch.float64)

    def forward(self, x):
        """A product of two functions of the input."""
        z = self.linear(x.flatten(1))
        return z * torch.sigmoid(z).cumsum(dim=1)


def test_attacks_need_no_proof():
    module = Unreadable().eval()
    predicted = _predict(module, X)
    points, distance = minimum_norm_attack(module, X, random_state=0)
    assert np.isfinite(distance).all()
    assert (_predict(module, points) != predicted).all()
    far = adversarial_accuracy_score(module, X, predicted, radius=99.0, random_state=0)
    assert far == 0.0
    with pytest.raises(UnsupportedModelError, match="Unreadable"):
        certified_radius(module, X)


@pytest.fixture(scope="module")
def fitted():
    """An estimator behind a scaler, with a convolution inside."""
    y = np.arange(60) % 3
    rows = np.random.default_rng(1).normal(size=(60, 36))
    rows[:, :12] += y[:, None]
    module = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 3)
    )
    model = NoiseLipschitzClassifier(
        module=module, input_shape=(1, 6, 6), max_iter=30, random_state=0
    )
    model = make_pipeline(StandardScaler(), model)
    with pytest.warns(Warning, match="epochs"):
        model.fit(rows, y)
    return model, rows[:4]


@pytest.mark.parametrize("eps", [None, {0: 0.5, 1: 2.0}])
@pytest.mark.parametrize("norm", [1, 2, np.inf])
def test_attacks_on_a_pipeline_with_a_module(fitted, norm, eps):
    model, rows = fitted
    radius = certified_radius(model, rows, norm=norm, feature_eps=eps)
    certified, attacked = robustness_bracket(
        model, rows, norm=norm, feature_eps=eps, random_state=0
    )
    assert_array_equal(certified, radius)
    assert (certified <= attacked).all() and (certified > 0.0).all()
    assert (attacked < np.inf).sum() >= (0 if eps else 3)


def test_views_of_modules_are_those_of_their_networks():
    view = view_of(_stack(), X)
    assert isinstance(view.network, FeedForward)
    assert view_of(nn.Linear(4, 2)).network.n_inputs == 4
    with pytest.raises(ValueError, match="pass X of shape"):
        view_of(_convolutional())


def _penalised(images, labels):
    """A small deep network, its layers' squared norms penalised in training."""
    torch.manual_seed(0)
    widths, layers = [1, 6, 6, 12, 12], []
    for k, stride in enumerate((1, 2, 1, 2)):
        convolution = nn.Conv2d(widths[k], widths[k + 1], 3, stride, padding=1)
        layers += [convolution, nn.ReLU()]
    module = nn.Sequential(*layers, nn.Flatten(), nn.Linear(48, 10))
    optimizer = torch.optim.Adam(module.parameters(), 5e-3)
    linear = [m for m in module if hasattr(m, "weight")]
    for _ in range(12):
        for rows in torch.arange(len(images)).split(100):
            loss = nn.functional.cross_entropy(module(images[rows]), labels[rows])
            norms = [torch.linalg.matrix_norm(m.weight.flatten(1), 2) for m in linear]
            loss = loss + 2e-3 * sum(norm**2 for norm in norms)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return module.eval().double()


def _small(**padding):
    return _drawn(
        nn.Conv2d(1, 2, 3, padding=1, **padding), nn.BatchNorm2d(2), nn.ReLU(),
        nn.Flatten(), nn.Linear(18, 3),
    )  # fmt: skip


def test_small_convolutions_have_all_that_their_matrices_have():
    module, images = _small(), RNG.normal(size=(2, 1, 3, 3))
    asked = {"feature_eps": {0: 0.5, 4: (2.0, 0.1), 7: 1.0}, "effort": 8}
    unrolled = FeedForward.from_torch(module, input_shape=(1, 3, 3))
    found = certified_radius(module, images, **asked)
    expected = certified_radius(unrolled, images.reshape(2, 9), **asked)
    assert (found >= expected * (1.0 - 1e-3)).all()
    for method in ("product", "crown", "local"):
        cheaper = certified_radius(module, images, method=method, **asked)
        assert (found >= cheaper).all() and (found > 1.01 * cheaper).any()
    eps = asked["feature_eps"]
    _, nearest = minimum_norm_attack(module, images, feature_eps=eps, random_state=0)
    assert (found <= nearest).all()
    assert is_certified(module, images, radius=found.min(), **asked).all()


def test_which_convolutions_become_matrices():
    def network(module, n):
        return view_of(module, np.zeros((1, 1, n, n))).as_network()

    assert network(_small(), 3).network.layer_sizes == (9, 18, 3)
    # An entry would be a sum of several, or there are too many.
    assert network(_small(padding_mode="circular"), 3) is None
    assert network(_drawn(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten()), 20) is None
    assert network(_convolutional(), 6) is None


def test_rates_inside_the_ball_pass_no_neuron_that_is_off_there():
    """One that is off is a hundred times as steep as all others together."""
    module = nn.Sequential(
        nn.Unflatten(1, (1, 2)), nn.Conv1d(1, 2, 2), nn.ReLU(),
        nn.Flatten(), nn.Linear(2, 1), nn.ReLU(), nn.Linear(1, 1),
    ).double().eval()  # fmt: skip
    with torch.no_grad():
        module[1].weight.copy_(torch.tensor([[[1.0, 0.0]], [[0.0, 100.0]]]))
        module[1].bias.copy_(torch.tensor([0.05, -1e6]))
        module[4].weight.fill_(1.0)
        module[4].bias.fill_(-0.05)
        module[6].weight.fill_(1.0)
    bound = sklip.local_lipschitz_bound(module, np.zeros((1, 2)), radius=0.1)
    assert 1.0 <= bound[0] <= 2.0


@pytest.mark.slow
def test_lines_reach_five_times_as_far_as_the_product():
    images, labels = load_digits(return_X_y=True)
    images = (images / 16.0).reshape(-1, 1, 8, 8)
    tensors = torch.as_tensor(images[:1000]).float(), torch.as_tensor(labels[:1000])
    module = _penalised(*tensors)
    some = images[1000:1006]
    product = certified_radius(module, some, method="product")
    radius = certified_radius(module, some, method="crown")
    assert np.median(radius) >= 5.0 * np.median(product) > 0.0
    _, distance = minimum_norm_attack(module, some, random_state=0)
    assert (radius <= distance).all()
