# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Accuracy under noise: closed forms, scorer, arguments.

Also tests of ``datasets/_noise.py``.
"""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.stats import norm
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, LearningCurveDisplay, cross_val_score

from sklip import make_noise_accuracy_scorer, noise_accuracy_curve
from sklip.certification import _noise_accuracy
from sklip.datasets import add_gaussian_noise
from sklip.networks import FeedForward


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return X, y, LogisticRegression(max_iter=500).fit(X, y)


class _Sign:
    """Predicts whether w·x > 0."""

    def __init__(self, w):
        self.w = np.array(w)

    def predict(self, X):
        return (np.asarray(X) @ self.w > 0).astype(int)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, int])
def test_a_linear_classifier_has_a_closed_form(dtype):
    w, distance = [3.0, 4.0], 2.0
    X = np.tile(np.array([2.0, 1.0]), (20_000, 1)).astype(dtype)  # 10 / 5 from the line
    stds = [0.0, 1.0, 2.0, 5.0]
    curve = noise_accuracy_curve(_Sign(w), X, np.ones(len(X)), stds, n_repeats=3)
    assert curve.shape == (4, 3)
    with np.errstate(divide="ignore"):
        expected = norm.cdf(distance / np.array(stds))
    np.testing.assert_allclose(curve.mean(axis=1), expected, atol=0.006)


@pytest.mark.parametrize("form", [sparse.csc_matrix, sparse.coo_array])
def test_sparse_rows_meet_the_same_noise(iris, form, monkeypatch):
    X, y, model = iris
    dense = noise_accuracy_curve(model, X, y, [0.0, 1.0])
    monkeypatch.setattr(_noise_accuracy, "_ENTRIES", 200)
    assert (noise_accuracy_curve(model, form(X), y, [0.0, 1.0]) == dense).all()


def test_a_set_of_labels_is_right_where_all_are():
    class Signs:
        def predict(self, X):
            return (np.asarray(X) > 0).astype(int)

    X, Y = np.full((20_000, 2), [1.0, -1.0]), np.tile([1, 0], (20_000, 1))
    curve = noise_accuracy_curve(Signs(), X, sparse.csr_matrix(Y), [1.0, 2.0])[:, 0]
    np.testing.assert_allclose(curve, norm.cdf([1.0, 0.5]) ** 2, atol=0.012)
    with pytest.raises(ValueError, match="labels of shape"):
        noise_accuracy_curve(Signs(), X, Y[:, 0], [1.0])


def test_without_noise_it_is_the_score(iris):
    X, y, model = iris
    curve = noise_accuracy_curve(model, X, y, [0.0, 0.0], n_repeats=2)
    np.testing.assert_allclose(curve, model.score(X, y))


def test_repeats_differ_and_seeds_repeat(iris):
    X, y, model = iris
    first = noise_accuracy_curve(model, X, y, [1.0], n_repeats=4)
    assert len(np.unique(first)) > 1
    again = noise_accuracy_curve(model, X, y, [1.0], n_repeats=4)
    assert np.array_equal(first, again)
    other = noise_accuracy_curve(model, X, y, [1.0], n_repeats=4, random_state=1)
    assert not np.array_equal(first, other)


def test_one_draw_serves_all_sizes(iris):
    X, y, model = iris
    alone = noise_accuracy_curve(model, X, y, [0.7])
    among = noise_accuracy_curve(model, X, y, [0.1, 0.7, 2.0])
    assert alone[0, 0] == among[1, 0]


def test_few_rows_at_a_time(iris, monkeypatch):
    X, y, model = iris
    whole = noise_accuracy_curve(model, X, y, [0.5])
    monkeypatch.setattr(_noise_accuracy, "_ENTRIES", 7 * 4)
    assert np.array_equal(noise_accuracy_curve(model, X, y, [0.5]), whole)


def test_weights_and_frames(iris):
    X, y, model = iris
    weight = (y > 0).astype(float)
    part = noise_accuracy_curve(model, X, y, [0.0], sample_weight=weight)
    assert part[0, 0] == pytest.approx(model.score(X[y > 0], y[y > 0]))
    frame = pd.DataFrame(X, columns=list("abcd"))
    named = LogisticRegression(max_iter=500).fit(frame, y)
    curves = [
        noise_accuracy_curve(*c, [0.5]) for c in ((model, X, y), (named, frame, y))
    ]
    assert np.array_equal(*curves)
    with pytest.raises(TypeError, match="numbers"):
        noise_accuracy_curve(named, frame.assign(a="x"), y, [0.5])


@pytest.mark.parametrize(
    "stds, kwargs, message",
    [
        ([-1.0], {}, "noise_stds"),
        ([np.nan], {}, "noise_stds"),
        (1.0, {}, "noise_stds"),
        ([1.0], {"n_repeats": 0}, "n_repeats"),
        ([1.0], {"sample_weight": [1.0]}, "sample_weight"),
    ],
)
def test_wrong_arguments(iris, stds, kwargs, message):
    X, y, model = iris
    with pytest.raises(ValueError, match=message):
        noise_accuracy_curve(model, X, y, stds, **kwargs)
    with pytest.raises(ValueError, match="150 samples"):
        noise_accuracy_curve(model, X, y[:3], [1.0])


def test_the_scorer_in_searches_and_learning_curves(iris):
    X, y, model = iris
    scorer = make_noise_accuracy_scorer(noise_std=0.5, n_repeats=2)
    assert "noise_std=0.5" in repr(scorer)
    assert pickle.loads(pickle.dumps(scorer)) == scorer
    expected = noise_accuracy_curve(model, X, y, [0.5], n_repeats=2).mean()
    assert scorer(model, X, y) == expected
    search = GridSearchCV(model, {"C": [0.1, 1.0]}, scoring=scorer, cv=3).fit(X, y)
    assert 0.5 < search.best_score_ < 1.0
    assert cross_val_score(model, X, y, scoring=scorer).shape == (5,)
    pytest.importorskip("matplotlib").use("agg")
    display = LearningCurveDisplay.from_estimator(
        model,
        X,
        y,
        train_sizes=[0.5, 1.0],
        scoring=scorer,
        shuffle=True,
        random_state=0,
    )
    assert display.test_scores.shape == (2, 5)


@pytest.mark.parametrize(
    "kwargs",
    [{"noise_std": -1.0}, {"noise_std": "a"}, {"noise_std": 1.0, "n_repeats": 0}],
)
def test_the_scorer_checks_its_arguments(kwargs):
    with pytest.raises(ValueError):
        make_noise_accuracy_scorer(**kwargs)


def test_corruption():
    X = np.full((400, 30), 0.5, dtype=np.float32)
    noisy = add_gaussian_noise(X, noise_std=0.2, random_state=0)
    assert noisy.dtype == np.float32 and noisy.std() == pytest.approx(0.2, abs=0.01)
    assert np.array_equal(X, np.full_like(X, 0.5))
    assert np.array_equal(noisy, add_gaussian_noise(X, noise_std=0.2, random_state=0))
    clipped = add_gaussian_noise(X, noise_std=1.0, clip=(0, 1), random_state=0)
    assert clipped.min() == 0.0 and clipped.max() == 1.0
    assert add_gaussian_noise(np.ones((2, 2), int), noise_std=0).dtype == np.float64
    with pytest.raises(ValueError, match="noise_std"):
        add_gaussian_noise(X, noise_std=-1)


def test_a_model_without_predict_is_named():
    """A bare network decides by its largest output; anything else needs predict."""
    network = FeedForward([[[1.0, 0.0], [0.0, 1.0]]])
    assert noise_accuracy_curve(network, [[1.0, 0.0]], [0], [0.0]) == 1.0
    with pytest.raises(TypeError, match="model must have predict, and dict"):
        noise_accuracy_curve({}, [[1.0, 0.0]], [0], [0.1])
