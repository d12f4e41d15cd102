# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Interval and linear bound propagation: lines, slopes, and bounds of outputs.

Also tests of ``bounds/_propagation/bounds.py`` and ``bounds/_propagation/branches.py``.
"""

from dataclasses import FrozenInstanceError
from fractions import Fraction

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from sklip._floats import FLOOR, UNIT, gamma
from sklip.bounds import (
    Propagation,
    hidden_bounds,
    lower_by_multipliers,
    lower_over_parts,
    outputs_lower,
)
from sklip.bounds._propagation.lines import (
    adaptive_lines,
    offsets,
    parallel_lines,
    secant_range,
    slope_range,
    tangents_below,
    value_range,
)
from sklip.bounds._propagation.propagation import InputSpread, _triangular
from sklip.bounds._propagation.shapes import shape_of
from sklip.networks import (
    FeedForward,
    get_activation,
    list_activations,
    random_network,
)

NAMES = [*list_activations(), "leaky_relu(-0.5)", "leaky_relu(2.0)", "elu(2.5)"]
NORMS = [1, 2, np.inf]


def _intervals(seed=0, n=300):
    rng = np.random.default_rng(seed)
    center = rng.normal(size=n) * 10.0 ** rng.uniform(-2, 1.3, n)
    half = 10.0 ** rng.uniform(-7, 1.5, n)
    return torch.tensor(center - half), torch.tensor(center + half)


def _points(shape, low, high, n=401):
    share = torch.linspace(0.0, 1.0, n, dtype=torch.float64)[:, None]
    marks = torch.tensor([0.0, *shape.breakpoints], dtype=torch.float64)[:, None]
    points = torch.cat([low + share * (high - low), marks.expand(-1, len(low))])
    return torch.minimum(torch.maximum(points, low), high)


@pytest.mark.parametrize("name", NAMES)
def test_tensor_functions_are_those_of_the_registry(name):
    activation = get_activation(name)
    shape = shape_of(activation)
    z = np.concatenate([np.linspace(-30, 30, 4001), [-200.0, 200.0]])
    assert_allclose(shape.function(torch.tensor(z)), activation.function(z), atol=1e-13)
    slopes = activation.derivative(z)
    assert_allclose(shape.derivative(torch.tensor(z)), slopes, atol=1e-13)


@pytest.mark.parametrize("name", NAMES)
def test_pieces_curve_the_way_they_are_said_to(name):
    shape = shape_of(get_activation(name))
    for piece, curvature in enumerate(shape.curvature):
        left, right = shape.ends(piece)
        z = torch.linspace(max(left, -12.0) + 1e-6, min(right, 12.0) - 1e-6, 4001)
        steps = torch.diff(shape.derivative(z.double()))
        if curvature == 0:
            assert steps.abs().max() < 1e-13
        else:
            assert (curvature * steps).min() > -1e-13


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("make", [parallel_lines, adaptive_lines])
def test_lines_enclose_the_activation(name, make):
    shape = shape_of(get_activation(name))
    low, high = _intervals()
    lines = make(shape, low, high)
    z = _points(shape, low, high)
    value, room = shape.function(z), 2.0 * shape.error(z)
    assert (lines.lower * z + lines.below <= value + room).all()
    assert (lines.upper * z + lines.above >= value - room).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("side", [-1, 1])
def test_offsets_are_the_extremes_for_any_slope(name, side):
    shape = shape_of(get_activation(name))
    low, high = _intervals(1)
    smallest, largest = shape.sector
    rng = np.random.default_rng(2)
    slope = torch.tensor(rng.uniform(smallest - 0.1, largest + 0.1, len(low)))
    offset, touch = offsets(shape, low, high, slope, side)
    z = _points(shape, low, high)
    needed = (side * (shape.function(z) - slope * z)).amax(dim=0)
    assert (side * offset >= needed).all()
    # Tight up to what the grid of points and the tangent's room miss.
    width = high - low
    missed = 0.3 * (width / 400.0) ** 2 + 2e-4 * width + 1e-9 * (1.0 + offset.abs())
    assert (side * offset - needed <= missed).all()
    assert ((low <= touch) & (touch <= high)).all()


@pytest.mark.parametrize("slope, inward", [(0.0, 1e-3), (1.0, -1e-3)])
def test_touch_is_the_derivative_where_a_line_lies_on_a_piece(slope, inward):
    """d offset / d slope = -touch, slopes moving within the range of the derivative."""
    shape = shape_of(get_activation("relu"))
    low, high = torch.tensor([-3.0, -0.5]).double(), torch.tensor([1.0, 2.0]).double()
    slope = torch.full_like(low, slope)
    offset, touch = offsets(shape, low, high, slope, -1)
    moved, _ = offsets(shape, low, high, slope + inward, -1)
    assert_allclose((moved - offset) / inward, -touch, atol=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_ranges_of_values_and_slopes(name):
    shape = shape_of(get_activation(name))
    low, high = _intervals(3)
    z = _points(shape, low, high)
    for (least, most), values, tight in (
        (value_range(shape, low, high), shape.function(z), 3e-3),
        (slope_range(shape, low, high), shape.derivative(z), 0.05),
    ):
        assert (least <= values.amin(dim=0) + 1e-14).all()
        assert (most >= values.amax(dim=0) - 1e-14).all()
        room = tight * (1.0 + high - low)
        assert (values.amin(dim=0) - least <= room).all()
        assert (most - values.amax(dim=0) <= room).all()


@pytest.mark.parametrize("name", ["tanh", "abs"])
def test_slopes_of_mirrored_intervals_are_mirrored(name):
    """Room for rounding follows the end that is farther from zero, on either side."""
    shape = shape_of(get_activation(name))
    low, high = _intervals(5)
    sign = -1.0 if name == "abs" else 1.0
    ends = slope_range(shape, low, high)
    mirrored = slope_range(shape, -high, -low)
    expected = ends if sign > 0.0 else (-ends[1], -ends[0])
    assert_allclose(torch.stack(mirrored), torch.stack(expected), rtol=0, atol=1e-17)


def _network(activation, rng, sizes=(5, 12, 12, 3)):
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    weights = [1.5 * rng.normal(size=s) / np.sqrt(s[1]) for s in shapes]
    return FeedForward(weights, [rng.normal(size=s[0]) for s in shapes], activation)


def _output_bounds(network, X, radii, norm, method, n_steps=0, device="cpu"):
    propagation = Propagation(network, norm, device=device)
    with torch.no_grad():
        bounds = hidden_bounds(propagation, propagation.balls(X, radii), method)
        rows = torch.eye(network.n_outputs, dtype=torch.float64, device=device)
        rows = rows.repeat(len(X), 1, 1)
        low = outputs_lower(propagation, bounds, rows, n_steps=n_steps)
        high = -outputs_lower(propagation, bounds, -rows, n_steps=n_steps)
    return low.cpu().numpy(), high.cpu().numpy()


def _samples(X, radius, norm, rng, n):
    delta = rng.normal(size=(n, *X.shape))
    delta[: n // 3] = np.sign(delta[: n // 3])
    length = np.linalg.norm(delta, norm, axis=2, keepdims=True)
    depth = np.where(rng.uniform(size=length.shape) < 0.5, 1.0, rng.uniform())
    return X + delta / length * radius * depth * (1.0 - 1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_slopes_from_a_point(name):
    """Of lines to other points of an interval, and of one that is nowhere above."""
    shape, (low, high) = shape_of(get_activation(name)), _intervals()
    share = torch.from_numpy(np.random.default_rng(1).random(len(low)))
    point = low + share * (high - low)
    smallest, largest = secant_range(shape, low, high, point, point)
    tangent = tangents_below(shape, point, point)
    wide = _points(shape, low, high)
    some = (wide - point).abs() > 1e-3 * (high - low)
    rise = shape.function(wide) - shape.function(point)
    room = 1e-12 * (1.0 + low.abs() + high.abs())
    slopes = rise / (wide - point)
    gap = 1e-9 * (1.0 + (low.abs() + high.abs()) / (high - low))
    assert (((smallest - gap <= slopes) & (slopes <= largest + gap)) | ~some).all()
    below = tangent * (wide - point) <= rise + room
    assert (below | tangent.isnan()).all()
    assert tangent.isnan().all() == (shape.hinge is None)
    if shape.hinge is not None:
        # Reached at the ends, but by what is a line all along.
        ends = torch.stack([slopes[0], slopes[400]])
        ends = torch.where(torch.stack([some[0], some[400]]), ends, torch.nan)
        assert_allclose(torch.fmin(*ends), smallest, atol=1e-6 * gap.max())
        assert_allclose(torch.fmax(*ends), largest, atol=1e-6 * gap.max())


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", NAMES)
def test_no_point_of_a_ball_leaves_the_bounds(name, norm):
    rng = np.random.default_rng(0)
    network, X = _network(name, rng), rng.normal(size=(15, 5))
    widths = []
    for radius in (1e-9, 1e-3, 0.3, 4.0):
        points = _samples(X, radius, norm, rng, 200)
        outputs = network.forward(points.reshape(-1, 5)).reshape(200, 15, 3)
        for method, n_steps in (("ibp", 0), ("crown", 0), ("crown", 8)):
            low, high = _output_bounds(
                network, X, np.full(15, radius), norm, method, n_steps
            )
            assert np.all(low <= outputs.min(axis=0) + 1e-13)
            assert np.all(high >= outputs.max(axis=0) - 1e-13)
            widths.append(np.mean(high - low))
    for ibp, crown, steps in zip(*[iter(widths)] * 3, strict=True):
        assert steps <= crown <= ibp
    assert widths[1] < 1e-7


@pytest.mark.parametrize("norm", NORMS)
def test_bounds_of_a_linear_network_are_exact(norm):
    rng = np.random.default_rng(0)
    network = _network("identity", rng, (30, 6, 6, 2))
    X, dual = rng.normal(size=(7, 30)), {1: np.inf, 2: 2, np.inf: 1}[norm]
    reach = 0.7 * np.linalg.norm(network.jacobian(X), dual, axis=2)
    low, high = _output_bounds(network, X, np.full(7, 0.7), norm, "crown")
    assert_allclose(low, network.forward(X) - reach, rtol=1e-9)
    assert_allclose(high, network.forward(X) + reach, rtol=1e-9)
    assert np.all(low <= network.forward(X) - reach)


@pytest.mark.parametrize("radius", [0.0, 1e-3])
def test_layers_of_identities_in_exact_arithmetic(radius):
    """What every layer rounds is in the bounds: the exact ends are never inside."""
    rng = np.random.default_rng(4)
    sizes = (20, 30, 30, 4)
    weights = [rng.normal(size=(m, n)) for n, m in zip(sizes, sizes[1:], strict=False)]
    biases = [rng.normal(size=m) for m in sizes[1:]]
    network, x = FeedForward(weights, biases, "identity"), rng.normal(size=20)
    low, high = _output_bounds(network, x[None], np.array([radius]), np.inf, "crown")
    maps = [[[Fraction(v) for v in row] for row in w] for w in weights]
    for k, row in enumerate(maps[-1]):
        value, line = Fraction(biases[-1][k]), row
        for w, b in zip(maps[-2::-1], biases[-2::-1], strict=True):
            value += sum(c * Fraction(v) for c, v in zip(line, b, strict=True))
            line = [
                sum(c * v for c, v in zip(line, col, strict=True))
                for col in zip(*w, strict=True)
            ]
        value += sum(c * Fraction(v) for c, v in zip(line, x, strict=True))
        reach = Fraction(radius) * sum(map(abs, line))
        assert Fraction(low[0, k]) <= value - reach
        assert value + reach <= Fraction(high[0, k])
        assert high[0, k] - low[0, k] <= 2.0 * float(reach) + 1e-9


@pytest.mark.parametrize("norm", NORMS)
def test_larger_balls_have_wider_hidden_bounds(norm):
    rng = np.random.default_rng(0)
    network, X = _network("tanh", rng), rng.normal(size=(10, 5))
    propagation = Propagation(network, norm)
    found = [
        hidden_bounds(propagation, propagation.balls(X, np.full(10, r)), "crown")
        for r in (0.05, 0.2, 0.8)
    ]
    for small, large in zip(found, found[1:], strict=False):
        for (low, high), (lower, higher) in zip(
            small.intervals, large.intervals, strict=True
        ):
            assert (lower <= low).all() and (high <= higher).all()


def _pre_activations(network, points):
    """Of each hidden layer, and the outputs."""
    a, found = points, []
    for weight, bias in zip(network.weights, network.biases, strict=True):
        found.append(a @ weight.T + bias)
        a = np.maximum(found[-1], 0.0)
    return found[:-1], found[-1]


@pytest.mark.parametrize("norm", NORMS)
def test_no_point_of_a_part_is_below_its_bound(norm):
    rng = np.random.default_rng(0)
    network, x = _network("relu", rng), rng.normal(size=(1, 5))
    points = _samples(x, 1.0, norm, rng, 20000)[:, 0]
    hidden, outputs = _pre_activations(network, points)
    n_parts, row = 40, np.array([1.0, -1.0, 0.0])
    chosen = rng.integers(len(points), size=n_parts)
    # Some neurons have the sign they have at some point, the others are free.
    signs = [
        np.sign(z[chosen]) * (rng.uniform(size=(n_parts, z.shape[1])) < 0.35)
        for z in hidden
    ]
    propagation = Propagation(network, norm)
    balls = propagation.balls(np.repeat(x, n_parts, axis=0), np.ones(n_parts))
    rows = propagation.tensor(np.tile(row, (n_parts, 1, 1)))
    parts = propagation, balls, rows, [propagation.tensor(s) for s in signs]
    found = [lower_over_parts(*parts, n_steps=n, enough=np.inf) for n in (0, 40)]
    plain, ascent = (bounds.lower.numpy() for bounds in found)
    # From where another ascent ended nothing is lost.
    start = {"n_steps": 0, "enough": np.inf, "start": found[1].start}
    assert_allclose(lower_over_parts(*parts, **start).lower.numpy(), ascent, rtol=1e-9)
    multipliers = [propagation.tensor(rng.exponential(size=s.shape)) for s in signs]
    any_ones = lower_by_multipliers(*parts, multipliers).numpy()
    for part in range(n_parts):
        inside = np.ones(len(points), dtype=bool)
        for z, sign in zip(hidden, signs, strict=True):
            inside &= (z * sign[part] >= 0.0).all(axis=1)
        least = (outputs[inside] @ row).min()
        assert least >= max(plain[part], ascent[part], any_ones[part])
    assert np.all(ascent >= plain)
    assert np.mean(ascent - plain) > 0.05


@pytest.mark.parametrize("name", ["relu", "abs", "leaky_relu(0.3)"])
def test_parts_of_networks_of_other_hinges(name):
    """No steps: the lines of CROWN; with signs no point of the part is below."""
    rng = np.random.default_rng(1)
    network, x = _network(name, rng), rng.normal(size=(1, 5))
    function = get_activation(name).function
    points = _samples(x, 0.6, np.inf, rng, 4000)[:, 0]
    first = points @ network.weights[0].T + network.biases[0]
    second = function(first) @ network.weights[1].T + network.biases[1]
    least = network.forward(points)[:, 0]
    propagation = Propagation(network, np.inf)
    balls = propagation.balls(x, np.full(1, 0.6))
    rows = propagation.tensor(np.eye(3)[None, :1])
    free = [propagation.tensor(np.zeros((1, z.shape[1]))) for z in (first, second)]
    parts = propagation, balls, rows
    found = lower_over_parts(*parts, free, n_steps=0, enough=np.inf)
    plain = lower_by_multipliers(*parts, free, free)
    assert_allclose(found.lower, plain, rtol=1e-12)
    assert found.lower[0] <= least.min()
    for loss, slopes, (low, high) in zip(
        found.gains,
        found.slopes,
        hidden_bounds(propagation, balls, "crown").intervals,
        strict=True,
    ):
        is_open = (low < 0.0) & (high > 0.0)
        assert torch.equal(loss > 0.0, is_open)
        known = torch.tensor(function(np.sign(low.numpy())) * np.sign(low.numpy()))
        assert_allclose(slopes[~is_open], known[~is_open], rtol=1e-12)
    signs = [
        np.sign(z[:1]) * (rng.uniform(size=z[:1].shape) < 0.4) for z in (first, second)
    ]
    signed = [propagation.tensor(s) for s in signs]
    better = lower_over_parts(*parts, signed, n_steps=20, enough=np.inf)
    inside = (first * signs[0] >= 0.0).all(axis=1) & (second * signs[1] >= 0.0).all(
        axis=1
    )
    assert found.lower[0] <= better.lower[0] <= least[inside].min()


@pytest.mark.parametrize("name", ["relu", "abs", "leaky_relu(0.3)"])
def test_gains_are_what_the_upper_line_loses_at_zero(name):
    rng = np.random.default_rng(2)
    network, x = _network(name, rng, (3, 7, 1)), rng.normal(size=(1, 3))
    propagation = Propagation(network, np.inf)
    balls = propagation.balls(x, np.full(1, 0.8))
    free = [propagation.tensor(np.zeros((1, 7)))]
    rows = propagation.tensor(np.ones((1, 1, 1)))
    found = lower_over_parts(propagation, balls, rows, free, n_steps=0, enough=np.inf)
    [(low, high)] = hidden_bounds(propagation, balls, "crown").intervals
    low, high = low[0].numpy(), high[0].numpy()
    function, w = get_activation(name).function, network.weights[1][0]
    # The chord from end to end, at zero, against the function, which is 0 there.
    chord = (function(low) * high - function(high) * low) / (high - low)
    is_open = (low < 0.0) & (high > 0.0)
    expected = np.where(is_open & (w < 0.0), -w * chord, 0.0)
    assert is_open.any() and (expected > 0.0).any()
    assert_allclose(found.gains[0][0], expected, rtol=1e-9, atol=1e-20)


def test_only_what_moves_counts():
    rng = np.random.default_rng(0)
    network, X = _network("relu", rng), rng.normal(size=(6, 5))
    mutable = np.array([True, False, True, False, False])
    some = Propagation(network, 2, mutable)
    low, high = some.first(some.balls(X, np.full(6, 0.5)))
    reach = 0.5 * np.linalg.norm(network.weights[0][:, mutable], axis=1)
    assert_allclose(high - low, np.broadcast_to(2.0 * reach, (6, 12)), rtol=1e-9)


def test_allowances_of_a_layer_cover_its_sums():
    network = random_network([7, 5, 3], random_state=0)
    for layer, weight in zip(
        Propagation(network, 2).layers, network.weights, strict=True
    ):
        n_out, n_in = weight.shape
        # Four operations a layer besides, of both layers.
        assert layer.gamma_in == gamma(n_in + 8) and layer.gamma_out == gamma(n_out + 8)
        assert layer.underflow == layer.gamma_out * FLOOR * (n_in + n_out)


def test_what_is_added_to_the_reach_of_the_first_layer():
    """Four units of the sum's size, where its own terms lose nothing."""
    propagation = Propagation(FeedForward([[[1.0]], [[1.0]]]), 2)
    low, high = propagation.first(propagation.balls([[0.0]], [1.0]))
    reach = 1.0 + gamma(1)
    for found in (-low.item(), high.item()):
        assert reach + 3 * UNIT <= found <= reach + 6 * UNIT


def test_only_wide_matrices_are_made_triangular():
    square = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).double()
    assert InputSpread(square, 2.0).weight is square
    assert InputSpread(square[:1], 2.0).weight.shape == (1, 1)


@pytest.mark.parametrize("size", [1e200, 1e-200])
def test_triangular_factors_of_any_size(size):
    """The row is (-3, 4, 0) times a size whose square is no float."""
    row = torch.tensor([[-3.0, -4.0, 0.0]]).double() * size
    factor, residual = _triangular(row)
    assert_allclose(factor.abs(), [[5.0 * size]], rtol=1e-14)
    assert 0.0 < residual < 1e-6 * size


def test_balls_stay_as_they_are_and_work_is_that_of_a_kilorow():
    propagation = Propagation(FeedForward([np.ones((3, 2)), np.ones((1, 3))]), 2)
    assert propagation.work == 1024.0 * 6
    balls = propagation.balls([[0.0, 0.0]], [1.0])
    with pytest.raises(FrozenInstanceError):
        balls.radii = 2.0
    with pytest.raises(FrozenInstanceError):
        propagation.layers[0].spectral = 0.0
