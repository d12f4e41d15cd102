# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""No pair of inputs exceeds a bound; tiny ReLU networks exactly."""

import itertools
from operator import itemgetter

import numpy as np
import pytest
from scipy.optimize import linprog

from sklip.bounds import (
    lipschitz_bound,
    lipschitz_lower_bound,
    output_difference_bounds,
    product_bound,
)
from sklip.networks import FeedForward, list_activations, random_network

ACTIVATIONS = [
    *list_activations(),
    "leaky_relu(0.3)",
    "leaky_relu(-0.7)",
    "leaky_relu(-1.0)",
    "leaky_relu(2.5)",
    "leaky_relu(1.0)",
    "elu(1.7)",
    "elu(0.0)",
]


def biased_network(seed, activation):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 12, size=rng.integers(2, 6))
    network = random_network(
        sizes, activation=activation, gain=rng.uniform(0.3, 3.0), random_state=seed
    )
    biases = [rng.normal(size=len(w)) for w in network.weights]
    return FeedForward(network.weights, biases, activation)


def quotients(network, norm, seed):
    """||f(x) - f(y)|| / ||x - y|| of near and far pairs."""
    rng = np.random.default_rng(seed)
    n = network.n_inputs
    x = 3.0 * rng.normal(size=(400, n))
    steps = rng.normal(size=(400, n)) * 10.0 ** rng.uniform(-3, 1, (400, 1))
    y = x + steps
    change = np.linalg.norm(network.forward(x) - network.forward(y), norm, axis=1)
    return change / np.linalg.norm(x - y, norm, axis=1)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("norm", [1, 2, np.inf])
def test_sampled_pairs_never_exceed_a_bound(activation, norm):
    for seed in range(6):
        network = biased_network(seed, activation)
        bounds = [product_bound(network, norm), lipschitz_bound(network, norm=norm)]
        found = quotients(network, norm, seed).max()
        assert found <= min(map(float, bounds)) * (1 + 1e-9)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_lower_at_most_sequential_at_most_product(activation):
    for seed in range(6):
        network = biased_network(seed, activation)
        lower = lipschitz_lower_bound(network, n_restarts=3, random_state=seed)
        sequential = lipschitz_bound(network, method="sequential")
        product = lipschitz_bound(network, method="product")
        assert 0.0 <= lower.value <= sequential.value <= product.value


def mixed_network(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 9, size=5)
    names = list(rng.choice(ACTIVATIONS, size=3))
    return random_network(sizes, activation=names, gain=1.5, random_state=seed)


@pytest.mark.parametrize("seed", range(30))
def test_mixed_activations(seed):
    network = mixed_network(seed)
    certificate = lipschitz_bound(network)
    assert certificate.verify(network)
    assert quotients(network, 2, seed).max() <= certificate.value * (1 + 1e-9)
    assert lipschitz_lower_bound(network, random_state=0).value <= certificate.value


def exact_lipschitz(network, pair=None):
    """Largest Jacobian norm over the activation patterns that some open set has."""
    found = []
    n_hidden = sum(network.layer_sizes[1:-1])
    for bits in itertools.product([0.0, 1.0], repeat=n_hidden):
        jacobian, offset = np.eye(network.n_inputs), np.zeros(network.n_inputs)
        rows, limits, start = [], [], 0
        for w, b in zip(network.weights[:-1], network.biases[:-1], strict=True):
            mask = np.array(bits[start : start + len(w)])
            start += len(w)
            jacobian, offset = w @ jacobian, w @ offset + b
            sign = np.where(mask > 0, -1.0, 1.0)
            rows.append(sign[:, None] * jacobian)
            limits.append(-sign * offset)
            jacobian, offset = mask[:, None] * jacobian, mask * offset
        jacobian = network.weights[-1] @ jacobian
        if pair is not None:
            jacobian = jacobian[[pair[0]]] - jacobian[[pair[1]]]
        set_of_pattern = np.concatenate(rows), np.concatenate(limits)
        found.append((np.linalg.norm(jacobian, 2), set_of_pattern))
    found.sort(key=itemgetter(0), reverse=True)
    return next(norm for norm, conditions in found if has_interior(*conditions))


def has_interior(rows, limits):
    """Whether rows @ x < limits has a ball of solutions (largest radius by an LP)."""
    n = rows.shape[1]
    radii = np.linalg.norm(rows, axis=1)
    matrix = np.column_stack([rows, radii])
    cost = np.append(np.zeros(n), -1.0)
    bounds = [(-1e3, 1e3)] * n + [(0.0, 1.0)]
    result = linprog(cost, A_ub=matrix, b_ub=limits, bounds=bounds)
    return result.status == 0 and -result.fun > 1e-9


@pytest.mark.parametrize("sizes", [(2, 5, 1), (2, 3, 3, 2), (3, 4, 3, 1), (2, 2, 2, 3)])
def test_tiny_relu_networks_by_enumeration(sizes):
    ratios = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        network = random_network(sizes, gain=1.5, random_state=seed)
        biases = [rng.normal(size=len(w)) for w in network.weights]
        network = FeedForward(network.weights, biases)
        exact = exact_lipschitz(network)
        assert exact <= lipschitz_bound(network).value <= product_bound(network)
        lower = lipschitz_lower_bound(network, random_state=0).value
        assert lower <= exact * (1 + 1e-9)
        ratios.append(lower / exact)
        if network.n_outputs > 1:
            constants = output_difference_bounds(network, [[0, 1]])
            assert exact_lipschitz(network, (0, 1)) <= constants[0]
    assert np.median(ratios) > 0.9  # the search finds most of them
