# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Tightened multipliers: proven, never looser, and near LipSDP's optimum."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklip.bounds import lipschitz_bound
from sklip.bounds._chain import chain_of
from sklip.bounds._lipsdp.rescale import tightened_multipliers
from sklip.bounds._lipsdp.sequential import sequential_passes
from sklip.bounds._proof import is_feasible, prove
from sklip.networks import FeedForward, random_network

ACTIVATIONS = ["relu", "gelu", "logistic", "leaky_relu(0.3)", "hardswish"]


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("sizes", [[3, 8, 2], [5, 4, 12, 6], [9, 3, 3, 3, 7]])
def test_proven_and_close_to_the_optimum(sizes, activation):
    network = random_network(sizes, activation=activation, random_state=1)
    chain = chain_of(network)
    start = sequential_passes(chain)[0]
    found = tightened_multipliers(chain, *start, n_stages=12)
    value, multipliers = found.value, found.multipliers
    assert is_feasible(chain, value, multipliers)
    assert value <= prove(chain, *start)[0]
    optimum = lipschitz_bound(network, method="lipsdp").value
    assert optimum * (1 - 1e-5) <= value <= optimum * 1.01


def test_deep_networks_gain_orders_of_magnitude():
    network = random_network([8, *[32] * 19, 3], random_state=0)
    chain = chain_of(network)
    start = sequential_passes(chain)[0]
    found = tightened_multipliers(chain, *start)
    assert is_feasible(chain, found.value, found.multipliers)
    assert found.value < 0.2 * start[0]


@pytest.mark.parametrize("scale", [2.0**-100, 2.0**100])
def test_the_scale_of_the_weights_does_not_matter(scale):
    """A power of two changes no digit."""
    network = random_network([4, 9, 7, 3], random_state=0)
    values = []
    for factor in (1.0, scale):
        chain = chain_of(FeedForward([factor * w for w in network.weights]))
        found = tightened_multipliers(chain, *sequential_passes(chain)[0])
        values.append(found.value / factor**3)
    assert_allclose(values[1], values[0], rtol=1e-12)


def test_linear_networks_are_returned_proven():
    chain = chain_of(FeedForward([np.diag([1.0, 2.0])]))
    found = tightened_multipliers(chain, 2.0, ())
    assert found.multipliers == () and 2.0 <= found.value < 2.0 + 1e-12


def test_nothing_is_made_of_a_point_that_proves_nothing():
    chain = chain_of(random_network([4, 9, 3], random_state=0))
    lipschitz, multipliers = sequential_passes(chain)[0]
    assert tightened_multipliers(chain, 0.5 * lipschitz, multipliers) is None


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("n_stages", [1, 5, 12])
def test_the_lower_end_is_a_dual_value(activation, n_stages):
    """Weak duality at any stop: never above the optimum, and close at the end."""
    network = random_network([5, 12, 9, 3], activation=activation, random_state=3)
    chain = chain_of(network)
    start = sequential_passes(chain)[0]
    found = tightened_multipliers(chain, *start, n_stages=n_stages)
    optimum = lipschitz_bound(network, method="lipsdp", tol=1e-8).value
    assert 0.0 <= found.lower <= optimum * (1 + 1e-9)
    if n_stages == 12 and chain.sectors[0][0] <= 0.0:
        assert found.lower >= 0.99 * optimum


def test_steps_stop_at_the_gap_the_evaluations_or_the_deadline():
    network = random_network([16, 40, 40, 40, 4], random_state=0)
    chain = chain_of(network)
    start = sequential_passes(chain)[0]
    full = tightened_multipliers(chain, *start, n_stages=10)
    loose = tightened_multipliers(chain, *start, n_stages=10, tol=0.2)
    assert loose.lower >= loose.value / 1.2 and loose.value > full.value
    few = tightened_multipliers(chain, *start, n_evaluations=5)
    assert full.value < few.value <= prove(chain, *start)[0]
    assert is_feasible(chain, few.value, few.multipliers)
    late = tightened_multipliers(chain, *start, deadline=0.0)
    assert few.value < late.value <= prove(chain, *start)[0]
    assert late.lower <= late.value
