# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Certified, adversarial and clean accuracy belong together.

Also tests of ``certification/_certified.py``.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklip.certification._pairs as pairs_module
from sklip.certification import (
    adversarial_accuracy_score,
    certified_accuracy_curve,
    certified_accuracy_score,
    certified_radius,
    verify_robustness,
)

NORMS = [1, 2, np.inf]


@pytest.fixture
def branching_effort():
    """With all parts: which rule is asked depends on what they settle."""


@pytest.fixture(scope="module")
def digits_mlp():
    X, y = load_digits(return_X_y=True)
    X = X / 16.0
    model = MLPClassifier((32,), max_iter=15, alpha=0.1, random_state=0)
    with pytest.warns(ConvergenceWarning):
        model.fit(X[:1200], y[:1200])
    return model, X[1200:1230], y[1200:1230]


@pytest.mark.parametrize("norm", NORMS)
def test_certified_adversarial_clean_in_this_order(digits_mlp, norm):
    model, X, y = digits_mlp
    scale = {1: 0.4, 2: 0.2, np.inf: 0.02}[norm]
    clean = model.score(X, y)
    for radius in scale * np.array([0.0, 0.5, 1.0, 4.0]):
        certified = certified_accuracy_score(model, X, y, radius=radius, norm=norm)
        attacked = adversarial_accuracy_score(
            model,
            X,
            y,
            radius=radius,
            norm=norm,
            n_steps=10,
            n_restarts=2,
            random_state=0,
        )
        assert certified <= attacked <= clean
        if radius == 0.0:
            assert certified == attacked == clean


@pytest.mark.parametrize("method", ["product", "pairwise", "sequential", "best"])
def test_score_curve_and_radius_agree(digits_mlp, method):
    """Branch and bound, which spends more at one radius, is in the next test."""
    model, X, y = digits_mlp
    how = {"method": method, "effort": 0}
    radius = certified_radius(model, X, y, **how)
    right = model.predict(X) == y
    radii = np.quantile(radius, [0.9, 0.3, 0.5])
    curve = certified_accuracy_curve(model, X, y, radii, **how)
    for eps, point in zip(radii, curve, strict=True):
        score = certified_accuracy_score(model, X, y, radius=eps, **how)
        assert score == pytest.approx(np.mean(right & (radius >= eps)))
        assert score == pytest.approx(point)
    assert curve[0] < curve[2] < curve[1] < 1
    at_zero = certified_accuracy_curve(model, X, y, [0.0], **how)
    assert_allclose(at_zero, right.mean())
    assert right.mean() < 1


@pytest.mark.slow
def test_branching_certifies_at_one_radius_what_the_radii_do_and_the_exact_rest(
    digits_mlp,
):
    model, X, y = digits_mlp
    X, y = X[:12], y[:12]
    radius = certified_radius(model, X, y)
    for eps in np.quantile(radius[radius > 0.0], [0.9, 0.3, 0.5]):
        (point,) = certified_accuracy_curve(model, X, y, [eps])
        assert point == pytest.approx(np.mean(radius >= eps))
        settled = verify_robustness(model, X, y, radius=eps, time_limit=200.0)
        right = model.predict(X) == y
        verified = right & [found.status == "verified" for found in settled]
        score = certified_accuracy_score(model, X, y, radius=eps)
        assert score == pytest.approx(np.mean(verified))
        assert score >= point - 1e-12


def test_a_cheap_rule_decides_without_the_dearer_ones(digits_mlp, monkeypatch):
    model, X, y = digits_mlp
    calls = []
    original = pairs_module.output_difference_bounds

    def counting(network, pairs, *, method, norm):
        calls.append((method, len(pairs)))
        return original(network, pairs, method=method, norm=norm)

    monkeypatch.setattr(pairs_module, "output_difference_bounds", counting)
    tiny = 1e-3 * np.min(certified_radius(model, X, method="product"))
    calls.clear()
    certified_accuracy_score(model, X, y, radius=tiny)
    assert [method for method, _ in calls] == ["product"]
    for effort, names in [
        ("normal", ("product", "pairwise", "sequential")),
        (0, ("product", "pairwise", "sequential", "lipsdp")),
    ]:
        # Branch and bound leaves no pair to LipSDP here.
        calls.clear()
        certified_accuracy_score(model, X, y, radius=0.25, effort=effort)
        methods, counts = zip(*calls, strict=True)
        assert methods == names
        assert all(np.diff(counts) <= 0) and counts[0] <= 45


def test_sample_weight_is_a_weighted_average(digits_mlp):
    model, X, y = digits_mlp
    X, y = X[:16], y[:16]
    weight = np.random.default_rng(0).uniform(size=len(y))
    certified = certified_radius(model, X, y) >= 0.05
    expected = np.average(certified, weights=weight)
    kwargs = {"radius": 0.05, "sample_weight": weight}
    assert_allclose(certified_accuracy_score(model, X, y, **kwargs), expected)
    curve = certified_accuracy_curve(model, X, y, [0.05], sample_weight=weight)
    assert_allclose(curve, [expected])
    twice = np.repeat([2.0, 0.0], [8, 8])
    assert_allclose(
        certified_accuracy_score(model, X, y, radius=0.05, sample_weight=twice),
        certified_accuracy_score(model, X[:8], y[:8], radius=0.05),
    )
    attacked = adversarial_accuracy_score(
        model, X, y, random_state=0, n_steps=5, n_restarts=1, **kwargs
    )
    assert expected <= attacked < 1


def test_radius_counts_standard_deviations_through_feature_eps():
    X, y = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    eps = dict(enumerate(X.std(axis=0)))
    in_deviations = certified_accuracy_score(model, X, y, radius=0.3, feature_eps=eps)
    scaled = certified_accuracy_score(model[-1], model[:-1].transform(X), y, radius=0.3)
    assert in_deviations == scaled


@pytest.mark.parametrize(
    "function", [certified_accuracy_score, adversarial_accuracy_score]
)
def test_bad_arguments_are_named(digits_mlp, function):
    model, X, y = digits_mlp
    for radius in (-0.1, np.nan, np.inf):
        with pytest.raises(ValueError, match="radius must be finite and >= 0"):
            function(model, X, y, radius=radius)
    with pytest.raises(TypeError, match="radius must be a number"):
        function(model, X, y, radius="1")
    with pytest.raises(ValueError, match="norm must be 1, 2"):
        function(model, X, y, radius=0.1, norm=4)
    with pytest.raises(ValueError, match="sample_weight must have shape"):
        function(model, X, y, radius=0.1, sample_weight=[1.0])
    with pytest.raises(ValueError, match="sample_weight must be finite"):
        function(model, X, y, radius=0.1, sample_weight=np.full(len(y), -1.0))
    with pytest.raises(ValueError, match="radii must be finite"):
        certified_accuracy_curve(model, X, y, [0.1, -0.1])
    with pytest.raises(ValueError, match="one-dimensional"):
        certified_accuracy_curve(model, X, y, 0.1)
