# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Local Lipschitz bounds: above every slope in the ball, below the global bound.

Also tests of ``bounds/_local_slopes.py`` and ``bounds/_batch_norms.py``.
"""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklip._floats import gamma
from sklip.bounds import (
    LocalSlopes,
    Propagation,
    _batch_norms,
    _local_slopes,
    falls_from_centers,
    hidden_bounds,
    lipschitz_bound,
    local_lipschitz_bound,
)
from sklip.bounds._batch_norms import spectral_norm_bounds
from sklip.networks import list_activations, random_network

NAMES = [*list_activations(), "leaky_relu(-0.5)", "elu(2.5)"]
NORMS = [1, 2, np.inf]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", NAMES)
def test_between_the_slopes_of_the_ball_and_the_global_bound(name, norm):
    rng = np.random.default_rng(0)
    network = random_network((5, 12, 9, 3), activation=name, gain=1.5, random_state=0)
    X = rng.normal(size=(10, 5))
    largest = lipschitz_bound(network, norm=norm).value
    before = 0.0
    for radius in (0.0, 1e-3, 0.2, 3.0):
        bound = local_lipschitz_bound(network, X, radius=radius, norm=norm)
        delta = rng.normal(size=(200, 10, 5))
        delta /= np.linalg.norm(delta, norm, axis=2, keepdims=True)
        points = X + radius * rng.uniform(size=(200, 10, 1)) * delta
        jacobians = network.jacobian(points.reshape(-1, 5))
        norms = np.linalg.norm(jacobians, norm, axis=(1, 2)).reshape(200, 10)
        assert np.all(norms.max(axis=0) <= bound * (1.0 + 1e-12))
        assert np.all(bound <= largest)
        assert np.all(bound >= before * (1.0 - 1e-3))
        before = bound
    if norm == 2:
        tiny = local_lipschitz_bound(network, X, radius=1e-9)
        exact = np.linalg.norm(network.jacobian(X), 2, axis=(1, 2))
        assert_allclose(np.median(tiny / exact), 1.0, rtol=0.02)


def test_pairs_of_points_stay_below():
    network = random_network((4, 16, 16, 2), gain=2.0, random_state=1)
    rng = np.random.default_rng(0)
    x = rng.normal(size=4)
    bound = local_lipschitz_bound(network, x[None], radius=0.4)[0]
    draw = rng.normal(size=(4000, 4))
    points = x + 0.4 * draw / np.linalg.norm(draw, axis=1, keepdims=True)
    change = np.linalg.norm(
        network.forward(points[::2]) - network.forward(points[1::2]), axis=1
    )
    distance = np.linalg.norm(points[::2] - points[1::2], axis=1)
    assert np.max(change / distance) <= bound


def test_units_are_those_of_x():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 3)) * [1.0, 10.0, 0.1]
    model = make_pipeline(StandardScaler(), LinearRegression())
    model.fit(X, X @ [1.0, 2.0, 3.0])
    found = local_lipschitz_bound(model, X[:4], radius=0.1)
    assert_allclose(found, np.sqrt(14.0), rtol=1e-8)


def test_blocks_do_not_matter(monkeypatch):
    network = random_network((5, 30, 20, 3), random_state=0)
    X = np.random.default_rng(0).normal(size=(40, 5))
    whole = local_lipschitz_bound(network, X, radius=0.3)
    monkeypatch.setattr("sklip.bounds._propagation.propagation._BLOCK_FLOATS", 3000)
    assert_allclose(local_lipschitz_bound(network, X, radius=0.3), whole, rtol=1e-9)


def test_bad_radius_is_named():
    network = random_network((2, 3, 1), random_state=0)
    for radius in (-1.0, np.nan, np.inf, "1"):
        with pytest.raises(ValueError, match="radius must be"):
            local_lipschitz_bound(network, [[0.0, 0.0]], radius=radius)


@pytest.mark.parametrize("shape", [(1, 7), (6, 6), (3, 40), (40, 3)])
def test_spectral_norms_of_a_batch(shape):
    rng = np.random.default_rng(0)
    matrices = rng.normal(size=(20, *shape)) * 10.0 ** rng.uniform(-9, 9, (20, 1, 1))
    matrices[0] = 0.0
    matrices[1] = np.outer(np.ones(shape[0]), np.ones(shape[1]))
    # Of two equal singular values no power leaves one alone.
    matrices[2] = np.eye(*shape)
    bound = spectral_norm_bounds(torch.tensor(matrices)).numpy()
    exact = np.linalg.norm(matrices, 2, axis=(1, 2))
    assert np.all(bound >= exact)
    most = np.where(np.arange(20) == 2, 1.01, 1.0005)
    assert np.all(bound <= most * exact + 1e-100)


@pytest.mark.parametrize("n, m", [(2, 2), (3, 40), (60, 60)])
def test_every_sum_of_a_spectral_norm_is_rounded_up(n, m, monkeypatch):
    """Without squarings: the root of ||A A^T||_F, its sum and the product's."""
    monkeypatch.setattr(_batch_norms, "_SQUARINGS", 0)
    matrix = torch.zeros(1, n, m).double()
    matrix[0, 0, 0] = 1.0
    found = spectral_norm_bounds(matrix).item()
    lost = 4.0 * gamma(n * n) + 2.0 * gamma(m + 4) + 4.0 * gamma(n * m)
    assert 1.0 + 0.9 * lost < found**2 < 1.0 + 1.1 * lost


