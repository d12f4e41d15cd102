# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""100,000 points inside certified balls, all activations: none changes its class."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklip.certification import certified_radius, pgd_attack
from sklip.networks import list_activations, random_network

NAMES = [*list_activations(), "leaky_relu(-0.5)", "elu(2.5)"]
NORMS = [1, 2, np.inf]
METHODS = ["product", "pairwise", "sequential", "lipsdp", "ibp", "crown", "local"]
N_POINTS = 100_000
N_SAMPLES = 12


def _network(name, seed):
    sizes = [(5, 14, 10, 3), (8, 20, 4), (4, 8, 8, 8, 2)][seed % 3]
    network = random_network(sizes, activation=name, gain=2.0, random_state=seed)
    X = np.random.default_rng(seed).normal(size=(N_SAMPLES, sizes[0]))
    return network, X


def _inside(X, radius, norm, rng, n_points):
    """Points of each ball: on vertices, on the boundary and inside."""
    each = -(-n_points // len(X))
    draw = rng.normal(size=(each, *X.shape))
    draw[::3] = np.sign(draw[::3])
    sparse = rng.uniform(size=draw.shape) < 0.7
    draw[1::3] = np.where(sparse[1::3], 0.0, draw[1::3])
    draw[..., 0] += 1e-3
    draw /= np.linalg.norm(draw, norm, axis=2, keepdims=True)
    depth = np.where(rng.uniform(size=(each, len(X), 1)) < 0.7, 1.0, rng.uniform())
    return X + radius[:, None] * depth * draw * (1.0 - 1e-12)


def _check(name, norm, methods, n_points, seed):
    rng = np.random.default_rng(seed)
    network, X = _network(name, seed)
    classes = network.forward(X).argmax(axis=1)
    for method in methods:
        radius = certified_radius(network, X, norm=norm, method=method)
        assert np.mean(radius > 0.0) > 0.9, method
        points = _inside(X, radius, norm, rng, n_points)
        found = network.forward(points.reshape(-1, X.shape[1])).argmax(axis=1)
        assert_array_equal(found, np.tile(classes, len(points)))
        for i in np.argsort(radius)[[0, -1]]:
            flipped = pgd_attack(
                network,
                X[[i]],
                radius=radius[i],
                norm=norm,
                n_steps=15,
                n_restarts=3,
                random_state=0,
            )[1]
            assert not flipped.any(), method


@pytest.mark.parametrize("name", NAMES)
def test_no_point_of_a_certified_ball_changes_its_class(name):
    seed = NAMES.index(name)
    n_points = -(-N_POINTS // (len(NAMES) * 7))
    # "best" in one norm, the cheap ones in the other two.
    for k, norm in enumerate(NORMS):
        methods = ["best"] if k == seed % 3 else ["ibp", "local", "pairwise"]
        _check(name, norm, methods, n_points, seed)


@pytest.mark.slow
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", NAMES)
def test_nor_do_100000_points_of_each_activation_and_norm(name, norm):
    # Each activation meets the three shapes, one in each norm.
    seed = NAMES.index(name) + NORMS.index(norm)
    _check(name, norm, [*METHODS, "best"], N_POINTS // 8, seed)


@pytest.mark.parametrize("norm", NORMS)
def test_best_is_the_largest_for_every_sample(norm):
    network = random_network((6, 16, 16, 5), gain=2.0, random_state=0)
    X = np.random.default_rng(0).normal(size=(8, 6))
    best = certified_radius(network, X, norm=norm)
    for method in METHODS:
        assert np.all(certified_radius(network, X, norm=norm, method=method) <= best)
    # Which others are asked about matters no more than a few steps of the grid.
    some = certified_radius(network, X[3:6], norm=norm)
    assert_allclose(some, best[3:6], rtol=0.01)
