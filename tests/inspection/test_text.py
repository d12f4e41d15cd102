# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""No label leaves the figure, whatever things are called."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklip import LipschitzRegularizedMLPClassifier
from sklip.inspection import (
    CertifiedAccuracyDisplay,
    CertifiedConfusionMatrixDisplay,
    CertifiedRadiusDisplay,
    FeatureSlopesDisplay,
    JacobianDiagnosticDisplay,
    LipschitzBoundsDisplay,
    NoiseRobustnessDisplay,
    RiskCoverageDisplay,
    TrainingCurveDisplay,
)
from sklip.inspection._text import shortened
from sklip.training import LipschitzHistory

pyplot = pytest.importorskip("matplotlib.pyplot")
matplotlib = pytest.importorskip("matplotlib")
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*epochs allowed"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

WORDS = "turnover per employee and quarter, seasonally adjusted, in kEUR (net of tax)"
NAMES = [WORDS, "W" * 90, "price_$_of_$", "_hidden", "il" * 60, "ok", "two\nlines"]
X, Y = (array[::4] for array in load_iris(return_X_y=True))
COLUMNS = [WORDS, f"{WORDS} (2)", "W" * 120, "price_$_of_$"]
TABLE = pd.DataFrame(X, columns=COLUMNS)


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def linear():
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(TABLE, Y)


@pytest.fixture(scope="module")
def trained():
    return LipschitzRegularizedMLPClassifier(
        (4,), max_iter=4, callbacks=[LipschitzHistory(every=2)], random_state=0
    ).fit(X, Y)


def displays(linear, trained, names):
    """Each Display of models with these names, and of one with its own name."""
    models = dict.fromkeys(names, linear)
    fast = {"adversarial": False, "method": "product"}
    yield CertifiedAccuracyDisplay.from_estimator(models, TABLE, Y, **fast)
    yield CertifiedRadiusDisplay.from_estimator(models, TABLE, method="product")
    classes = np.array(names[:3])[Y]  # and classes called like that
    named = LogisticRegression().fit(TABLE, classes)
    asked = {"radius": 0.1, "method": "product"}
    yield CertifiedConfusionMatrixDisplay.from_estimator(named, TABLE, classes, **asked)
    yield FeatureSlopesDisplay.from_estimator(models, TABLE, method="product")
    yield JacobianDiagnosticDisplay.from_estimator(models, TABLE[:3], random_state=0)
    few = {"methods": ["product", "sequential"], "random_state": 0}
    yield LipschitzBoundsDisplay.from_estimator(dict(list(models.items())[:2]), **few)
    display = LipschitzBoundsDisplay.from_estimator(trained, **few)
    bounds = np.outer(np.arange(1.0, 1.0 + len(names)), [2.0, 1.0])
    display.bounds, display.lower = bounds, [0.5] * len(names)
    yield display.plot(name=list(names))
    yield NoiseRobustnessDisplay.from_estimator(models, TABLE, Y, noise_stds=[0, 1])
    yield RiskCoverageDisplay.from_estimator(models, TABLE, Y, method="product")
    yield TrainingCurveDisplay.from_estimator(dict.fromkeys(names, trained))
    yield TrainingCurveDisplay.from_estimator(trained)
    yield FeatureSlopesDisplay.from_estimator(linear)


def undrawn_ticks(figure):
    """Labels of ticks beyond the limits: matplotlib keeps them and draws none."""
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if not low <= tick.get_loc() <= high:
                    yield from (tick.label1, tick.label2)


def outside(figure):
    """Texts that are not wholly inside a figure."""
    figure.canvas.draw()
    found, hidden = [], set(map(id, undrawn_ticks(figure)))
    for text in figure.findobj(matplotlib.text.Text):
        if text.get_visible() and text.get_text().strip() and id(text) not in hidden:
            box = text.get_window_extent()
            inside = figure.bbox.padded(1.0)
            if box.width and not (
                inside.contains(box.x0, box.y0) and inside.contains(box.x1, box.y1)
            ):
                found.append(text.get_text())
    return found


