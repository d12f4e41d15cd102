# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Training curves, the ladder of bounds and the Jacobian's quantiles, as drawn.

Also tests of ``inspection/_axes.py``, ``inspection/_jacobian.py``,
``inspection/_lipschitz_bounds.py`` and ``inspection/_training_curve.py``.
"""

import sys

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklip import LipschitzRegularizedMLPClassifier, lipschitz_bound
from sklip.bounds import jacobian_diagnostic
from sklip.inspection import (
    JacobianDiagnosticDisplay,
    LipschitzBoundsDisplay,
    TrainingCurveDisplay,
)
from sklip.networks import random_network
from sklip.training import LipschitzHistory

pyplot = pytest.importorskip("matplotlib.pyplot")
pytestmark = pytest.mark.filterwarnings("ignore:.*epochs allowed")


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def data():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def fitted(data):
    return LipschitzRegularizedMLPClassifier(
        (8,), max_iter=12, callbacks=[LipschitzHistory(every=2)], random_state=0
    ).fit(*data)


def one_of_each(fitted, X):
    yield TrainingCurveDisplay.from_estimator(fitted)
    yield LipschitzBoundsDisplay.from_estimator(fitted, random_state=0)
    yield JacobianDiagnosticDisplay.from_estimator(fitted, X, random_state=0)


# --- training curves ----------------------------------------------------------------


def test_training_curves_draw_the_history(fitted):
    display = TrainingCurveDisplay.from_estimator(fitted)
    assert [axes.get_ylabel() for axes in display.axes_] == [
        "loss",
        "accuracy",
        "Lipschitz bound",
    ]
    loss = display.lines_["train_loss"]
    assert np.array_equal(loss.get_ydata(), fitted.loss_curve_)
    bound = display.lines_["lipschitz_bound"]
    assert bound.get_xdata().tolist() == [2, 4, 6, 8, 10, 12]
    assert bound.get_ydata()[-1] == fitted.history_[-1]["lipschitz_bound"]
    certified = display.lines_["certified_accuracy"].get_ydata()
    assert np.all(certified <= display.lines_["accuracy"].get_ydata())


def test_training_curves_without_the_callback_show_the_loss(data):
    model = LipschitzRegularizedMLPClassifier((4,), max_iter=3, early_stopping=True)
    model.fit(*data)
    display = TrainingCurveDisplay.from_estimator(model)
    assert set(display.lines_) == {"train_loss", "valid_loss", "valid_score"}
    assert len(display.axes_) == 2


def test_two_models_share_panels(fitted):
    first = TrainingCurveDisplay.from_estimator(fitted, name="first")
    second = TrainingCurveDisplay.from_estimator(fitted, name="second", ax=first.axes_)
    assert second.figure_ is first.figure_
    bound = first.axes_[2]
    assert len(bound.lines) == 2
    assert bound.lines[0].get_color() != bound.lines[1].get_color()
    # Clean and certified accuracy of one model share a colour, not a style.
    clean, certified = (first.lines_[k] for k in ("accuracy", "certified_accuracy"))
    assert clean.get_color() == certified.get_color()
    assert clean.get_linestyle() != certified.get_linestyle()
    labels = [text.get_text() for text in bound.get_legend().get_texts()]
    assert labels == ["first", "second"]


def test_training_curves_of_a_pipeline(data):
    model = make_pipeline(
        StandardScaler(), LipschitzRegularizedMLPClassifier((4,), max_iter=2)
    ).fit(*data)
    display = TrainingCurveDisplay.from_estimator(model)
    assert display.estimator_name == "LipschitzRegularizedMLPClassifier"


def test_line_style_is_the_callers(fitted):
    display = TrainingCurveDisplay.from_estimator(fitted, color="red", linewidth=3)
    assert {line.get_color() for line in display.lines_.values()} == {"red"}
    assert {line.get_linewidth() for line in display.lines_.values()} == {3}


def test_training_curves_refuse_what_they_cannot_draw(data, fitted):
    with pytest.raises(ValueError, match="keeps no history_"):
        TrainingCurveDisplay.from_estimator(LogisticRegression(max_iter=500).fit(*data))
    with pytest.raises(ValueError, match="must hold one of train_loss"):
        TrainingCurveDisplay(curves={}).plot()
    _, axes = pyplot.subplots()
    with pytest.raises(ValueError, match="draws 3 panels, but ax holds 1"):
        TrainingCurveDisplay.from_estimator(fitted, ax=axes)


# --- bounds -------------------------------------------------------------------------


def test_ladder_is_what_the_functions_say(fitted, data):
    display = LipschitzBoundsDisplay.from_estimator(fitted, data[0], random_state=0)
    assert display.methods == ["product", "sequential", "lipsdp-layer", "lipsdp"]
    # From loose to tight; path norms, often looser than the product in l2, are not in.
    assert np.all(np.diff(display.bounds) <= 0.0)
    for method, value in zip(display.methods, display.bounds, strict=True):
        assert value == float(lipschitz_bound(fitted, method=method))
    assert np.array_equal(display.lines_[0].get_ydata(), display.bounds)
    assert 0.0 < display.lower <= display.bounds.min()
    assert display.lines_[1].get_ydata()[0] == display.lower
    labels = [tick.get_text() for tick in display.ax_.get_xticklabels()]
    assert labels == display.methods


def test_ladder_in_another_norm_has_no_lower_bound(fitted):
    display = LipschitzBoundsDisplay.from_estimator(fitted, norm=np.inf)
    assert display.methods == ["product", "path"]
    assert display.lower is None and len(display.lines_) == 1
    assert "∞" in display.ax_.get_ylabel()


def test_large_networks_go_without_lipsdp():
    network = random_network([5, 600, 2], random_state=0)
    display = LipschitzBoundsDisplay.from_estimator(network, random_state=0)
    assert display.methods == ["product", "sequential"]


# --- Jacobian -----------------------------------------------------------------------


def test_quantiles_are_the_diagnostics(data):
    network = random_network([4, 30, 3], random_state=0)
    display = JacobianDiagnosticDisplay.from_estimator(
        network, data[0], random_state=0, name="random"
    )
    found = jacobian_diagnostic(network, data[0], random_state=0)
    assert np.array_equal(display.lines_[0].get_ydata(), found.observed)
    assert np.array_equal(display.lines_[0].get_xdata(), found.theoretical)
    text = display.ax_.get_legend().get_texts()[0].get_text()
    assert text.startswith("random\nkurtosis")


# --- what all of them keep to -------------------------------------------------------


def test_axes_of_the_caller_are_used(fitted, data):
    figure, axes = pyplot.subplots(1, 2)
    network = random_network([4, 5, 3], random_state=0)
    one = LipschitzBoundsDisplay.from_estimator(network, ax=axes[0], random_state=0)
    two = JacobianDiagnosticDisplay.from_estimator(network, data[0], ax=axes[1])
    assert one.ax_ is axes[0] and two.ax_ is axes[1]
    assert one.figure_ is two.figure_ is figure


def test_plot_returns_itself_and_takes_a_name(fitted, data):
    for display in one_of_each(fitted, data[0]):
        assert display.plot(name="again") is display
        assert display.figure_ is not None
        legends = [axes.get_legend() for axes in display.figure_.axes]
        texts = [text.get_text() for legend in legends for text in legend.get_texts()]
        assert any("again" in text for text in texts)


def test_missing_matplotlib_is_explained(fitted, data, monkeypatch):
    displays = list(one_of_each(fitted, data[0]))
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    for display in displays:
        with pytest.raises(ImportError, match=f"{type(display).__name__}.plot needs"):
            display.plot()
