# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The neuron that is split against bounds of the halves of every neuron.

Also tests of ``bounds/_propagation/cut_bounds.py``.
"""

import numpy as np
import pytest
import torch

from sklip.bounds import Propagation, lower_over_parts
from sklip.bounds._propagation import candidates
from sklip.networks import random_network


def bounded(seed, activation, sizes=(4, 7, 3)):
    network = random_network(list(sizes), activation=activation, random_state=seed)
    propagation = Propagation(network, np.inf)
    inputs = np.random.default_rng(seed).normal(size=(3, sizes[0]))
    rows = propagation.tensor([[[1.0, -1.0, 0.0]]]).expand(3, -1, -1)
    hidden = sum(sizes[1:-1])

    def lower(signs, n_steps, start=None):
        signs = propagation.tensor(np.broadcast_to(signs, (3, hidden)).copy())
        balls = propagation.balls(inputs, np.full(3, 0.7))
        signs = list(signs.split(sizes[1:-1], dim=1))
        ends = {"n_steps": n_steps, "enough": np.inf, "start": start}
        return lower_over_parts(propagation, balls, rows, signs, **ends)

    return lower, hidden


@pytest.mark.parametrize("activation", ["relu", "abs", "leaky_relu"])
@pytest.mark.parametrize("seed", range(4))
def test_one_half_is_as_good_as_that_of_any_neuron(monkeypatch, seed, activation):
    monkeypatch.setattr(candidates, "_CANDIDATES", 100)
    lower, n = bounded(seed, activation)
    whole = lower(np.zeros(n), 3)
    gains = torch.cat(whole.gains, 1)
    halves = torch.stack(
        [
            torch.stack([lower(s * unit, 0, whole.start).lower for s in (1.0, -1.0)])
            for unit in np.eye(n)
        ]
    )
    better = torch.where(gains.T > 0.0, halves.amax(1), -torch.inf)
    some = (gains > 0.0).any(dim=1)
    assert some.any()
    found = better.gather(0, whole.choice[None])[0]
    torch.testing.assert_close(found[some], better.amax(0)[some], rtol=1e-9, atol=1e-9)


def test_only_neurons_of_unknown_sign_are_chosen(monkeypatch):
    lower, n = bounded(0, "relu", (4, 6, 6, 3))
    signs, chosen = np.zeros(n), set()
    for _ in range(n):
        whole = lower(signs, 1)
        gains = torch.cat(whole.gains, 1)[0]
        if not (gains > 0.0).any():
            break
        neuron = int(whole.choice[0])
        assert gains[neuron] > 0.0 and neuron not in chosen
        chosen.add(neuron)
        signs[neuron] = 1.0
    assert len(chosen) > 2
