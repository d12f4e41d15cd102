# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The gradient of LipSDP's bound: finite differences, homogeneity, warm starts."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklip.bounds import lipsdp_bound, lipsdp_gradient
from sklip.networks import FeedForward, random_network

CASES = [
    ("relu", (3, 8, 2)),
    ("tanh", (20, 7, 6, 3)),
    ("gelu", (4, 6, 5, 2)),
    ("leaky_relu(0.3)", (20, 7, 6, 3)),
    ("logistic", (4, 5, 1)),
]


@pytest.mark.parametrize("activation, sizes", CASES)
def test_agrees_with_finite_differences(activation, sizes):
    network = random_network(sizes, activation=activation, gain=1.3, random_state=0)
    _, gradients, _ = lipsdp_gradient(network, tol=1e-10)
    rng = np.random.default_rng(0)
    for k, gradient in enumerate(gradients):
        direction = rng.normal(size=gradient.shape)
        values = []
        for sign in (1, -1):
            weights = list(network.weights)
            weights[k] = weights[k] + sign * 1e-5 * direction
            moved = FeedForward(weights, None, activation)
            values.append(lipsdp_gradient(moved, tol=1e-10)[0])
        slope = (values[0] - values[1]) / 2e-5
        assert_allclose((gradient * direction).sum(), slope, rtol=1e-4)


@pytest.mark.parametrize("activation, sizes", CASES)
def test_the_square_is_homogeneous_of_degree_two_in_each_layer(activation, sizes):
    network = random_network(sizes, activation=activation, random_state=1)
    value, gradients, _ = lipsdp_gradient(network, tol=1e-9)
    for gradient, weight in zip(gradients, network.weights, strict=True):
        assert_allclose((gradient * weight).sum(), 2 * value, rtol=1e-4)


def test_value_is_that_of_the_certificate_from_any_start():
    network = random_network((6, 20, 15, 3), random_state=0)
    expected = lipsdp_bound(network, tol=1e-8).value ** 2
    value, _, point = lipsdp_gradient(network, tol=1e-8)
    assert_allclose(value, expected, rtol=1e-6)
    near = FeedForward([w * 1.01 for w in network.weights])
    moved, _, _ = lipsdp_gradient(near, tol=1e-8, start=point)
    assert_allclose(moved, 1.01**6 * value, rtol=1e-6)
    far = random_network((6, 20, 15, 3), gain=3.0, random_state=5)
    value, _, _ = lipsdp_gradient(far, tol=1e-8, start=point)
    assert_allclose(value, lipsdp_bound(far, tol=1e-8).value ** 2, rtol=1e-6)


def test_without_hidden_layers_it_is_the_squared_norm():
    weight = np.random.default_rng(0).normal(size=(3, 5))
    value, (gradient,), _ = lipsdp_gradient(FeedForward([weight]))
    assert_allclose(value, np.linalg.norm(weight, 2) ** 2)
    assert_allclose((gradient * weight).sum(), 2 * value)


def test_constant_networks_have_gradient_zero_and_linear_layers_are_refused():
    constant = FeedForward([np.ones((3, 2)), np.zeros((1, 3))])
    value, gradients, _ = lipsdp_gradient(constant)
    assert value == 0 and not any(np.any(g) for g in gradients)
    linear = random_network((3, 4, 2), activation="identity", random_state=0)
    with pytest.raises(ValueError, match="linear hidden layer"):
        lipsdp_gradient(linear)


@pytest.mark.parametrize("factor", [2.0**-200, 2.0**200])
def test_the_scale_of_a_layer_changes_no_digit(factor):
    network = random_network([3, 5, 4, 2], random_state=0)
    first, middle, last = network.weights
    plain = lipsdp_gradient(network)
    scaled = lipsdp_gradient(FeedForward([factor * first, middle, last / factor]))
    assert scaled[0] == plain[0]
    for one, two, f in zip(plain[1], scaled[1], (factor, 1.0, 1 / factor), strict=True):
        assert np.array_equal(one, two * f)


def test_starts_of_other_sizes_are_ignored():
    network = random_network([3, 5, 2], random_state=0)
    plain = lipsdp_gradient(network)
    for start in (np.ones((9, 3)), np.full((8, 3), np.nan)):
        value, gradients, _ = lipsdp_gradient(network, start=start)
        assert value == plain[0]
        for one, two in zip(plain[1], gradients, strict=True):
            assert np.array_equal(one, two)
