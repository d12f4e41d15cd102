# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Unsafe polyhedra as outputs: the largest excess of the rows, everywhere in a box."""

import numpy as np
import pytest

from sklip.certification._branching.clause_network import excess_network
from sklip.networks import FeedForward, random_network


@pytest.mark.parametrize("sizes", [(1, 1), (2,), (1, 5, 3), (8, 1)])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_outputs_are_the_largest_excess(sizes, activation):
    rng = np.random.default_rng(0)
    network = random_network([3, 5, 4], activation=activation, random_state=0)
    clauses = [(rng.normal(size=(n, 4)), 3.0 * rng.normal(size=n)) for n in sizes]
    center, half = rng.normal(size=3), rng.uniform(0.1, 2.0, size=3)
    found = excess_network(network, clauses, center, half)
    points = center + half * rng.uniform(-1.0, 1.0, size=(500, 3))
    points[:8] = center + half * (2.0 * (np.arange(8)[:, None] >> np.arange(3) & 1) - 1)
    outputs = network.forward(points)
    expected = [-(outputs @ a.T - b).max(axis=1) for a, b in clauses]
    assert found.n_outputs == 1 + len(sizes)
    assert (found.forward(points)[:, 0] == 0.0).all()
    np.testing.assert_allclose(
        found.forward(points)[:, 1:], np.transpose(expected), atol=1e-12
    )


def test_outputs_without_a_finite_bound_have_none():
    network = FeedForward([[[1e200]], [[1e200]]])
    clauses = [([[1.0], [-1.0]], [0.0, 0.0])]
    clauses = [tuple(map(np.array, clause)) for clause in clauses]
    assert excess_network(network, clauses, np.ones(1), np.ones(1)) is None