@pytest.mark.parametrize("norm", [1.0, 2.0, np.inf])
def test_rates_from_below_are_near_those_that_are_proven(norm):
    """What they leave out is nothing that the proof would have settled."""
    network = random_network((5, 12, 9, 7, 3), gain=1.5, random_state=0)
    propagation = Propagation(network, norm, np.ones(5, dtype=bool))
    X, rows = np.random.default_rng(0).normal(size=(6, 5)), np.eye(3)[None]
    with torch.no_grad():
        balls = propagation.balls(X, np.full(6, 0.3))
        bounds = hidden_bounds(propagation, balls, "crown")
        proven, guessed = (
            LocalSlopes(propagation, bounds, optimistic=optimistic).rates(
                torch.from_numpy(rows)
            )[0]
            for optimistic in (False, True)
        )
    assert (guessed <= proven).all() and (guessed >= 0.9 * proven).all()
    if norm == 2.0:
        assert (guessed < proven).any()


@pytest.mark.parametrize("norm", NORMS)
def test_neurons_whose_slope_is_known_are_left_out_at_no_loss(norm, monkeypatch):
    """Sample by sample: what others need changes nothing."""
    network = random_network((4, 100, 70, 3), gain=1.5, random_state=0)
    propagation = Propagation(network, norm, np.ones(4, dtype=bool))
    X, rows = np.random.default_rng(0).normal(size=(9, 4)), torch.eye(3).double()
    with torch.no_grad():
        balls = propagation.balls(X, np.geomspace(0.01, 1.0, 9))
        bounds = hidden_bounds(propagation, balls, "crown")
        found = falls_from_centers(propagation, bounds, rows.expand(9, 3, 3))
        slopes = [
            LocalSlopes(propagation, bounds[[k]], from_center=True) for k in range(9)
        ]
        alone = torch.cat([one.falls(rows[None]) for one in slopes])
        torch.testing.assert_close(found, alone, rtol=1e-12, atol=0.0)
        assert {len(one._layers[0].half[0]) for one in slopes} >= {32, 64, 100}
        monkeypatch.setattr(_local_slopes, "_STEP", 1000)
        whole = LocalSlopes(propagation, bounds, from_center=True).falls(rows[None])
    torch.testing.assert_close(found, whole, rtol=1e-3, atol=0.0)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", ["relu", "abs", "leaky_relu(-0.5)", "tanh"])
def test_no_step_from_a_center_changes_more_than_is_said(name, norm):
    """Up or down; less than two points of the ball may differ."""
    network = random_network((4, 10, 8, 3), activation=name, gain=1.5, random_state=0)
    propagation = Propagation(network, norm, np.ones(4, dtype=bool))
    rng = np.random.default_rng(0)
    X, rows = rng.normal(size=(8, 4)), np.vstack([np.eye(3), [1.0, -1.0, 0.0]])
    with torch.no_grad():
        bounds = hidden_bounds(
            propagation, propagation.balls(X, np.full(8, 0.4)), "crown"
        )
        of_rows = torch.from_numpy(rows)[None]
        slopes = LocalSlopes(propagation, bounds, from_center=True)
        rates, falls = slopes.rates(of_rows)[0].numpy(), slopes.falls(of_rows).numpy()
        pairs = LocalSlopes(propagation, bounds).rates(of_rows)[0].numpy()
    assert (falls <= rates).all()
    assert falls.mean() < (1.0 if name == "tanh" else 0.85) * pairs.mean() + 1e-12
    outputs, largest = network.forward(X) @ rows.T, 0.0
    for k in range(400):
        step = rng.normal(size=X.shape)
        if k % 2:
            # Downhill for one of the rows, with signs as the largest steps have.
            down = -network.jacobian(X).transpose(0, 2, 1) @ rows[k // 2 % 4]
            step = {1: down * (np.abs(down) == np.abs(down).max(axis=1)[:, None])}.get(
                norm, down if norm == 2 else np.sign(down)
            ) + 0.1 * rng.normal(size=X.shape) * np.abs(down).max()
        step *= 0.4 * rng.random() / np.linalg.norm(step, norm, axis=1)[:, None]
        size = np.linalg.norm(step, norm, axis=1)[:, None]
        change = (network.forward(X + step) @ rows.T - outputs) / size
        assert (np.abs(change) <= rates * (1.0 + 1e-9)).all()
        assert (-change <= falls * (1.0 + 1e-9)).all()
        largest = max(largest, (-change / falls).max())
    # They are nearly reached.
    assert largest > (0.3 if name == "tanh" else 0.9)
