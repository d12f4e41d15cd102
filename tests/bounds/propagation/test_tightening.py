# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Hidden bounds with slopes of their own: sound, tighter, and each ball by itself.

Also tests of ``bounds/_propagation/ascent.py``.
"""

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from sklip.bounds import (
    Boxes,
    Propagation,
    hidden_bounds,
    outputs_lower,
    tightened,
)
from sklip.networks import FeedForward, list_activations

NORMS = [1, 2, np.inf]


def _network(activation, seed=0, sizes=(4, 10, 10, 10, 3)):
    rng = np.random.default_rng(seed)
    weights = [
        rng.normal(size=(m, n)) * 1.5 / np.sqrt(n)
        for n, m in zip(sizes, sizes[1:], strict=False)
    ]
    biases = [0.3 * rng.normal(size=m) for m in sizes[1:]]
    return FeedForward(weights, biases, activation=activation)


def _bounds(propagation, balls, n_steps):
    with torch.no_grad():
        return tightened(
            propagation, hidden_bounds(propagation, balls, "crown"), n_steps
        )


def _samples(X, radius, norm, rng, n=400):
    steps = rng.normal(size=(n, *X.shape))
    steps /= np.linalg.norm(steps, ord=norm, axis=-1, keepdims=True)
    share = rng.choice([0.3, 1.0], size=(n, len(X), 1))
    return X + radius * share * steps


def _assert_inside(network, bounds, points):
    values = points
    for k, (low, high) in enumerate(bounds.intervals):
        values = values @ network.weights[k].T + network.biases[k]
        room = 1e-12 * (1.0 + np.abs(values))
        assert (values >= low.numpy() - room).all()
        assert (values <= high.numpy() + room).all()
        values = network.activations[k].function(values)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", list_activations())
def test_no_point_of_a_ball_leaves_them(name, norm):
    network, rng = _network(name), np.random.default_rng(1)
    X = rng.normal(size=(3, 4))
    propagation = Propagation(network, norm)
    bounds = _bounds(propagation, propagation.balls(X, np.full(3, 0.4)), 6)
    _assert_inside(network, bounds, _samples(X, 0.4, norm, rng))


def test_nor_of_a_box():
    network, rng = _network("relu"), np.random.default_rng(2)
    propagation = Propagation(network, np.inf)
    lower = rng.normal(size=(3, 4))
    upper = lower + rng.uniform(0.0, 1.0, size=(3, 4))
    boxes = Boxes.between(propagation.tensor(lower), propagation.tensor(upper))
    points = rng.uniform(lower, upper, size=(400, 3, 4))
    _assert_inside(network, _bounds(propagation, boxes, 6), points)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", ["relu", "abs", "tanh", "hardswish"])
def test_nowhere_wider_and_better_for_the_outputs(name, norm):
    network, rng = _network(name), np.random.default_rng(3)
    propagation = Propagation(network, norm)
    balls = propagation.balls(rng.normal(size=(5, 4)), np.full(5, 0.5))
    with torch.no_grad():
        plain = hidden_bounds(propagation, balls, "crown")
        tight = tightened(propagation, plain, 10)
        gained = 0
        for (low, high), (old_low, old_high) in zip(
            tight.intervals, plain.intervals, strict=True
        ):
            assert (low >= old_low).all()
            assert (high <= old_high).all()
            gained += int((low > old_low).sum() + (high < old_high).sum())
        assert gained > 10
        rows = propagation.tensor(np.eye(3))[None].expand(5, -1, -1)
        found = [outputs_lower(propagation, b, rows) for b in (plain, tight)]
    assert (found[1] - found[0]).mean() > 0.0


def test_a_ball_is_bounded_alike_in_any_company():
    network, rng = _network("relu"), np.random.default_rng(4)
    propagation = Propagation(network, 2)
    X, radii = rng.normal(size=(6, 4)), rng.uniform(0.1, 0.8, size=6)
    together = _bounds(propagation, propagation.balls(X, radii), 5)
    alone = _bounds(propagation, propagation.balls(X[2:3], radii[2:3]), 5)
    for whole, one in zip(together.intervals, alone.intervals, strict=True):
        for a, b in zip(whole, one, strict=True):
            np.testing.assert_allclose(a[2].numpy(), b[0].numpy(), rtol=1e-9)


def test_without_steps_they_stay():
    network = _network("relu")
    propagation = Propagation(network, 2)
    balls = propagation.balls(np.zeros((1, 4)), np.ones(1))
    plain = hidden_bounds(propagation, balls, "crown")
    for new, old in zip(
        tightened(propagation, plain, 0).intervals, plain.intervals, strict=True
    ):
        assert_array_equal(new[0].numpy(), old[0].numpy())