def covered(ax):
    """What of a picture lies under its legend: lines, points, bars, numbers."""
    if ax.get_legend() is None:
        return []
    box = ax.get_legend().get_window_extent()
    curves = [
        (line.get_label(), line.get_transform().transform_path(line.get_path()))
        for line in ax.lines
    ]
    found = [name for name, path in curves if path.intersects_bbox(box, filled=False)]
    others = [*ax.patches, *(text for text in ax.texts if text.get_text())]
    return found + [o for o in others if box.overlaps(o.get_window_extent())]


@pytest.mark.parametrize(
    "names, size",
    [
        (NAMES, (6.4, 4.8)),
        ([f"{WORDS} {k}" for k in range(12)], (6.4, 4.8)),
        (NAMES, (4.0, 3.0)),
        (["plain", "spectral", "bounded"], (4.0, 3.0)),
    ],
)
def test_all_text_lies_inside_the_figure(linear, trained, names, size):
    with pyplot.rc_context({"figure.figsize": size}):
        for display in displays(linear, trained, names):
            assert outside(display.figure_) == [], type(display).__name__
            for ax in display.figure_.axes:
                assert covered(ax) == [], type(display).__name__
                legend = ax.get_legend()
                if legend is not None:
                    box, room = legend.get_window_extent(), ax.get_window_extent()
                    assert box.width <= room.width + 1.0
                    assert box.height <= room.height + 1.0
            pyplot.close(display.figure_)


def test_a_part_of_a_figure_holds_a_picture(linear):
    figure = pyplot.figure(layout="constrained")
    left, right = (part.subplots() for part in figure.subfigures(1, 2))
    FeatureSlopesDisplay.from_estimator(LogisticRegression().fit(X, Y), ax=left)
    asked = {"method": "product", "ax": right}
    CertifiedRadiusDisplay.from_estimator(linear, TABLE, **asked)
    assert outside(figure) == []
    assert covered(left) == covered(right) == []


def test_the_check_finds_what_the_legend_covers():
    _, ax = pyplot.subplots()
    ax.plot([0, 1], [0, 1], label="line")
    ax.legend(loc="center")
    ax.figure.canvas.draw()
    assert covered(ax) == ["line"]


def test_the_check_finds_what_is_outside():
    figure, ax = pyplot.subplots()
    ax.set_yticks([0.5], ["W" * 60])
    assert outside(figure) == ["W" * 60]


def test_no_name_is_lost(linear):
    """Not even one that begins as matplotlib's own names do, or holds formulas."""
    models = dict.fromkeys(NAMES, linear)
    display = NoiseRobustnessDisplay.from_estimator(models, TABLE, Y, noise_stds=[0, 1])
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert len(texts) == len(NAMES)
    assert {"price_$_of_$", " _hidden", "ok", "two\nlines"} <= set(texts)


def test_the_legend_leaves_the_bars_alone(linear):
    for n_models in (1, 4):
        names = [f"model {k}" for k in range(n_models)]
        display = FeatureSlopesDisplay.from_estimator(dict.fromkeys(names, linear))
        display.figure_.canvas.draw()
        legend = display.ax_.get_legend().get_window_extent()
        lowest = min(bar.get_window_extent().y0 for bar in display.ax_.patches)
        assert legend.y1 <= lowest


def test_short_names_stay_as_they_are(trained):
    display = LipschitzBoundsDisplay.from_estimator(
        {"a": trained, "b": trained}, methods=["product"], random_state=0
    )
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["a", "a, reached by a pair", "b", "b, reached by a pair"]


@pytest.mark.parametrize("width", [30.0, 80.0, 200.0])
def test_shortened_keeps_both_ends_and_fits(width):
    from matplotlib.textpath import TextPath

    text = f"beginning {WORDS} end"
    short = shortened(text, width, 10.0)
    assert TextPath((0, 0), short, size=10.0).get_extents().width <= width
    head, tail = short.split("…")
    assert text.startswith(head) and text.endswith(tail)
    assert 0 <= len(head) - len(tail) <= 1
    # One letter more would not fit.
    longer = f"{text[: len(head) + 1]}…{text[len(text) - len(tail) :]}"
    if len(head) == len(tail):
        assert (
            TextPath((0, 0), longer, size=10.0).get_extents().width > 0.9 * width - 8.0
        )
    assert shortened("short", width, 10.0) == "short"
    assert shortened("a\nb", width, 10.0) == "a\nb"


