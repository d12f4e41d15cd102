# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Boxes with sides of their own: bounds hold, and are those of balls where equal."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from sklip.bounds import Boxes, Propagation, rows_over_boxes
from sklip.networks import FeedForward, random_network


@pytest.mark.parametrize("activation", ["relu", "abs", "tanh", "gelu"])
def test_bounds_hold_in_every_box(activation):
    rng = np.random.default_rng(0)
    network = random_network([3, 8, 8, 2], activation=activation, random_state=0)
    lower = torch.as_tensor(rng.normal(size=(20, 3)))
    upper = lower + torch.as_tensor(rng.uniform(0, 1, size=(20, 3)) ** 4)
    rows = torch.as_tensor(rng.normal(size=(3, 2)))
    propagation = Propagation(network, np.inf)
    found, _ = rows_over_boxes(propagation, Boxes.between(lower, upper), rows)
    points = rng.uniform(lower[:, None], upper[:, None], size=(20, 200, 3))
    values = network.forward(points.reshape(-1, 3)) @ rows.numpy().T
    least = values.reshape(20, 200, 3).min(axis=1)
    assert np.all(found.numpy() <= least)


def test_a_linear_network_is_exact_but_for_rounding():
    rng = np.random.default_rng(1)
    network = FeedForward([rng.normal(size=(2, 4))], [rng.normal(size=2)])
    lower = rng.normal(size=(1, 4))
    upper = lower + rng.uniform(size=(1, 4))
    boxes = Boxes.between(torch.as_tensor(lower), torch.as_tensor(upper))
    rows = torch.tensor([[1.0, -2.0]], dtype=torch.float64)
    found, slopes = rows_over_boxes(Propagation(network, np.inf), boxes, rows)
    weight = [[Fraction(x) for x in row] for row in network.weights[0]]
    slope = [a - 2 * b for a, b in zip(*weight, strict=True)]
    least = Fraction(network.biases[0][0]) - 2 * Fraction(network.biases[0][1])
    for c, low, high in zip(slope, lower[0], upper[0], strict=True):
        least += c * Fraction(low if c > 0 else high)
    assert Fraction(found.item()) <= least
    assert float(least) - found.item() < 1e-12
    np.testing.assert_allclose(slopes[0, 0], [float(c) for c in slope])


@pytest.mark.parametrize("low, high", [(0.0, 0.6), (-0.6, 0.0), (0.0, 0.0)])
def test_a_neuron_whose_range_ends_at_zero_is_stable(low, high):
    # .5 - relu(x) - relu(-x) = .5 - |x|: a neuron at most 0 gives 0, not itself.
    weights = [np.array([[1.0], [-1.0]]), np.array([[-1.0, -1.0]])]
    network = FeedForward(weights, [np.zeros(2), np.array([0.5])], "relu")
    ends = [torch.tensor([[end]], dtype=torch.float64) for end in (low, high)]
    rows = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    found, _ = rows_over_boxes(Propagation(network, np.inf), Boxes.between(*ends), rows)
    values = [0.5 - max(abs(low), abs(high)), -0.5]
    assert np.all(found.numpy()[0] <= values)
    np.testing.assert_allclose(found.numpy()[0], values, atol=1e-12)


@pytest.mark.parametrize("low, high", [(0.1, 0.3), (-1e300, 1e300), (1e-320, 2e-320)])
def test_a_box_is_never_smaller_than_its_ends(low, high):
    boxes = Boxes.between(
        *(torch.tensor([[x]], dtype=torch.float64) for x in (low, high))
    )
    center, half = Fraction(boxes.centers.item()), Fraction(boxes.halves.item())
    assert center - half <= Fraction(low) and Fraction(high) <= center + half


def test_no_box_is_smaller_than_any_of_its_ends():
    """The difference from the center is rounded down for half of these."""
    rng = np.random.default_rng(0)
    ends = np.sort(rng.normal(size=(500, 2)), axis=1)
    boxes = Boxes.between(*torch.from_numpy(ends).T[:, :, None])
    for (low, high), center, half in zip(
        ends, boxes.centers.flatten(), boxes.halves.flatten(), strict=True
    ):
        center, half = Fraction(center.item()), Fraction(half.item())
        assert center - half <= Fraction(low) and Fraction(high) <= center + half
    point = torch.tensor([[0.3]], dtype=torch.float64)
    assert Boxes.between(point, point).halves.item() == 0.0


def test_reach_of_the_first_layer_is_rounded_up():
    rng = np.random.default_rng(3)
    network = FeedForward([rng.normal(size=(40, 9))])
    halves = rng.uniform(size=(3, 9))
    boxes = Boxes(torch.zeros(3, 9, dtype=torch.float64), torch.from_numpy(halves))
    sides = boxes.first_reach(Propagation(network, np.inf))
    weights = [[abs(Fraction(w)) for w in row] for row in network.weights[0]]
    for found in sides:
        for half, reaches in zip(halves, found.numpy(), strict=True):
            for row, reach in zip(weights, reaches, strict=True):
                exact = sum(w * Fraction(h) for w, h in zip(row, half, strict=True))
                assert exact <= Fraction(reach) <= exact * (1 + Fraction(1, 10**13))


def test_reach_of_rows_is_rounded_up_beside_what_their_norms_lose():
    """Rows of norm zero leave the sum's own rounding alone."""
    network = FeedForward([np.ones((1, 30))])
    propagation = Propagation(network, np.inf)
    halves = np.random.default_rng(4).uniform(size=(1, 30))
    boxes = Boxes(torch.zeros(1, 30).double(), torch.from_numpy(halves))
    rows = torch.ones(1, 1, 1).double()
    exact = sum(map(Fraction, halves[0]))
    room = Fraction(propagation.layers[0].gamma_in)
    for found in boxes.reach(propagation, rows, torch.zeros(1, 1).double()):
        assert exact * (1 + room / 2) < Fraction(found.item()) < exact * (1 + 2 * room)


def test_a_cube_is_a_ball():
    network = random_network([3, 8, 2], random_state=0)
    propagation, rows = Propagation(network, np.inf), torch.eye(2, dtype=torch.float64)
    centers = torch.zeros(1, 3, dtype=torch.float64)
    boxes = Boxes.between(centers - 0.5, centers + 0.5)
    balls = propagation.balls(centers, np.array([0.5]))
    of_boxes, of_balls = (
        rows_over_boxes(propagation, where, rows)[0] for where in (boxes, balls)
    )
    np.testing.assert_allclose(of_boxes, of_balls, rtol=1e-9)
