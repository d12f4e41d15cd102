# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Ends of hidden neurons by splits: true at every point, and narrower than by lines."""

import time

import numpy as np
import pytest
import torch

from sklip.bounds import Propagation, hidden_bounds, tightened
from sklip.certification._branching import hidden_splits
from sklip.certification._branching.hidden_splits import HiddenSplits
from sklip.networks import random_network


def pre_activations(network, points):
    """Of all hidden neurons, at each point."""
    found, values = [], points
    layers = zip(network.weights, network.biases, network.activations, strict=False)
    for weight, bias, activation in layers:
        found.append(values @ weight.T + bias)
        values = activation.function(found[-1])
    return np.concatenate(found, axis=1)


def inside(x, radius, norm, down, up, n=4000):
    """Points of a one-sided ball, most of them on its boundary."""
    rng = np.random.default_rng(1)
    steps = rng.normal(size=(n, len(x)))
    if norm == np.inf:
        steps = np.where(rng.random(steps.shape) < 0.7, np.sign(steps), steps)
    steps /= np.linalg.norm(steps, norm, axis=1, keepdims=True)
    return x + radius * np.where(steps > 0.0, up, down) * steps


def by_lines(network, norm, shares, x, radius):
    propagation = Propagation(network, norm, None, "cpu", shares)
    balls = propagation.balls(x[None], [radius])
    with torch.no_grad():
        bounds = tightened(propagation, hidden_bounds(propagation, balls, "crown"), 12)
    return torch.cat([torch.cat(ends) for ends in bounds.intervals], dim=1).numpy()


@pytest.mark.parametrize("norm", [1, 2, np.inf])
@pytest.mark.parametrize("activation", ["relu", "abs"])
def test_no_point_of_a_ball_leaves_them_and_they_are_narrower(norm, activation):
    network = random_network(
        [4, 6, 5, 4, 2], activation=activation, random_state=3, gain=1.5
    )
    rng = np.random.default_rng(0)
    x, radius = rng.normal(size=4), {1: 2.0, 2: 1.2, np.inf: 0.7}[norm]
    shares = rng.uniform(0.3, 1.0, size=4), np.ones(4)
    known = by_lines(network, norm, shares, x, radius)
    splits = HiddenSplits(network, norm, np.ones(4, dtype=bool), shares)
    z = pre_activations(network, inside(x, radius, norm, *shares))
    widths = []
    for n_parts in (1, 3, 8):
        low, high = splits.tightened(x, radius, known, n_parts)
        assert (low <= z + 1e-12).all() and (z <= high + 1e-12).all()
        assert (low >= known[0]).all() and (high <= known[1]).all()
        widths.append((high - low)[6:].mean())
    assert widths[2] < 0.99 * widths[1] and widths[1] < 0.97 * widths[0]


def test_layers_with_few_open_ends_get_more_parts(monkeypatch):
    """Two neurons with open signs in the second layer, a dozen in the third."""
    network = random_network([4, 8, 2, 12, 2], random_state=0, gain=2.0)
    x = np.zeros(4)
    known = by_lines(network, np.inf, None, x, 1.0)
    splits = HiddenSplits(network, np.inf, None, None)
    widths = []
    for times in (1, 32):
        monkeypatch.setattr(hidden_splits, "_MOST_TIMES", times)
        low, high = splits.tightened(x, 1.0, known, 3)
        widths.append((high - low)[8:10].sum())
    assert widths[1] < 0.95 * widths[0]


def test_what_is_known_when_time_is_over_is_kept():
    network = random_network([3, 6, 6, 6, 2], random_state=0, gain=2.0)
    x = np.zeros(3)
    known = by_lines(network, np.inf, None, x, 1.0)
    splits = HiddenSplits(network, np.inf, None, None)
    assert splits.is_worth(known)
    late = splits.tightened(x, 1.0, known, 50, deadline=time.monotonic() - 1.0)
    low, high = splits.tightened(x, 1.0, known, 50)
    assert (late[0] >= known[0]).all() and (late[1] <= known[1]).all()
    assert (high - low).sum() < 0.95 * (late[1] - late[0]).sum()
    z = pre_activations(network, inside(x, 1.0, np.inf, 1.0, 1.0))
    assert (late[0] <= z + 1e-12).all() and (z <= late[1] + 1e-12).all()


def test_one_layer_above_the_first_is_not_worth_it():
    for sizes, worth in (([3, 6, 6, 2], False), ([3, 6, 6, 6, 2], True)):
        network = random_network(sizes, random_state=0, gain=2.0)
        known = by_lines(network, np.inf, None, np.zeros(3), 1.0)
        splits = HiddenSplits(network, np.inf, None, None)
        assert splits.is_worth(known) is worth
