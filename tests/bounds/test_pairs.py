# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Constants of output differences: soundness, order, cache."""

import itertools
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklip._lru import LRU
from sklip.bounds import (
    METHODS,
    _pairs,
    output_difference_bounds,
    product_bound,
    sequential_bound,
)
from sklip.networks import FeedForward, random_network

ACTIVATIONS = ["relu", "gelu", "logistic", "leaky_relu(0.2)", "identity"]


def all_pairs(n):
    return np.array(list(itertools.permutations(range(n), 2)))


@pytest.fixture(params=ACTIVATIONS)
def network(request):
    return random_network([6, 20, 15, 4], activation=request.param, random_state=0)


def test_order_of_the_methods(network):
    pairs = all_pairs(4)
    product, pairwise, sequential = (
        output_difference_bounds(network, pairs, method=m)
        for m in ("product", "pairwise", "sequential")
    )
    assert np.all(sequential <= pairwise)
    assert np.all(pairwise <= product)
    assert_allclose(product, np.sqrt(2.0) * product_bound(network), rtol=1e-14)
    assert np.all(product >= np.sqrt(2.0) * product_bound(network))
    # The multipliers of the whole network serve every pair.
    assert np.all(sequential <= np.sqrt(2.0) * sequential_bound(network).value * 1.0001)


@pytest.mark.parametrize(
    "method, norm",
    [
        *itertools.product(["product", "pairwise"], [1, 2, np.inf]),
        ("sequential", 2),
    ],
)
def test_differences_never_exceed_a_constant(network, method, norm):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 6))
    y = x + rng.normal(size=(500, 6)) * 10.0 ** rng.uniform(-3, 1, (500, 1))
    change = network.forward(x) - network.forward(y)
    pairs = all_pairs(4)
    found = np.abs(change[:, pairs[:, 0]] - change[:, pairs[:, 1]])
    found /= np.linalg.norm(x - y, norm, axis=1)[:, None]
    bounds = output_difference_bounds(network, pairs, method=method, norm=norm)
    assert np.all(found.max(axis=0) <= bounds * (1 + 1e-9))


@pytest.mark.parametrize("method", ["product", "pairwise", "sequential"])
def test_symmetric_and_zero_on_the_diagonal(network, method):
    there = output_difference_bounds(network, [[0, 1], [2, 3]], method=method)
    back = output_difference_bounds(network, [[1, 0], [3, 2]], method=method)
    assert_allclose(there, back, rtol=1e-14)
    assert output_difference_bounds(network, [[2, 2]], method=method)[0] == 0.0
    assert output_difference_bounds(network, [], method=method).shape == (0,)


def test_linear_differences_are_exact():
    w = np.random.default_rng(0).normal(size=(3, 5))
    deep = FeedForward([np.eye(5), w], None, "identity")
    for method in ("pairwise", "sequential"):
        for network in (FeedForward([w]), deep):
            bound = output_difference_bounds(network, [[0, 2]], method=method)
            assert_allclose(bound, np.linalg.norm(w[0] - w[2]), rtol=1e-12)
            assert bound[0] >= np.linalg.norm(w[0] - w[2]) * (1 - 1e-15)


@pytest.mark.parametrize("norm, dual", [(1, np.inf), (2, 2), (np.inf, 1)])
def test_linear_differences_have_the_dual_norm(norm, dual):
    w = np.random.default_rng(0).normal(size=(3, 5))
    bound = output_difference_bounds(
        FeedForward([w]), [[0, 2]], method="pairwise", norm=norm
    )
    assert_allclose(bound, np.linalg.norm(w[0] - w[2], dual), rtol=1e-13)


def test_equal_outputs_cannot_change_places():
    w = np.random.default_rng(0).normal(size=(2, 5))
    network = FeedForward([np.eye(5), w[[0, 0, 1]]])
    for method in ("pairwise", "sequential"):
        bounds = output_difference_bounds(network, [[0, 1], [0, 2]], method=method)
        assert 0.0 <= bounds[0] < 1e-12 < bounds[1]


@pytest.mark.parametrize("norm", [1, 2, np.inf])
def test_twins_among_the_outputs_differ_by_exactly_nothing(norm):
    network = random_network([3, 6, 3], random_state=0)
    weights = [network.weights[0], network.weights[1][[0, 1, 0]]]
    ask = {"pairs": [[0, 2], [0, 1]], "method": "pairwise", "norm": norm}
    twins, others = output_difference_bounds(FeedForward(weights), **ask)
    assert twins == 0.0 < others


