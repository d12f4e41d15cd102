# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The curve of accuracy under noise, and the sensitivity table of a search.

Also tests of ``inspection/_sensitivity.py``.
"""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklip import NoiseRobustnessDisplay, noise_accuracy_curve, sensitivity_table

pytest.importorskip("matplotlib").use("agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    from matplotlib import pyplot

    pyplot.close("all")


@pytest.fixture(scope="module")
def models():
    X, y = load_iris(return_X_y=True)
    first = LogisticRegression(max_iter=500).fit(X, y)
    second = make_pipeline(StandardScaler(), LogisticRegression(C=0.01)).fit(X, y)
    return X, y, first, second


def test_several_estimators_with_mean_and_spread(models):
    X, y, first, second = models
    display = NoiseRobustnessDisplay.from_estimator(
        {"a": first, "b": second}, X, y, n_repeats=3
    )
    np.testing.assert_allclose(display.noise_stds, np.arange(51) / 100)
    assert [line.get_label() for line in display.lines_] == ["a", "b"]
    assert len(display.bands_) == 2
    for line, model in zip(display.lines_, (first, second), strict=True):
        curve = noise_accuracy_curve(model, X, y, display.noise_stds, n_repeats=3)
        np.testing.assert_allclose(line.get_ydata(), curve.mean(axis=1))
    bottom = display.bands_[0].get_paths()[0].vertices[:, 1].min()
    assert bottom == pytest.approx(display.accuracies[0].min())


def test_one_estimator_names_and_axes(models):
    X, y, first, second = models
    one = NoiseRobustnessDisplay.from_estimator(
        second, X, y, noise_stds=[0, 1], color="red"
    )
    assert one.lines_[0].get_label() == "Pipeline" and one.bands_ == []
    assert one.lines_[0].get_color() == "red"
    two = NoiseRobustnessDisplay.from_estimator(
        [first, second], X, y, noise_stds=[0, 1], name=["x", "y"], ax=one.ax_
    )
    assert two.ax_ is one.ax_ and two.figure_ is one.figure_
    assert two.plot(name=["p", "q"]).lines_[1].get_label() == "q"


def test_what_does_not_fit_together(models):
    X, y, first, _ = models
    with pytest.raises(ValueError, match="one label for each of the 1"):
        NoiseRobustnessDisplay.from_estimator(first, X, y, name=["a", "b"])
    with pytest.raises(ValueError, match="accuracies must hold"):
        NoiseRobustnessDisplay(
            noise_stds=[0, 1], accuracies=[[[1], [2], [3]]], estimator_names=["a"]
        )


def _paper():
    """ResNet-20 at sigma_test = .3 in tables 3 and 5 of paper 002, as a search."""
    accuracies = {
        (0.25, 5, 0.01): 45.80,
        (0.25, 10, 0.01): 58.56,
        (0.25, 5, 0.1): 59.05,
        (0.5, 5, 0.01): 67.60,
    }
    names = ("noise_std", "lipschitz_weight", "lipschitz_target")
    params = [dict(zip(names, key, strict=True)) for key in accuracies]
    scores = np.array(list(accuracies.values()))
    return SimpleNamespace(cv_results_={"params": params, "mean_test_score": scores})


def test_section_7_with_the_right_sign():
    nominal = {"noise_std": 0.25, "lipschitz_weight": 5, "lipschitz_target": 0.01}
    table = sensitivity_table(_paper(), nominal=nominal).set_index("parameter")
    assert table["slope"]["noise_std"] == pytest.approx(87.20)
    assert table["slope"]["lipschitz_weight"] == pytest.approx(2.55, abs=0.005)
    # The paper prints -28.89: a larger threshold is better in its own table.
    assert table["slope"]["lipschitz_target"] == pytest.approx(147.22, abs=0.005)
    assert table["elasticity"].idxmin() == "lipschitz_target"


def test_a_real_search_and_its_best_point(models):
    X, y, *_ = models
    grid = {"C": [0.01, 1.0], "solver": ["lbfgs", "newton-cg"], "max_iter": [500]}
    search = GridSearchCV(LogisticRegression(), grid, cv=3).fit(X, y)
    table = sensitivity_table(search)
    assert table["parameter"].tolist() == ["C"]
    assert table["nominal"][0] == search.best_params_["C"]
    assert table["slope"][0] > 0 and table["elasticity"][0] > 0


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"metric": "f1"}, r"metric must be one of \['score'\]"),
        ({"nominal": {"depth": 1}}, "not in the grid"),
        ({"nominal": {"noise_std": 7.0}}, "choose another nominal"),
    ],
)
def test_wrong_arguments_of_the_table(kwargs, message):
    with pytest.raises(ValueError, match=message):
        sensitivity_table(_paper(), **kwargs)


def test_a_search_that_is_not_fitted_is_refused():
    with pytest.raises(ValueError, match="not fitted"):
        sensitivity_table(GridSearchCV(LogisticRegression(), {}))
