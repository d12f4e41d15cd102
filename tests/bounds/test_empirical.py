# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The lower bound: reached by a pair, reproducible, and not far off where known.

Also tests of ``bounds/_ascent.py`` and ``bounds/_bracket.py``.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import ortho_group

from sklip.bounds import (
    LipschitzCertificate,
    LipschitzEstimate,
    lipschitz_bound,
    lipschitz_bracket,
    lipschitz_lower_bound,
)
from sklip.bounds._ascent import JacobianAscent
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
    with pytest.raises(ValueError, match="n_restarts must be"):
        lipschitz_lower_bound(random_network([2, 2]), n_restarts=n_restarts)


def largest_realised_norm(network, half_width=60.0, n_grid=1500):
    """Norm over all linear pieces that a fine grid on two inputs meets."""
    axis = np.linspace(-half_width, half_width, n_grid)
    X = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    return np.linalg.norm(network.jacobian(X), 2, axis=(1, 2)).max()


@pytest.mark.parametrize("activation", ["relu", "leaky_relu(0.2)", "leaky_relu(-0.5)"])
@pytest.mark.parametrize("seed", range(3))
def test_reaches_the_exact_constant_of_tiny_networks(activation, seed):
    base = random_network([2, 5, 4, 2], random_state=seed)
    rng = np.random.default_rng(seed)
    biases = [rng.normal(size=len(w)) for w in base.weights]
    network = FeedForward(base.weights, biases, activation)
    lower = lipschitz_lower_bound(network, random_state=0).value
    assert lower >= largest_realised_norm(network, n_grid=700) * (1 - 1e-6)


def test_all_patterns_of_one_hidden_layer():
    """Independent rows reach every pattern, so the maximum over patterns is exact."""
    rng = np.random.default_rng(0)
    w = rng.normal(size=(7, 9)), rng.normal(size=(3, 7))
    network = FeedForward(w, [rng.normal(size=7), np.zeros(3)])
    patterns = np.array(list(np.ndindex(*[2] * 7)))
    norms = np.linalg.norm((w[1] * patterns[:, None, :]) @ w[0], 2, axis=(1, 2))
    lower = lipschitz_lower_bound(network, random_state=0).value
    assert norms.max() * (1 - 1e-6) <= lower <= norms.max()


@pytest.mark.parametrize("activation", ["relu", "gelu", "tanh"])
def test_beats_many_random_points(activation):
    network = random_network([10, 40, 40, 3], activation=activation, random_state=0)
    X = np.random.default_rng(0).normal(size=(20_000, 10))
    best = np.linalg.norm(network.jacobian(X), 2, axis=(1, 2)).max()
    assert lipschitz_lower_bound(network, random_state=0).value > best


def test_the_search_never_leaves_the_mutable_coordinates():
    network = random_network([4, 12, 12, 2], random_state=0)
    units = np.array([1.0, 0.0, 2.0, 0.0])
    ascent = JacobianAscent(network, units)
    points = np.random.default_rng(0).normal(size=(6, 4))
    schedule = {"step": (0.3, 0.03), "width": (0.3, 0.01), "n_steps": 20}
    for far in (True, False):
        moved = ascent.climb(points, far=far, **schedule)
        assert np.any(moved != points)
        assert np.array_equal(moved[:, [1, 3]], points[:, [1, 3]])
        assert np.all(ascent.slopes(moved)[0] >= 0.99 * ascent.slopes(points)[0])
    flipped = ascent.flip(points[0])
    assert np.array_equal(flipped[[1, 3]], points[0, [1, 3]])
    jacobian = network.jacobian(flipped[None])[0][:, [0, 2]]
    start = network.jacobian(points[:1])[0][:, [0, 2]]
    assert np.linalg.norm(jacobian, 2) >= np.linalg.norm(start, 2)


def test_estimates_approach_the_norms_from_below():
    network = random_network([5, 20, 20, 4], activation="silu", random_state=0)
    ascent = JacobianAscent(network, np.ones(5))
    points = np.random.default_rng(0).normal(size=(30, 5))
    exact = np.linalg.norm(network.jacobian(points), 2, axis=(1, 2))
    assert_allclose(ascent.slopes(points)[0], exact)
    assert np.all(ascent.estimates(points)[0] <= exact * (1 + 1e-12))
    assert_allclose(ascent.estimates(points, n_steps=500)[0], exact, rtol=1e-6)


def test_bracket():
    network = random_network([6, 24, 24, 2], random_state=0)
    lower, upper = lipschitz_bracket(network, random_state=0)
    assert isinstance(lower, LipschitzEstimate) and lower.kind == "lower"
    assert isinstance(upper, LipschitzCertificate)
    assert lower.value <= upper.value
    assert lower == lipschitz_lower_bound(network, random_state=0)
    for method in ("product", "sequential"):
        assert lipschitz_bracket(network, method=method, n_restarts=1)[1].value == (
            lipschitz_bound(network, method=method).value
        )


@pytest.mark.parametrize("far, gain", [(False, 1.25), (True, 1.35)])
def test_climbs_gain_much_without_flips(far, gain):
    network = random_network([20, 60, 60, 3], random_state=0)
    ascent = JacobianAscent(network, np.ones(20))
    points = np.random.default_rng(0).normal(size=(10, 20))
    moved = ascent.climb(
        points, step=(0.3, 0.03), width=(0.3, 0.01), far=far, n_steps=100
    )
    assert np.all(ascent.slopes(moved)[0] > gain * ascent.slopes(points)[0])
