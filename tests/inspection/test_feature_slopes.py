# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Bars and points of FeatureSlopesDisplay are what the functions say.

Also tests of ``inspection/_names.py``.
"""

import sys

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, StandardScaler

from sklip import LipschitzRegularizedMLPClassifier, feature_slopes
from sklip.inspection import FeatureSlopesDisplay
from sklip.networks import random_network

pyplot = pytest.importorskip("matplotlib.pyplot")
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:.*epochs allowed"),
]


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def tumours():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    return X.iloc[:, :6], y


@pytest.fixture(scope="module", params=["scikit-learn", "sklip"])
def model(request, tumours):
    net = MLPClassifier((6, 5), max_iter=30, random_state=0)
    if request.param == "sklip":
        net = LipschitzRegularizedMLPClassifier((6, 5), max_iter=20, random_state=0)
    return make_pipeline(StandardScaler(), net).fit(*tumours)


def test_bars_are_the_slopes_the_largest_on_top(model, tumours):
    display = FeatureSlopesDisplay.from_estimator(model, tumours[0])
    slopes = feature_slopes(model)
    widths = [bar.get_width() for bar in display.bars_]
    np.testing.assert_array_equal(widths, np.sort(slopes))
    labels = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert labels == tumours[0].columns[np.argsort(slopes)].tolist()
    # A point is a slope at a sample: below its bar, and reached by a small step.
    points = display.lines_[0].get_xdata()
    assert np.all(points <= widths) and np.all(points > 0.05 * np.array(widths))


def test_points_are_finite_differences(tumours):
    X, y = tumours
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    display = FeatureSlopesDisplay.from_estimator(model, X)
    np.testing.assert_allclose(display.observed, display.slopes, rtol=1e-9)


def test_tolerances_choose_and_scale(model, tumours):
    eps = {"mean radius": 0.5, 3: 20.0}
    display = FeatureSlopesDisplay.from_estimator(model, tumours[0], feature_eps=eps)
    slopes = feature_slopes(model)
    expected = sorted([slopes[0] * 0.5, slopes[3] * 20.0])
    np.testing.assert_allclose([b.get_width() for b in display.bars_], expected)
    assert "tolerance" in display.ax_.get_xlabel()
    plain = FeatureSlopesDisplay.from_estimator(model, tumours[0])
    np.testing.assert_allclose(display.observed[0], 0.5 * plain.observed[0])
    assert np.isnan(display.observed[1])


def test_one_output_of_many():
    X, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=500).fit(X, y)
    display = FeatureSlopesDisplay.from_estimator(model, X, output=1)
    np.testing.assert_allclose(display.slopes, np.abs(model.coef_[1]))
    np.testing.assert_allclose(display.observed, display.slopes)
    assert display.feature_names == ["x0", "x1", "x2", "x3"]


def test_curved_columns_have_no_points(tumours):
    X, y = tumours
    model = make_pipeline(
        StandardScaler(), FunctionTransformer(np.tanh), LogisticRegression()
    ).fit(X, y)
    display = FeatureSlopesDisplay.from_estimator(model, X)
    assert np.isnan(display.observed).all() and len(display.bars_) == 6


def test_conventions(model):
    figure, ax = pyplot.subplots()
    display = FeatureSlopesDisplay.from_estimator(
        model, ax=ax, n_features=2, name="mine", color="red"
    )
    assert display.ax_ is ax and display.figure_ is figure
    assert len(display.bars_) == 2 and display.lines_ == []
    assert display.bars_[0].get_facecolor()[:3] == (1.0, 0.0, 0.0)
    assert display.plot(name="again") is display
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["again, proven bound"]


def test_missing_matplotlib_is_explained(monkeypatch):
    display = FeatureSlopesDisplay.from_estimator(random_network([3, 4, 1]))
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    with pytest.raises(ImportError, match="FeatureSlopesDisplay.plot needs"):
        display.plot()


def test_steps_that_see_no_named_column_are_no_obstacle():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    front = make_column_transformer(
        (KBinsDiscretizer(3, strategy="uniform"), [2]),
        (StandardScaler(), [0, 1]),
        sparse_threshold=0.0,
    )
    model = make_pipeline(front, LogisticRegression()).fit(X, X[:, 0] > 0.0)
    display = FeatureSlopesDisplay.from_estimator(
        model, X, feature_eps={0: 2.0, 1: (0.0, 3.0)}
    )
    scale = front.fit(X).transformers_[1][1].scale_
    expected = np.abs(model[-1].coef_[0, -2:]) / scale * [2.0, 3.0]
    assert display.slopes[:2] == pytest.approx(expected)
    assert display.observed[:2] == pytest.approx(expected)
    assert np.isnan(display.slopes[2])
