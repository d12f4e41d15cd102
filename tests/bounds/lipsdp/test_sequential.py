# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The sequential bound: order, closed forms, its peers, and deep or odd networks."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import ortho_group

from sklip.bounds import (
    lipschitz_bound,
    product_bound,
)
from sklip.bounds._chain import chain_of
from sklip.bounds._lipsdp import sequential
from sklip.bounds._lipsdp.sequential import sequential_passes
from sklip.exceptions import CertificationWarning
from sklip.networks import FeedForward, list_activations, random_network


def sequential_bound(network):
    """Sealed, so that it can be verified."""
    return lipschitz_bound(network, method="sequential")


ACTIVATIONS = [*list_activations(), "leaky_relu(0.3)", "leaky_relu(-2.0)", "elu(1.7)"]


def eclipse_fast(weights):
    """ECLipsE-Fast as published: M_0 = I, L^2 = lambda_max(W_l M_l^-1 W_l^T)."""
    m = np.eye(weights[0].shape[1])
    for w in weights[:-1]:
        product = w @ np.linalg.solve(m, w.T)
        t = 1.0 / np.linalg.eigvalsh(product)[-1]
        m = 2.0 * t * np.eye(len(w)) - t**2 * product
    last = weights[-1] @ np.linalg.solve(m, weights[-1].T)
    return np.sqrt(np.linalg.eigvalsh(last)[-1])


def random_sizes(seed):
    rng = np.random.default_rng(seed)
    return rng.integers(1, 20, size=rng.integers(2, 7))


@pytest.mark.parametrize("seed", range(25))
def test_never_looser_than_eclipse_fast(seed):
    network = random_network(random_sizes(seed), gain=1.5, random_state=seed)
    value = sequential_bound(network).value
    assert value <= eclipse_fast(network.weights) * (1 + 1e-10)
    assert value <= eclipse_fast([w.T for w in network.weights[::-1]]) * (1 + 1e-10)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("seed", range(6))
def test_never_worse_than_the_product_and_always_proven(seed, activation):
    network = random_network(random_sizes(seed), activation=activation, random_state=7)
    certificate = sequential_bound(network)
    assert certificate.value <= product_bound(network)
    assert certificate.method == "sequential"
    assert certificate.verify(network)


@pytest.mark.parametrize("activation", ["gelu", "silu", "leaky_relu(0.3)", "hardswish"])
def test_multipliers_beat_the_product_for_every_sector(activation):
    network = random_network([8, 24, 24, 4], activation=activation, random_state=0)
    certificate = sequential_bound(network)
    assert certificate.multipliers is not None
    assert certificate.value < 0.9 * product_bound(network)


@pytest.mark.parametrize("slope", [0.01, 0.3, 0.8])
def test_a_narrower_sector_is_never_worse(slope):
    for seed in range(10):
        relu = random_network(random_sizes(seed), random_state=seed)
        leaky = FeedForward(relu.weights, None, f"leaky_relu({slope})")
        assert sequential_bound(leaky).value <= sequential_bound(relu).value * (
            1 + 1e-9
        )


@pytest.mark.parametrize("seed", range(5))
def test_linear_networks_get_their_spectral_norm(seed):
    rng = np.random.default_rng(seed)
    w = [rng.normal(size=(5, 3)), rng.normal(size=(6, 5)), rng.normal(size=(2, 6))]
    deep = FeedForward(w, None, "identity")
    norm = np.linalg.norm(w[2] @ w[1] @ w[0], 2)
    for network in (deep, FeedForward([w[2] @ w[1] @ w[0]])):
        certificate = sequential_bound(network)
        assert_allclose(certificate.value, norm, rtol=1e-12)
        assert certificate.verify(network)


def test_identity_layers_are_merged_into_their_neighbours():
    rng = np.random.default_rng(0)
    a, b, c = (rng.normal(size=(6, 6)) for _ in range(3))
    split = FeedForward([a, b, c], None, ["identity", "relu"])
    merged = FeedForward([b @ a, c], None, "relu")
    assert_allclose(
        sequential_bound(split).value, sequential_bound(merged).value, rtol=1e-12
    )


@pytest.mark.parametrize("n_hidden", [1, 3])
def test_orthogonal_networks_have_constant_one(n_hidden):
    weights = list(ortho_group.rvs(5, size=n_hidden + 1, random_state=0))
    network = FeedForward(weights)
    assert_allclose(sequential_bound(network).value, 1.0, rtol=1e-11)
    assert sequential_bound(network).value >= 1.0  # an all-active region is a rotation


def test_absolute_values_cost_nothing():
    """W and |x|, W' = W^-1-like rotations: the constant is the product."""
    weights = list(ortho_group.rvs(4, size=2, random_state=1))
    network = FeedForward(weights, None, "leaky_relu(-1.0)")
    assert_allclose(sequential_bound(network).value, 1.0, rtol=1e-5)