@pytest.mark.parametrize("method", ["auto", "best"])
def test_a_method_is_chosen_by_the_norm(method):
    """Multipliers bound in l2 alone; there they are tighter than the pairs' norms."""
    network = random_network([4, 8, 8, 3], random_state=0)
    for norm in (1, 2, np.inf):
        ask = {"pairs": [[0, 1], [1, 2]], "norm": norm}
        found = output_difference_bounds(network, method=method, **ask)
        pairwise = output_difference_bounds(network, method="pairwise", **ask)
        assert np.all(found < pairwise if norm == 2 else found == pairwise)


def test_a_pair_is_the_network_of_its_difference():
    """A single-pair network has no tighter sequential proof by its shared passes."""
    network = random_network([6, 20, 15, 3], random_state=1)
    alone = network.with_output_map([[1.0, -1.0, 0.0]])
    shared = output_difference_bounds(network, [[0, 1]])[0]
    assert_allclose(shared, sequential_bound(alone).value, rtol=0.2)


def test_dead_layers():
    network = FeedForward([np.ones((3, 2)), np.zeros((2, 3)), np.eye(2)])
    for method in ("product", "pairwise", "sequential"):
        assert_array_equal(
            output_difference_bounds(network, [[0, 1]], method=method), [0.0]
        )


def test_cache_is_shared_by_equal_networks_and_bounded(monkeypatch):
    monkeypatch.setattr(_pairs, "_known", LRU(32))
    calls = []
    usual = METHODS["sequential"]
    slow = replace(usual, pairs=lambda *a: calls.append(1) or usual.pairs(*a))
    monkeypatch.setitem(METHODS, "sequential", slow)
    network = random_network([3, 5, 3], random_state=0)
    first = output_difference_bounds(network, [[0, 1]])
    twin = FeedForward(network.weights, network.biases)
    assert_array_equal(output_difference_bounds(twin, [[0, 1]]), first)
    output_difference_bounds(twin, [[1, 2]])
    assert len(calls) == 1
    for seed in range(1, 50):
        output_difference_bounds(random_network([3, 5, 3], random_state=seed), [[0, 1]])
    output_difference_bounds(network, [[0, 1]])
    assert len(calls) == 51


def test_invalid_arguments():
    network = random_network([3, 5, 3], random_state=0)
    for pairs in ([[0, 3]], [[-1, 0]], [0, 1], [[0.5, 1.0]], [[0, 1, 2]]):
        with pytest.raises(ValueError, match="pairs must"):
            output_difference_bounds(network, pairs)
    with pytest.raises(ValueError, match="method must be one of 'product'"):
        output_difference_bounds(network, [[0, 1]], method="ibp")
    for method in ("sequential", "lipsdp"):
        with pytest.raises(ValueError, match="norm=2"):
            output_difference_bounds(network, [[0, 1]], method=method, norm=np.inf)
    with pytest.raises(ValueError, match="norm must be"):
        output_difference_bounds(network, [[0, 1]], method="product", norm=3)


@pytest.mark.parametrize("norm", [1, 2, np.inf])
def test_the_rounding_of_a_difference_is_made_up_for(norm):
    """1 - (-2**-54) is more than the 1 that it rounds to."""
    network = FeedForward([[[1.0, 0.0], [-(2.0**-54), 0.0]]])
    for method in ("pairwise", "product") if norm != 2 else ("pairwise", "sequential"):
        found = output_difference_bounds(network, [[0, 1]], method=method, norm=norm)
        assert Fraction(found[0]) >= 1 + Fraction(2.0**-54)


def test_products_of_constants_are_rounded_up():
    rng = np.random.default_rng(0)
    for a, b, c in rng.uniform(1.0, 2.0, (100, 3)):
        network = FeedForward([[[a]], [[b], [-c]]])
        for norm in (1, 2, np.inf):
            found = output_difference_bounds(
                network, [[0, 1]], method="pairwise", norm=norm
            )
            assert Fraction(found[0]) >= Fraction(a) * (Fraction(b) + Fraction(c))


def test_merged_layers_are_covered_with_their_rounding():
    """Around an identity the product is rounded; the exact one may be larger."""
    rng = np.random.default_rng(0)
    for w in rng.uniform(1.0, 2.0, (50, 4)):
        network = FeedForward(
            [[[w[0]], [w[1]]], [[w[2], w[3]], [0.0, 0.0]]], None, "identity"
        )
        exact = Fraction(w[0]) * Fraction(w[2]) + Fraction(w[1]) * Fraction(w[3])
        found = output_difference_bounds(network, [[0, 1]], method="sequential")
        assert exact <= Fraction(found[0]) <= exact * (1 + Fraction(1e-14))
