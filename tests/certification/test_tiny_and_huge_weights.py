# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Bounds, radii, intervals and attacks of networks whose layers lie at any scale.

Layers of a ReLU network multiplied by powers of two compute the same function in other
units, exactly. What is proven of it must stay right where squares or products of its
weights underflow or overflow, and stay sharp where the products themselves do not.
"""

import numpy as np
import pytest

from sklip import (
    certified_interval,
    certified_radius,
    feature_slopes,
    lipschitz_bound,
    lipschitz_lower_bound,
    local_lipschitz_bound,
    minimum_norm_attack,
    verify_robustness,
)
from sklip.networks import FeedForward, random_network

WEIGHTS = random_network((2, 5, 4, 2), gain=1.5, random_state=2).weights
BIASES = [np.linspace(0.1, 0.5, len(w)) for w in WEIGHTS]
PLAIN = FeedForward(WEIGHTS, BIASES)
X = np.random.default_rng(0).normal(size=(2, 2))
NORMS = [1, 2, np.inf]


def _scaled(inputs, *layers):
    """The network in units of 2**inputs for X, its layers times powers of two."""
    weights, biases, total = [], [], 0
    for k, (w, b) in enumerate(zip(WEIGHTS, BIASES, strict=True)):
        total += layers[k]
        weights.append(np.ldexp(w, layers[k] - (inputs if k == 0 else 0)))
        biases.append(np.ldexp(b, total))
    return FeedForward(weights, biases)


# Units of X, and the layers' scales; where nothing underflows at all, and where the
# products of weights do although the function is far from it.
SHARP = [
    (0, -565, 0, 0),
    (0, -565, 565, 0),
    (0, 300, -300, 200),
    (-50, 0, 0, 0),
    (50, 0, 0, 0),
]
ROUGH = [(0, -600, -400, 300), (0, -500, -500, -20), (-500, -600, 0, -300)]


@pytest.fixture(scope="module")
def flips():
    found = {}
    for norm in NORMS:
        points, distances = minimum_norm_attack(PLAIN, X, norm=norm, random_state=0)
        assert np.isfinite(distances).all()
        found[norm] = points, distances
    return found


@pytest.mark.parametrize("method", ["pairwise", "sequential", "ibp", "crown", "local"])
@pytest.mark.parametrize("scales", SHARP + ROUGH, ids=str)
@pytest.mark.filterwarnings("ignore::sklip.exceptions.CertificationWarning")
def test_radii_hold_at_any_scale(scales, method, flips):
    network, units = _scaled(*scales), 2.0 ** scales[0]
    for norm in NORMS:
        if norm != 2 and method in ("sequential", "crown"):
            continue
        radius = certified_radius(network, units * X, norm=norm, method=method)
        points, distances = flips[norm]
        assert (radius <= units * distances).all()
        if scales in SHARP and method != "sequential":
            plain = certified_radius(PLAIN, X, norm=norm, method=method)
            assert (radius / units >= 0.99 * plain).all()


@pytest.mark.parametrize("scales", [SHARP[0], ROUGH[0]], ids=str)
@pytest.mark.filterwarnings("ignore::sklip.exceptions.CertificationWarning")
def test_branching_holds_at_any_scale(scales, flips):
    network, distances = _scaled(*scales), flips[2][1]
    assert (certified_radius(network, X) <= distances).all()
    radius = float(1.01 * distances.max())
    verdicts = verify_robustness(network, X, radius=radius, time_limit=2.0)
    assert "verified" not in [verdict.status for verdict in verdicts]


@pytest.mark.parametrize("scales", SHARP + ROUGH, ids=str)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.filterwarnings("ignore::sklip.exceptions.CertificationWarning")
def test_local_bounds_and_slopes_hold_at_any_scale(scales, norm):
    network, units = _scaled(*scales), 2.0 ** scales[0]
    out = 2.0 ** sum(scales[1:])
    step = 0.02 * np.random.default_rng(1).normal(size=X.shape)
    step /= np.linalg.norm(step, norm, axis=1, keepdims=True)
    change = PLAIN.forward(X + 0.02 * step) - PLAIN.forward(X)
    slope = np.linalg.norm(change, norm, axis=1) / 0.02
    found = local_lipschitz_bound(network, units * X, radius=0.02 * units, norm=norm)
    assert (found >= slope * (out / units) * (1 - 1e-9)).all()
    assert lipschitz_bound(network, norm=norm).value * units / out >= slope.max()
    if scales in SHARP:
        plain = local_lipschitz_bound(PLAIN, X, radius=0.02, norm=norm)
        np.testing.assert_allclose(found * units / out, plain, rtol=1e-6)


@pytest.mark.parametrize("method", ["pairwise", "ibp", "crown", "local"])
@pytest.mark.parametrize("scales", SHARP + ROUGH, ids=str)
def test_intervals_hold_at_any_scale(scales, method):
    network, units = _scaled(*scales), 2.0 ** scales[0]
    steps = np.random.default_rng(2).normal(size=(200, 1, 2))
    steps *= 0.3 / np.linalg.norm(steps, axis=2, keepdims=True)
    moved = network.forward((units * (X + steps)).reshape(-1, 2)).reshape(200, -1, 2)
    lower, upper = certified_interval(
        network, units * X, radius=0.3 * units, method=method
    )
    assert (lower <= moved.min(axis=0)).all() and (moved.max(axis=0) <= upper).all()


@pytest.mark.parametrize("scales", SHARP, ids=str)
@pytest.mark.filterwarnings("ignore::sklip.exceptions.CertificationWarning")
def test_slopes_and_lower_bounds_hold_at_any_scale(scales):
    network, units = _scaled(*scales), 2.0 ** scales[0]
    out = 2.0 ** sum(scales[1:])
    slopes = feature_slopes(network, method="path") * units / out
    np.testing.assert_allclose(slopes, feature_slopes(PLAIN, method="path"), rtol=1e-9)
    lower = lipschitz_lower_bound(network, units * X, n_restarts=1, random_state=0)
    assert 0.0 <= float(lower) <= lipschitz_bound(network, method="product").value


@pytest.mark.parametrize("scales", SHARP, ids=str)
@pytest.mark.parametrize("norm", NORMS)
def test_attacks_measure_distances_at_any_scale(scales, norm, flips):
    network, units = _scaled(*scales), 2.0 ** scales[0]
    points, distances = minimum_norm_attack(
        network, units * X, norm=norm, random_state=0
    )
    far = np.linalg.norm(points / units - X, norm, axis=1)
    found = np.isfinite(distances)
    assert found.all() or scales[0]
    np.testing.assert_allclose(distances[found] / units, far[found], rtol=1e-9)
