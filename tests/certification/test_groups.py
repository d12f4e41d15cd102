# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Scores and curves of each class or group are those of its samples alone."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from sklip.certification import (
    adversarial_accuracy_score,
    certified_accuracy_curve,
    certified_accuracy_score,
    certified_radius,
    noise_accuracy_curve,
)

X, y = load_iris(return_X_y=True)
MODEL = LogisticRegression(max_iter=500).fit(X, y)
WEIGHT = 1.0 + np.arange(len(y)) % 4
SITES = np.array(["north", "south"])[np.arange(len(y)) % 7 // 4]
FUNCTIONS = {
    "score": (certified_accuracy_score, {"radius": 0.3}),
    "curve": (certified_accuracy_curve, {"radii": [0.0, 0.3, 1.0]}),
    "attack": (adversarial_accuracy_score, {"radius": 0.3, "random_state": 0}),
    "noise": (noise_accuracy_curve, {"noise_stds": [0.0], "n_repeats": 2}),
}


@pytest.mark.parametrize("groups", ["class", SITES])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_group_by_itself(name, groups):
    function, asked = FUNCTIONS[name]
    found = function(MODEL, X, y, sample_weight=WEIGHT, groups=groups, **asked)
    labels = y if isinstance(groups, str) else groups
    assert list(found) == np.unique(labels).tolist()
    for label, score in found.items():
        own = labels == label
        alone = function(MODEL, X[own], y[own], sample_weight=WEIGHT[own], **asked)
        np.testing.assert_allclose(score, alone, rtol=1e-12)
    assert len({str(score) for score in found.values()}) > 1
    whole = function(MODEL, X, y, sample_weight=WEIGHT, **asked)
    shares = [WEIGHT[labels == label].sum() / WEIGHT.sum() for label in found]
    total = sum(s * f for s, f in zip(shares, found.values(), strict=True))
    np.testing.assert_allclose(total, whole, rtol=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_group_without_weight_has_no_score(name):
    function, asked = FUNCTIONS[name]
    weight = np.where(y == 1, 0.0, 1.0)
    found = function(MODEL, X, y, sample_weight=weight, groups="class", **asked)
    assert np.isnan(found[1]).all() and not np.isnan(found[0]).any()


def test_radii_and_noise_have_defaults():
    radii, scores = certified_accuracy_curve(MODEL, X, y)
    np.testing.assert_array_equal(scores, certified_accuracy_curve(MODEL, X, y, radii))
    assert radii[0] == 0.0 and scores[0] == pytest.approx(MODEL.score(X, y))
    beyond = certified_radius(MODEL, X, y) > radii[-1]
    assert 0 < beyond.sum() <= 0.02 * len(y) + 1
    assert noise_accuracy_curve(MODEL, X[:5], y[:5]).shape == (51, 1)


def test_bad_groups():
    for groups in ("classes", SITES[:-1], [[0, 1]] * len(y), [None, *SITES[1:]]):
        with pytest.raises((ValueError, TypeError), match="groups"):
            certified_accuracy_score(MODEL, X, y, radius=0.1, groups=groups)
