# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The lower bound: reached by a pair, reproducible, and not far off where known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import ortho_group

from sklip.bounds import lipschitz_bound, lipschitz_lower_bound
from sklip.networks import FeedForward, list_activations, random_network


def test_linear_networks_reach_their_norm():
    w = np.random.default_rng(0).normal(size=(4, 6))
    lower = lipschitz_lower_bound(FeedForward([w]), random_state=0)
    norm = np.linalg.norm(w, 2)
    assert norm * (1 - 1e-9) <= lower.value <= norm


@pytest.mark.parametrize("activation", list_activations())
def test_one_neuron_finds_its_steepest_slope(activation):
    """x -> activation(x), whose constant the sector's end is (rounded outward)."""
    network = FeedForward([[[1.0]], [[1.0]]], None, activation)
    lower = lipschitz_lower_bound(network, random_state=0).value
    upper = network.activations[0].lipschitz
    assert 0.98 * upper <= lower <= upper


def test_orthogonal_relu_networks_are_bracketed():
    weights = list(ortho_group.rvs(4, size=3, random_state=0))
    biases = [np.full(4, 3.0), np.full(4, 3.0), np.zeros(4)]
    network = FeedForward(weights, biases)
    lower = lipschitz_lower_bound(network, random_state=0).value
    assert_allclose([lower, lipschitz_bound(network).value], 1.0, rtol=1e-8)
    assert lower <= 1.0


def test_data_help_and_are_reproducible():
    network = random_network([10, 30, 30, 3], random_state=0)
    X = np.random.default_rng(0).normal(size=(2000, 10))
    runs = [
        lipschitz_lower_bound(network, X, n_restarts=3, random_state=1).value
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    jacobians = network.jacobian(X[:200])
    assert np.linalg.norm(jacobians, 2, axis=(1, 2)).mean() < runs[0]


def test_constant_networks_have_lower_bound_zero():
    network = FeedForward([np.zeros((3, 2)), np.ones((1, 3))], [np.ones(3), [5.0]])
    assert lipschitz_lower_bound(network, random_state=0).value == 0.0


def test_large_offsets_are_not_mistaken_for_slopes():
    """Rounding of large outputs must not look like a slope."""
    network = FeedForward(
        [np.full((2, 2), 1e-8), np.ones((1, 2))], [np.full(2, 1e6), [1e9]], "relu"
    )
    lower = lipschitz_lower_bound(network, random_state=0).value
    assert lower <= lipschitz_bound(network).value


@pytest.mark.parametrize("n_restarts", [0, -1, 1.5, None])
def test_bad_n_restarts(n_restarts):
    with pytest.raises(ValueError, match="n_restarts must be a positive integer"):
        lipschitz_lower_bound(random_network([2, 2]), n_restarts=n_restarts)
