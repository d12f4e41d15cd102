# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Solves that begin near a network's solution: same bounds, proven anew, less work."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklip.bounds import lipsdp_bound, lipsdp_gradient, sequential_bound
from sklip.bounds._chain import chain_of
from sklip.bounds._lipsdp import bound, interior_point
from sklip.bounds._lipsdp.sequential import SequentialPasses
from sklip.bounds._lipsdp.sweeps import Sweeps
from sklip.bounds._proof import is_feasible
from sklip.networks import FeedForward, random_network


def moved(network, share):
    rng = np.random.default_rng(1)
    weights = [w + share * w.std() * rng.normal(size=w.shape) for w in network.weights]
    return FeedForward(weights, None, network.activation)


@pytest.fixture
def steps(monkeypatch):
    """Primal-dual steps, one entry each."""
    taken, step = [], interior_point._step

    def counted(*args):
        taken.append(1)
        return step(*args)

    monkeypatch.setattr(interior_point, "_step", counted)
    return taken


CASES = [
    ((5, 12, 12, 3), "relu", {}),
    ((9, 12, 8, 2), "leaky_relu(0.3)", {}),  # solved as its transposed network
    ((5, 12, 12, 3), "tanh", {"per_layer": True}),
    ((5, 30, 3), "relu", {}),  # as a matrix of the ends alone
]


@pytest.mark.parametrize("sizes, activation, options", CASES)
def test_bounds_are_those_of_a_cold_solve(sizes, activation, options):
    network = random_network(sizes, activation=activation, gain=1.5, random_state=0)
    start = lipsdp_bound(network, **options).start
    near = moved(network, 1e-3)
    warm = lipsdp_bound(near, start=start, **options)
    assert_allclose(warm.value, lipsdp_bound(near, **options).value, rtol=2e-6)
    assert warm.lower >= warm.value * (1.0 - 2e-6)
    assert is_feasible(chain_of(near), warm.value, warm.multipliers)
    far = random_network(sizes, activation=activation, gain=9.0, random_state=7)
    cold = lipsdp_bound(far, **options)
    assert lipsdp_bound(far, start=start, **options).value == pytest.approx(
        cold.value, rel=2e-6
    )


def test_a_network_nearby_takes_a_third_of_the_steps(steps):
    network = random_network((5, 12, 12, 3), gain=1.5, random_state=0)
    for tol, share in ((1e-3, 1 / 3), (1e-6, 1 / 2)):
        steps.clear()
        passes = SequentialPasses(chain_of(network))
        start = bound.solve_lipsdp(passes, tol=tol).start
        cold = len(steps)
        for _ in range(3):  # each begins where the last one says
            network = moved(network, 1e-3)
            steps.clear()
            passes = SequentialPasses(chain_of(network))
            start = bound.solve_lipsdp(passes, tol=tol, start=start).start
            assert 0 < len(steps) <= share * cold


def test_gradients_of_a_chain_of_networks_are_those_of_each(monkeypatch):
    sweeps, plain = [], Sweeps.__call__
    monkeypatch.setattr(
        Sweeps, "__call__", lambda self, x: sweeps.append(1) or plain(self, x)
    )
    network = random_network((5, 12, 12, 3), gain=1.5, random_state=0)
    point, counts = None, []
    for _ in range(3):
        sweeps.clear()
        rough, _, start = lipsdp_gradient(network, tol=1e-3, start=point)
        counts.append(len(sweeps))
        value, gradients, _ = lipsdp_gradient(network, tol=1e-8, start=point)
        point = start
        assert_allclose(rough, value, rtol=2e-3)
        assert 3 * counts[-1] <= counts[0] or len(counts) == 1
        exact, expected, _ = lipsdp_gradient(network, tol=1e-9)
        assert_allclose(value, exact, rtol=1e-7)
        for one, two in zip(gradients, expected, strict=True):
            assert_allclose(one, two, rtol=1e-3, atol=1e-4 * np.abs(two).max())
        network = moved(network, 1e-3)


def test_where_sweeps_do_not_end_it_is_solved_from_the_beginning(monkeypatch):
    network = random_network((5, 12, 12, 3), gain=1.5, random_state=0)
    start = lipsdp_bound(network, tol=1e-4).start
    near = moved(network, 1e-3)
    monkeypatch.setattr(bound, "swept", lambda *args, **options: None)
    found = lipsdp_bound(near, tol=1e-4, start=start)
    assert sequential_bound(near).value > found.value
    assert found.lower >= found.value * (1.0 - 2e-4)


@pytest.mark.parametrize(
    "start",
    [
        3.0,
        (1.0, [np.ones(2)]),
        (np.inf, [np.ones(4)]),
        (1.0, [-np.ones(4)]),
        (1.0, [np.ones(4)], np.ones((6, 2))),
        (1.0, [np.ones(4)], np.full((7, 2), np.nan)),
    ],
)
def test_starts_of_other_sizes_are_refused(start):
    with pytest.raises(ValueError, match="start must be what an earlier call"):
        lipsdp_bound(random_network([3, 4, 2], random_state=0), start=start)
