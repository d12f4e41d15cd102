# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The nearest flip that descent finds: closed forms, validity, and the bracket."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklip.certification import (
    certified_radius,
    minimum_norm_attack,
    pgd_attack,
    robustness_bracket,
)
from sklip.networks import FeedForward, list_activations, random_network

NORMS = [1, 2, np.inf]
DUAL = {1: np.inf, 2: 2, np.inf: 1}


@pytest.mark.parametrize("norm", NORMS)
def test_linear_distance_is_that_of_the_nearest_plane(norm):
    rng = np.random.default_rng(1)
    W, b, X = rng.normal(size=(4, 5)), rng.normal(size=4), rng.normal(size=(30, 5))
    network, logits = FeedForward([W], [b]), X @ W.T + b
    exact = np.full(len(X), np.inf)
    for i, t in enumerate(logits.argmax(axis=1)):
        for j in set(range(4)) - {t}:
            length = np.linalg.norm(W[t] - W[j], DUAL[norm])
            exact[i] = min(exact[i], (logits[i, t] - logits[i, j]) / length)
    _, distance = minimum_norm_attack(network, X, norm=norm, random_state=0)
    assert np.all(distance >= exact)
    # A step in l1 moves several coordinates, so it does not end at the nearest point.
    assert_allclose(distance, exact, rtol=0.4 if norm == 1 else 1e-3)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", list_activations())
def test_flips_are_flips_and_lie_where_they_are_said_to(name, norm):
    network = random_network((5, 12, 8, 3), activation=name, gain=2.0, random_state=1)
    X = np.random.default_rng(0).normal(size=(20, 5))
    points, distance = minimum_norm_attack(
        network, X, norm=norm, n_steps=40, n_restarts=2, random_state=0
    )
    classes = network.forward(X).argmax(axis=1)
    found = np.isfinite(distance)
    assert found.mean() > 0.5
    assert np.all((network.forward(points).argmax(axis=1) != classes) == found)
    lengths = np.linalg.norm(points - X, norm, axis=1)
    assert np.all(lengths[found] <= distance[found])
    assert_allclose(lengths[found], distance[found], rtol=1e-12)
    certified = certified_radius(network, X, norm=norm, method="local")
    assert np.all(certified <= distance)


@pytest.mark.parametrize("norm", [2, np.inf])
def test_no_attack_of_given_radius_comes_much_nearer(norm):
    network = random_network((6, 24, 24, 4), gain=2.0, random_state=0)
    X = np.random.default_rng(0).normal(size=(40, 6))
    _, distance = minimum_norm_attack(network, X, norm=norm, random_state=0)
    nearer = [
        pgd_attack(network, x[None], radius=0.9 * d, norm=norm, random_state=0)[1][0]
        for x, d in zip(X, distance, strict=True)
    ]
    assert np.mean(nearer) <= 0.1


@pytest.mark.parametrize("norm", NORMS)
def test_the_bracket_is_at_least_as_near(norm):
    network = random_network((6, 12, 12, 4), gain=2.0, random_state=0)
    X = np.random.default_rng(0).normal(size=(8, 6))
    certified, attacked = robustness_bracket(network, X, norm=norm, random_state=0)
    _, distance = minimum_norm_attack(network, X, norm=norm, random_state=0)
    assert np.all((certified > 0.0) & (certified <= attacked))
    assert attacked.mean() <= 1.005 * distance.mean()
    if norm != 1:
        assert certified.mean() >= 0.5 * attacked.mean()


def test_units_labels_and_what_does_not_move():
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(
        StandardScaler(),
        MLPClassifier((8,), solver="lbfgs", alpha=0.1, max_iter=2000, random_state=0),
    ).fit(X, y)
    eps = {0: 0.2, 2: 0.5}
    points, distance = minimum_norm_attack(
        model, X, y, norm=np.inf, feature_eps=eps, random_state=0
    )
    wrong = model.predict(X) != y
    assert wrong.any() and (distance[wrong] == 0.0).all()
    assert_array_equal(points[wrong], X[wrong])
    assert_array_equal(points[:, [1, 3]], X[:, [1, 3]])
    found = np.isfinite(distance) & ~wrong
    assert found.any()
    assert np.all(model.predict(points)[found] != y[found])
    step = np.abs(points - X)[:, [0, 2]] / [0.2, 0.5]
    assert_allclose(step.max(axis=1)[found], distance[found], rtol=1e-12)
    nothing = minimum_norm_attack(model, X[:3], feature_eps={0: 1e-300})[1]
    assert np.all(nothing > 1e100)


def test_seeds_and_bad_arguments():
    network = random_network((4, 8, 3), random_state=0)
    X = np.random.default_rng(0).normal(size=(10, 4))
    first = minimum_norm_attack(network, X, random_state=3)[1]
    assert_array_equal(first, minimum_norm_attack(network, X, random_state=3)[1])
    for name in ("n_steps", "n_restarts"):
        with pytest.raises(ValueError, match=name):
            minimum_norm_attack(network, X, **{name: 0})
    with pytest.raises(ValueError, match="norm must be"):
        minimum_norm_attack(network, X, norm=3)