@pytest.mark.parametrize("factor", [-3.0, 0.1, 2.0**20, 1e-6])
@pytest.mark.parametrize("method", ["product", "sequential"])
def test_homogeneous_in_every_layer(method, factor):
    network = random_network([4, 9, 7, 3], random_state=0)
    value = lipschitz_bound(network, method=method).value
    for k in range(3):
        weights = list(network.weights)
        weights[k] = factor * weights[k]
        scaled = lipschitz_bound(FeedForward(weights), method=method).value
        assert_allclose(scaled, abs(factor) * value, rtol=1e-10)


def test_bias_and_negation_do_not_matter():
    network = random_network([4, 9, 3], random_state=0)
    moved = FeedForward(network.weights, [np.ones(9), -np.ones(3)])
    assert sequential_bound(moved).value == sequential_bound(network).value


@pytest.mark.parametrize(
    "width, depth, gain", [(64, 20, 0.3), (64, 20, 4.0), (40, 60, 1)]
)
def test_deep_networks_stay_accurate(width, depth, gain):
    sizes = [4, *[width] * (depth - 1), 1]
    network = random_network(sizes, gain=gain, random_state=0)
    certificate = sequential_bound(network)
    assert certificate.multipliers is not None
    assert certificate.slack < 1e-8
    assert certificate.verify(network)
    assert certificate.value < 0.1 * product_bound(network)


@pytest.mark.parametrize("scale", [1e-300, 1e-100, 1e100])
def test_extreme_weights_fall_back_to_a_proven_product(scale):
    base = random_network([4, 7, 6, 3], random_state=0)
    network = FeedForward([w * scale for w in base.weights])
    with pytest.warns(CertificationWarning, match="product"):
        certificate = sequential_bound(network)
    assert certificate.method == "product"
    assert certificate.verify(network)


def test_moderately_extreme_weights_keep_their_multipliers():
    base = random_network([4, 7, 6, 3], random_state=0)
    network = FeedForward(
        [base.weights[0] * 1e40, base.weights[1] * 1e-70, base.weights[2]]
    )
    certificate = sequential_bound(network)
    assert certificate.multipliers is not None
    assert_allclose(certificate.value, 1e-30 * sequential_bound(base).value, rtol=1e-10)


def test_a_dead_layer_has_constant_zero():
    network = FeedForward([np.ones((3, 2)), np.zeros((2, 3)), np.ones((1, 2))])
    certificate = sequential_bound(network)
    assert certificate.value == 0.0
    assert certificate.verify(network)


def test_a_product_that_overflows_is_an_error():
    with pytest.raises(OverflowError, match="rescale"):
        sequential_bound(FeedForward([[[1e200]], [[1e200]]]))


@pytest.mark.parametrize("depth", [1, 2, 3, 6])
def test_combinations_undercut_both_passes(depth):
    """Convex combinations of the two passes lie inside the feasible set."""
    for seed in range(5):
        network = random_network([8, *[32] * depth, 4], random_state=seed)
        value = sequential_bound(network).value
        passes = [network.weights, [w.T for w in network.weights[::-1]]]
        assert value < 0.93 * min(map(eclipse_fast, passes))


def test_candidates_come_smallest_first_and_include_the_forward_pass():
    for seed in range(10):
        chain = chain_of(random_network([3, 12, 12, 12, 5], random_state=seed))
        values = [value for value, _ in sequential_passes(chain)]
        assert values == sorted(values)
        assert np.min(np.abs(np.array(values) / eclipse_fast(chain.weights) - 1)) < 1e-9


@pytest.mark.parametrize("activation", ["relu", "gelu", "leaky_relu(0.3)", "logistic"])
@pytest.mark.parametrize("sizes", [[20, 32, 3], [3, 32, 20], [20, 32, 32, 32, 3]])
def test_a_narrow_end_at_either_side(sizes, activation):
    """The combination is found in the transposed network where its end is narrower."""
    network = random_network(sizes, activation=activation, random_state=0)
    certificate = sequential_bound(network)
    slopes = [max(abs(a), abs(b)) for a, b in chain_of(network).sectors]
    forward = sequential_passes(chain_of(network))[-1][0]
    assert (
        certificate.value
        < 0.99 * forward
        <= np.prod(slopes) * product_bound(FeedForward(network.weights))
    )
    assert certificate.verify(network) and certificate.slack < 1e-9


def test_combinations_that_are_infeasible_are_tried_with_less(monkeypatch):
    network = random_network([12, 16, 16, 16, 3], random_state=3)
    usual, plain = sequential_bound(network), sequential.eliminate
    refused = []

    def refuse_large_shares(weights, sectors, scales=None, **options):
        if scales is not None and len(refused) < 2:
            refused.append(scales)
            raise np.linalg.LinAlgError
        return plain(weights, sectors, scales, **options)

    monkeypatch.setattr(sequential, "eliminate", refuse_large_shares)
    certificate = sequential_bound(network)
    forward = eclipse_fast(network.weights)
    assert usual.value < certificate.value < 0.99 * forward
