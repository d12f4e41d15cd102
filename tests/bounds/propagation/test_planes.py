# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Upper planes of the first layer: above the hinges exactly, and tight as the hull."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from sklip.bounds import Propagation, lower_over_parts
from sklip.bounds._propagation.lines import adaptive_lines
from sklip.bounds._propagation.planes import tilted
from sklip.networks import FeedForward


def _exact(values):
    return np.vectorize(Fraction, otypes=[object])(np.asarray(values, dtype=float))


def _drawn(sizes, seed, activation="relu"):
    rng = np.random.default_rng(seed)
    shapes = list(zip(sizes[1:], sizes, strict=False))
    weights = [rng.normal(size=shape) / np.sqrt(shape[1]) for shape in shapes]
    return FeedForward(
        weights, [0.2 * rng.normal(size=n) for n, _ in shapes], activation=activation
    )


@pytest.mark.parametrize("norm", [1, 2, np.inf])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "abs"])
def test_planes_are_above_the_hinges_in_exact_arithmetic(norm, activation):
    rng = np.random.default_rng(0)
    network, down = _drawn((3, 6, 2), 1, activation), np.array([1.0, 0.3, 0.0])
    shares = (down, np.ones(3)) if norm == np.inf else None
    x, radius = rng.normal(size=3), 0.7
    propagation = Propagation(network, norm, shares=shares)
    balls = propagation.balls(x[None], [radius])
    low, high = propagation.first(balls)
    line = adaptive_lines(propagation.layers[0].shape, low, high)
    is_open = (low < 0.0) & (high > 0.0)
    assert int(is_open.sum()) >= 3
    steps = np.array([*product((-1.0, 0.0, 1.0), repeat=3)]) * radius
    if norm != np.inf:
        # Inside the ball in exact arithmetic as well.
        size = np.linalg.norm(steps, ord=norm, axis=1, keepdims=True)
        steps = steps * (1.0 - 1e-15) * radius / np.maximum(size, radius)
    elif shares:
        steps = np.where(steps < 0.0, steps * down * (1.0 - 1e-15), steps)
    weight, bias = _exact(network.weights[0]), _exact(network.biases[0])
    left, right = map(Fraction, propagation.layers[0].shape.hinge)
    for _ in range(2):
        leaning = torch.as_tensor(rng.uniform(size=(1, 6, 3)))
        found = tilted(propagation, balls, line, is_open, leaning)
        for step in _exact(steps):
            z = weight @ (_exact(x) + step) + bias
            plane = _exact(found.upper[0, 0]) * z + _exact(found.above[0, 0])
            plane = plane + _exact(found.planes.slopes[0]) @ step
            above = [
                p >= max(left * v, right * v) for p, v in zip(plane, z, strict=True)
            ]
            assert all(np.array(above)[is_open[0].numpy()])


def _lower(network, norm, x, radius, rows, **told):
    propagation = Propagation(network, norm)
    balls = propagation.balls(x, np.full(len(x), radius))
    free = [torch.zeros(len(x), n).double() for n in network.layer_sizes[1:-1]]
    rows = propagation.tensor(rows).expand(len(x), 1, -1)
    told = {"n_steps": 40, "enough": np.inf, **told}
    with torch.no_grad():
        return lower_over_parts(propagation, balls, rows, free, **told)


def test_of_a_sum_over_a_box_they_are_the_hull():
    # relu(a + b) + relu(a - b) is 2 at most on the square, where chords allow 3.
    network = FeedForward([[[1.0, 1.0], [1.0, -1.0]], [[-1.0, -1.0]]])
    origin, one = np.zeros((1, 2)), np.ones((1, 1))
    plain = _lower(network, np.inf, origin, 1.0, one).lower
    bent = _lower(network, np.inf, origin, 1.0, one, planes=True).lower
    assert_allclose([float(plain), float(bent)], [-3.0, -2.0], rtol=0.01)
    assert bent <= -2.0


@pytest.mark.parametrize("norm", [1, 2, np.inf])
def test_bounds_with_planes_hold_and_are_tighter(norm):
    network, rng = _drawn((6, 12, 12, 2), 2), np.random.default_rng(3)
    X, row = rng.normal(size=(4, 6)), np.array([[1.0, -1.0]])
    radius = {1: 2.0, 2: 1.0, np.inf: 0.5}[norm]
    plain = _lower(network, norm, X, radius, row).lower
    found = _lower(network, norm, X, radius, row, planes=True)
    assert ((found.lower - plain) / plain.abs()).mean() > 0.05
    steps = rng.normal(size=(2000, 4, 6))
    steps *= radius / np.linalg.norm(steps, ord=norm, axis=2, keepdims=True)
    outputs = network.forward((X + steps).reshape(-1, 6)) @ row[0]
    least = outputs.reshape(2000, 4).min(axis=0)
    assert (found.lower.numpy() <= least).all()
    # From where they ended the next ascent goes on.
    start = {"start": found.start, "leaning": found.leaning, "n_steps": 0}
    again = _lower(network, norm, X, radius, row, planes=True, **start).lower
    assert_allclose(again.numpy(), found.lower.numpy(), rtol=1e-4)
