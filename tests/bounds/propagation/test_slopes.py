# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The ascent over slopes: Adam's steps are those of torch, inside their bounds."""

import numpy as np
import pytest
import torch

from sklip.bounds import Propagation, hidden_bounds, tightened
from sklip.bounds._propagation import slopes
from sklip.bounds._propagation.slopes import Adam
from sklip.networks import random_network


def test_steps_are_those_of_torch():
    generator = torch.Generator().manual_seed(0)
    start = torch.rand(4, 6, generator=generator, dtype=torch.float64)
    ours, theirs = (start.clone().requires_grad_() for _ in range(2))
    adam = Adam([ours], rate=0.1, decay=0.8, largest=torch.inf)
    optimizer = torch.optim.Adam([theirs], lr=0.1, maximize=True)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.8)
    for k in range(6):
        gradient = torch.randn(4, 6, generator=generator, dtype=torch.float64) - 0.3 * k
        adam.step([gradient])
        theirs.grad = gradient
        optimizer.step()
        schedule.step()
        expected = theirs.detach().clamp_min(0.0)
        torch.testing.assert_close(ours.detach(), expected, rtol=1e-6, atol=1e-7)
        theirs.data.copy_(expected)


def test_variables_stay_between_zero_and_the_largest():
    variable = torch.tensor([0.01, 0.5, 0.99], dtype=torch.float64, requires_grad=True)
    adam = Adam([variable], rate=0.3, largest=1.0)
    adam.step([torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)])
    torch.testing.assert_close(variable.tolist(), [0.0, 0.8, 1.0], rtol=1e-9, atol=0)


@pytest.mark.parametrize("activation", ["tanh", "logistic", "silu"])
def test_steps_of_curved_lines_gain_more_than_long_ones(monkeypatch, activation):
    network = random_network([6, 20, 20, 2], activation=activation, random_state=0)
    propagation = Propagation(network, np.inf)
    centers = np.random.default_rng(0).normal(size=(4, 6))

    def width(n_steps):
        low, high = tightened(propagation, crown, n_steps).intervals[1]
        return float((high - low).mean())

    with torch.no_grad():
        balls = propagation.balls(centers, np.full(4, 0.3))
        crown = hidden_bounds(propagation, balls, "crown")
        start, short = width(0), width(12)
        monkeypatch.setattr(slopes, "_CURVED_LENGTH", 1.0)
        assert start - short > 1.15 * (start - width(12)) > 0.0
