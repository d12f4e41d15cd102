# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Semidefinite bounds of parts: below every point there, and tighter than lines."""

import numpy as np
import pytest

from sklip.bounds import (
    Propagation,
    has_moments,
    hidden_bounds,
    moment_bound,
    outputs_lower,
)
from sklip.networks import FeedForward


@pytest.mark.parametrize("norm", [2, np.inf])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "abs"])
def test_bounds_are_below_all_points_of_a_part(norm, activation):
    rng, x, row = np.random.default_rng(4), np.array([0.2, -0.4]), np.array([1.0, -1.0])
    network = FeedForward(
        [rng.normal(size=s) for s in [(5, 2), (4, 5), (2, 4)]],
        [0.3 * rng.normal(size=n) for n in (5, 4, 2)],
        activation=activation,
    )
    propagation = Propagation(network, norm)
    ball = propagation.balls(x[None], [1.0])
    hidden = hidden_bounds(propagation, ball, "crown")
    ends = [np.stack([low[0], high[0]]) for low, high in hidden.intervals]
    ends = np.concatenate(ends, axis=1)
    steps = np.stack(np.meshgrid(*2 * [np.linspace(-1.0, 1.0, 151)]), -1).reshape(-1, 2)
    points = x + steps[np.linalg.norm(steps, norm, axis=1) <= 1.0]
    first = points @ network.weights[0].T + network.biases[0]
    values = network.forward(points) @ row
    whole = moment_bound(propagation, ball, row, np.zeros(9), ends, np.inf)
    lines = outputs_lower(propagation, hidden, propagation.tensor(row)[None, None])
    assert float(lines) < whole.lower <= values.min()
    for sign in (1.0, -1.0):
        signs = np.zeros(9)
        signs[whole.choice] = sign
        half = moment_bound(propagation, ball, row, signs, ends, np.inf)
        assert half.lower > whole.lower - 1e-3
        assert half.choice != whole.choice
        if whole.choice < 5:
            inside = sign * first[:, whole.choice] >= 0.0
            assert half.lower <= values[inside].min()


def test_of_known_signs_nothing_is_lost_and_nothing_is_split():
    network = FeedForward([[[1.0, 2.0]], [[3.0]]], [[5.0], [1.0]])
    propagation = Propagation(network, 2)
    ball, ends = propagation.balls(np.zeros((1, 2)), [1.0]), np.array([[2.0], [8.0]])
    told = propagation, ball, np.ones(1), np.zeros(1), ends
    bound = moment_bound(*told, np.inf)
    least = 16.0 - 3.0 * np.sqrt(5.0)
    assert least - 1e-3 < bound.lower <= least
    assert bound.choice is None
    assert np.abs(bound.point + np.array([1.0, 2.0]) / np.sqrt(5.0)).max() < 1e-2


def test_networks_that_have_them():
    def of(sizes, norm=2, activation="relu"):
        weights = [np.ones((b, a)) for a, b in zip(sizes, sizes[1:], strict=False)]
        return has_moments(
            Propagation(FeedForward(weights, activation=activation), norm)
        )

    assert of((2, 3, 1))
    assert of((2, 397, 1))
    assert not of((2, 398, 1))
    assert not of((2, 1))
    assert not of((2, 3, 1), norm=1)
    assert not of((2, 3, 1), activation="tanh")