def test_numbers_tell_models_of_one_class_apart():
    models = [Ridge(alpha=a).fit(X, Y) for a in (0.1, 10.0)]
    display = FeatureSlopesDisplay.from_estimator(models)
    assert display.estimator_name == ["Ridge 1", "Ridge 2"]
    assert display.slopes.shape == (2, 4) and len(display.bars_) == 2
    for k, model in enumerate(models):
        widths = sorted(bar.get_width() for bar in display.bars_[k])
        np.testing.assert_allclose(widths, sorted(abs(model.coef_)), rtol=1e-9)


@pytest.mark.parametrize(
    "display", [LipschitzBoundsDisplay, FeatureSlopesDisplay, TrainingCurveDisplay]
)
def test_no_model_is_refused(display):
    for nothing in ({}, []):
        with pytest.raises(ValueError, match="estimator holds no model"):
            display.from_estimator(nothing)


@pytest.mark.parametrize(
    "display, given",
    [
        (CertifiedAccuracyDisplay, {"adversarial": False, "method": "product"}),
        (CertifiedRadiusDisplay, {"method": "product"}),
        (NoiseRobustnessDisplay, {"noise_stds": [0, 1]}),
        (RiskCoverageDisplay, {"method": "product"}),
    ],
)
def test_models_are_told_apart_without_colours(linear, display, given):
    models = dict.fromkeys("abcd", linear)
    found = display.from_estimator(models, TABLE, Y, **given)
    assert len({line.get_marker() for line in found.lines_}) == 4
    assert len({line.get_color() for line in found.lines_}) == 4
    chosen = display.from_estimator(models, TABLE, Y, marker="x", **given)
    assert {line.get_marker() for line in chosen.lines_} == {"x"}
    alone = display.from_estimator(linear, TABLE, Y, **given)
    assert alone.lines_[0].get_marker() == "None"


@pytest.mark.parametrize("display", [CertifiedAccuracyDisplay, CertifiedRadiusDisplay])
def test_the_axis_of_radii_says_its_unit(linear, display):
    given = {"method": "product", "norm": np.inf}
    if display is CertifiedAccuracyDisplay:
        given["adversarial"] = False
    plain = display.from_estimator(linear, TABLE, Y, **given)
    assert "tolerances" not in plain.ax_.get_xlabel()
    assert "ℓ∞" in plain.ax_.get_xlabel()
    eps = dict.fromkeys(COLUMNS, 0.1)
    found = display.from_estimator(linear, TABLE, Y, feature_eps=eps, **given)
    assert "multiples of the tolerances, ℓ∞" in found.ax_.get_xlabel()
    with pytest.raises(TypeError, match="in_tolerances"):
        display(**{**arguments_of(found), "in_tolerances": "yes"})


def arguments_of(display):
    """What a Display of radii was made with."""
    if isinstance(display, CertifiedRadiusDisplay):
        return {"radii": display.radii, "names": display.names}
    return {
        "radii": display.radii,
        "certified_accuracies": display.certified_accuracies,
        "estimator_names": display.estimator_names,
    }


def test_bounds_are_plain_numbers_beside_the_axis(trained):
    display = LipschitzBoundsDisplay.from_estimator(
        trained, methods=["product", "sequential"], random_state=0
    )
    display.bounds, display.lower = [86.0, 57.0], 48.0
    axis = display.plot().ax_.yaxis
    axis.figure.canvas.draw()
    ticks = [
        t.get_text() for t in (*axis.get_ticklabels(), *axis.get_minorticklabels())
    ]
    numbers = [float(text) for text in ticks if text]  # no powers of ten
    assert any(48.0 < number < 86.0 for number in numbers)
