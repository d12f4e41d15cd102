# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Brackets that exact verification closes to a stated accuracy."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklip.certification import _bracket, minimum_norm_attack, robustness_bracket
from sklip.certification._decisions import decide
from sklip.exceptions import UnsupportedModelError
from sklip.networks import FeedForward, random_network

# Biases leave no cell in which all outputs are equal: nothing proves a tie.
WEIGHTS = random_network((4, 8, 6, 3), gain=1.5, random_state=0).weights
BIASES = [np.random.default_rng(k).normal(size=len(w)) for k, w in enumerate(WEIGHTS)]
NETWORK = FeedForward(WEIGHTS, BIASES)
X = np.random.default_rng(1).normal(size=(3, 4))


@pytest.mark.parametrize(("norm", "rtol"), [(2, 0.01), (2, 1e-5), (np.inf, 0.01)])
def test_closed_brackets_are_narrow_and_lie_inside_the_open_ones(norm, rtol):
    low, high = robustness_bracket(NETWORK, X, norm=norm, random_state=0)
    certified, attacked = robustness_bracket(
        NETWORK, X, norm=norm, rtol=rtol, random_state=0
    )
    assert np.all(certified > 0.0) and np.all(certified <= attacked)
    assert np.all((attacked - certified) <= rtol * attacked)
    assert np.all(certified <= high) and np.all(low <= attacked)


@pytest.mark.parametrize("norm", [1, 2, np.inf])
def test_the_exact_radius_of_a_linear_model(norm):
    w, b = np.array([3.0, -4.0]), 0.5
    network = FeedForward([[w, -w]], [[b, -b]])
    points = np.random.default_rng(1).normal(size=(6, 2))
    exact = np.abs(points @ w + b) / np.linalg.norm(
        w, {1: np.inf, 2: 2, np.inf: 1}[norm]
    )
    certified, attacked = robustness_bracket(network, points, norm=norm, rtol=1e-6)
    assert np.all(certified <= exact) and np.all(exact <= attacked)
    np.testing.assert_allclose(certified, attacked, rtol=1e-6)


def test_a_weak_attack_is_made_up_for(monkeypatch):
    exact = robustness_bracket(NETWORK, X, rtol=1e-3, random_state=0)[1]

    def far_off(decisions, *_):
        points = decisions.inputs + 0.0
        direction = np.random.default_rng(0).normal(size=points.shape)
        reach = np.full(len(points), np.inf)
        for length in np.arange(0.5, 40.0, 0.5):
            trial = decisions.inputs + length * direction
            hit = decisions.flips(trial, np.arange(len(points))) & np.isinf(reach)
            points[hit] = trial[hit]
            reach[hit] = length * np.linalg.norm(direction[hit], axis=1) * (1 + 1e-12)
        return points, reach

    monkeypatch.setattr("sklip.certification._bracket.nearest_flips", far_off)
    certified, attacked = robustness_bracket(NETWORK, X, rtol=1e-3, random_state=0)
    assert np.all(attacked - certified <= 1e-3 * attacked)
    np.testing.assert_allclose(attacked, exact, rtol=2e-3)


def test_labels_missing_entries_and_time():
    data, y = load_iris(return_X_y=True)
    model = make_pipeline(
        StandardScaler(),
        MLPClassifier((6,), solver="lbfgs", alpha=0.1, max_iter=500, random_state=0),
    ).fit(data, y)
    rows, labels = data[::30], y[::30].copy()
    labels[0] = (labels[0] + 1) % 3
    eps = {2: 0.5, 3: (0.1, 0.3)}
    certified, attacked = robustness_bracket(
        model, rows, labels, feature_eps=eps, rtol=0.01
    )
    assert certified[0] == attacked[0] == 0.0
    right = model.predict(rows) == labels
    assert np.all((attacked - certified)[right] <= 0.01 * attacked[right])
    nearest = minimum_norm_attack(model, rows, labels, feature_eps=eps, random_state=0)[
        1
    ]
    assert np.all(certified <= nearest)
    # With no time left what is proven first is returned.
    low, high = robustness_bracket(NETWORK, X, rtol=1e-5, time_limit=1e-9)
    exact = robustness_bracket(NETWORK, X, rtol=1e-3)
    assert np.all(low > 0.0) and np.all(low <= exact[1]) and np.all(high >= exact[0])
    assert np.any(high - low > 1e-5 * high)


@pytest.mark.parametrize("activation", ["tanh", "gelu"])
def test_brackets_of_smooth_networks_close_by_cutting_ranges(activation):
    smooth = random_network((4, 6, 3), activation=activation, gain=2.0, random_state=0)
    rows = np.random.default_rng(2).normal(size=(4, 4))
    ask = partial(robustness_bracket, smooth, rows, random_state=0)
    (wide, far), (certified, attacked) = ask(), ask(rtol=0.02, effort=2000)
    assert np.all(attacked - certified <= 0.02 * attacked)
    assert np.all(certified <= far) and np.all(wide <= attacked * (1 + 1e-9))
    assert np.any(far - wide > 0.02 * far)


def test_what_cannot_be_split_is_refused():
    module = torch.nn.Sequential(
        torch.nn.Unflatten(1, (1, 4)), torch.nn.Conv1d(1, 3, 4), torch.nn.Flatten()
    )
    with pytest.raises(UnsupportedModelError, match="rtol needs a fully connected"):
        robustness_bracket(module.double().eval(), X, rtol=0.1)
    for rtol in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="rtol"):
            robustness_bracket(NETWORK, X, rtol=rtol)


def test_samples_that_nothing_can_flip_are_not_attacked(monkeypatch):
    asked = []

    def attack_points(decisions, radii, *args):
        asked.append(radii.tolist())
        return decisions.inputs.copy(), np.zeros(len(radii), dtype=bool)

    monkeypatch.setattr(_bracket, "attack_points", attack_points)
    monkeypatch.setattr(
        _bracket, "nearest_on_ray", lambda decisions, rows, points: points
    )
    decisions = SimpleNamespace(
        inputs=np.zeros((3, 2)), view=SimpleNamespace(shares=None)
    )
    search = _bracket._Search(decisions, 2, np.array([np.inf, 0.1, 0.1]), None)
    search.attack(np.array([0.5, 0.2, np.inf]))
    assert asked == [[0.0, 0.2, 0.0]]
    assert search.tried.tolist() == [0.0, 0.2, 0.1]


def test_attacks_go_on_within_larger_radii_until_there_is_a_flip():
    """The margin 1 - x is flatter beyond 0.5: it vanishes at 5.5, its tangent at 1."""
    weights = [[[1.0], [1.0]], [[-1.0, 0.9], [0.0, 0.0]]]
    decisions = decide(FeedForward(weights, [[0.0, -0.5], [1.0, 0.0]]), [[0.2]])
    search = _bracket._Search(decisions, 2, np.zeros(1), np.random.default_rng(0))
    search.look_farther(np.zeros(1), np.inf)
    assert search.distance == pytest.approx([5.3]) and search.tried == pytest.approx(
        [3.2]
    )
