# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The distribution of radii and the certified confusion matrix draw what is proven.

Also tests of ``inspection/_certified_confusion.py`` and
``inspection/_certified_radius.py``.
"""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from sklip.certification import certified_accuracy_score, certified_radius, is_certified
from sklip.inspection import CertifiedConfusionMatrixDisplay, CertifiedRadiusDisplay

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

X, CODES = load_iris(return_X_y=True)
y = np.array(["setosa", "versicolor", "virginica"])[CODES]
WEIGHT = 1.0 + np.arange(len(y)) % 3


@pytest.fixture(scope="module")
def models():
    return {f"C={c}": LogisticRegression(C=c, max_iter=500).fit(X, y) for c in (0.1, 1)}


@pytest.fixture(autouse=True)
def closed():
    yield
    matplotlib.pyplot.close("all")


def height(line, radius):
    """Height of a step function at a radius."""
    places, heights = line.get_data()
    return heights[np.searchsorted(places, radius, side="right") - 1]


def test_radii_of_each_class(models):
    model = models["C=1"]
    display = CertifiedRadiusDisplay.from_estimator(
        model, X, y, groups="class", sample_weight=WEIGHT
    )
    assert [line.get_label() for line in display.lines_] == sorted(set(y))
    radius = certified_radius(model, X, y)
    for label, line in zip(sorted(set(y)), display.lines_, strict=True):
        own = y == label
        for r in (0.05, 0.4, radius[own].max()):
            share = np.average(radius[own] <= r, weights=WEIGHT[own])
            assert height(line, r) == pytest.approx(share)


def test_radii_of_several_models_and_of_unbounded_ones(models):
    display = CertifiedRadiusDisplay.from_estimator(models, X)
    assert [line.get_label() for line in display.lines_] == list(models)
    both = CertifiedRadiusDisplay.from_estimator(models, X, y, groups="class")
    assert len(both.lines_) == 6 and both.names[0] == "C=0.1, setosa"
    open_end = CertifiedRadiusDisplay(radii=[[0.5, np.inf]], names=["a"]).plot()
    assert open_end.lines_[0].get_data()[1][-1] == 0.5
    for radii in ([[-1.0]], [[]], [[np.nan]]):
        with pytest.raises(ValueError, match="radii"):
            CertifiedRadiusDisplay(radii=radii, names=["a"])
    with pytest.raises(ValueError, match="groups"):
        CertifiedRadiusDisplay.from_estimator(models, X, groups="class")


@pytest.mark.parametrize("normalize", [None, "true", "all"])
def test_the_matrix_counts_what_is_proven(models, normalize):
    display = CertifiedConfusionMatrixDisplay.from_estimator(
        models, X, y, radius=0.3, normalize=normalize, sample_weight=WEIGHT
    )
    labels = sorted(set(y))
    assert len(display.axes_) == len(display.images_) == 2
    for model, matrix in zip(models.values(), display.matrices, strict=True):
        held = is_certified(model, X, radius=0.3)
        found = np.where(held, model.predict(X), "not certified")
        columns = [*labels, "not certified"]
        expected = np.array(
            [[WEIGHT[(y == t) & (found == p)].sum() for p in columns] for t in labels]
        )
        if normalize == "all":
            score = certified_accuracy_score(
                model, X, y, radius=0.3, sample_weight=WEIGHT
            )
            assert np.trace(matrix) == pytest.approx(score)
            expected = expected / expected.sum()
        if normalize == "true":
            expected = expected / expected.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(matrix, expected, rtol=1e-12)
    ticks = [tick.get_text() for tick in display.axes_[0].get_xticklabels()]
    assert ticks == [*labels, "not certified"]
    shown = display.texts_[0][0, 0].get_text()
    first = display.matrices[0][0, 0]
    assert shown == (f"{first:.0f}" if normalize is None else f"{first:.2f}")


def test_bad_matrices():
    with pytest.raises(ValueError, match="matrices"):
        CertifiedConfusionMatrixDisplay(
            matrices=[np.eye(2)], display_labels=[0, 1], estimator_names=["a"], radius=1
        )
