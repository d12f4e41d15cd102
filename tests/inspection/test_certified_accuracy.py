# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The pictures of certified accuracy and of risk and coverage draw the numbers.

Also tests of ``inspection/_curves.py`` and ``inspection/_risk_coverage.py``.
"""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklip import (
    CertifiedRejectClassifier,
    LipschitzRegularizedMLPClassifier,
    adversarial_accuracy_score,
    certified_accuracy_curve,
    certified_radius,
    risk_coverage_curve,
    robustness_bracket,
)
from sklip.inspection import CertifiedAccuracyDisplay, RiskCoverageDisplay


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def models():
    X, y = load_iris(return_X_y=True)
    network = LipschitzRegularizedMLPClassifier(
        (8,), solver="lbfgs", lipschitz_weight=0.05, max_iter=1000, random_state=0
    )
    fitted = {
        "network": make_pipeline(StandardScaler(), network).fit(X, y),
        "linear": LogisticRegression(max_iter=500).fit(X, y),
    }
    return fitted, X, y


def test_curves_are_the_scores(models):
    fitted, X, y = models
    radii = np.array([0.0, 0.2, 0.6])
    display = CertifiedAccuracyDisplay.from_estimator(fitted, X, y, radii=radii)
    assert [line.get_label() for line in display.lines_] == ["network", "linear"]
    for k, model in enumerate(fitted.values()):
        certified = display.lines_[k].get_ydata()
        expected = certified_accuracy_curve(model, X, y, radii)
        np.testing.assert_allclose(certified, expected)
        attacked = display.adversarial_lines_[k].get_ydata()
        assert attacked[2] <= adversarial_accuracy_score(
            model, X, y, radius=0.6, n_restarts=2, random_state=0
        )
        clean = display.clean_lines_[k].get_ydata()
        np.testing.assert_allclose(clean, model.score(X, y))
        assert np.all(certified <= attacked) and np.all(attacked <= clean)
        assert np.all(np.diff(certified) <= 0) and np.all(np.diff(attacked) <= 0)
        assert attacked[2] < clean[2]
    assert display.figure_ is display.ax_.figure
    assert display.ax_.get_xlabel() == "radius (ℓ2)"
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["network", "linear", "certified", "under attack (PGD)", "clean"]


def test_default_radii_reach_the_last_certified_samples(models):
    fitted, X, y = models
    display = CertifiedAccuracyDisplay.from_estimator(
        list(fitted.values()), X, y, adversarial=False, name=["a", "b"]
    )
    assert len(display.radii) == 26 and display.radii[0] == 0.0
    last = max(curve[-1] for curve in display.certified_accuracies)
    assert 0.0 < last < 0.05
    assert display.adversarial_lines_ == [] and display.bands_ == []


def test_from_predictions_agrees_with_from_estimator(models):
    fitted, X, y = models
    model = fitted["linear"]
    certified, attacked = robustness_bracket(model, X, random_state=0)
    radii = [0.0, 0.3, 0.8]
    weight = np.random.default_rng(0).uniform(size=len(y))
    _, ax = plt.subplots()
    display = CertifiedAccuracyDisplay.from_predictions(
        y,
        model.predict(X),
        certified,
        distance=attacked,
        radii=radii,
        sample_weight=weight,
        name="linear",
        ax=ax,
    )
    assert display.ax_ is ax
    expected = certified_accuracy_curve(model, X, y, radii, sample_weight=weight)
    np.testing.assert_allclose(display.certified_accuracies[0], expected)
    assert np.all(display.adversarial_accuracies[0] >= expected - 1e-12)
    again = display.plot(name="other", color="black")
    assert again is display and display.ax_ is not ax
    assert display.lines_[0].get_label() == "other"
    assert display.lines_[0].get_color() == "black"


def test_shapes_and_names_are_checked(models):
    fitted, X, y = models
    with pytest.raises(ValueError, match="certified_accuracies must hold one array"):
        CertifiedAccuracyDisplay(
            radii=[0, 1], certified_accuracies=[[1.0]], estimator_names=["a"]
        )
    with pytest.raises(ValueError, match="name must be one label for each of the 2"):
        CertifiedAccuracyDisplay.from_estimator(fitted, X, y, radii=[0.0], name="a")
    with pytest.raises(ValueError, match="coverages and risks"):
        RiskCoverageDisplay(coverages=[[1.0]], risks=[[0.0, 0.1]], estimator_names="a")


def test_risk_coverage_of_a_reject_classifier(models):
    fitted, X, y = models
    reject = CertifiedRejectClassifier(fitted["linear"], radius=0.5, norm=np.inf)
    reject.fit(X, y)
    display = RiskCoverageDisplay.from_estimator(
        {"reject": reject, "plain": fitted["network"]}, X, y
    )
    inner = reject.estimator_
    coverage, risk, _ = risk_coverage_curve(
        y, inner.predict(X), certified_radius(inner, X, norm=np.inf)
    )
    np.testing.assert_allclose(display.lines_[0].get_xdata(), coverage)
    np.testing.assert_allclose(display.lines_[0].get_ydata(), risk)
    answered = ~reject.rejected(X)
    wrong = (reject.predict(X) != y)[answered]
    assert display.points[0] == pytest.approx((answered.mean(), wrong.mean()))
    assert display.points[1] is None
    assert len(display.ax_.lines) == 3  # two curves and the marked radius
    single = RiskCoverageDisplay.from_predictions(
        y, inner.predict(X), certified_radius(inner, X, norm=np.inf), name="one"
    )
    np.testing.assert_allclose(single.risks[0], risk)
    assert single.lines_[0].get_label() == "one"
