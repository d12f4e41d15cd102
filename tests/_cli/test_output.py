# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The picture's labels stay inside, and a file that was there stays whole."""

from types import SimpleNamespace

import pytest

from sklip._cli import _output
from sklip._cli._errors import JobError
from sklip._cli._threat import Threat

Figure = pytest.importorskip("matplotlib.figure").Figure
LONG = "turnover per employee and quarter, seasonally adjusted, in k$ net of $ tax" * 2


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_labels_stay_inside_the_picture(task):
    figure = Figure(figsize=(6.4, 4.8), layout="constrained")
    axes = figure.subplots()
    axes.plot([0.0, 1.0], [0.0, 1.0])
    table = SimpleNamespace(
        task=task, target=LONG, is_bundled=False, name=f"folder/{LONG}.csv"
    )
    _output._label(axes, table, Threat({}))
    figure.draw_without_rendering()
    for text in (axes.title, axes.xaxis.label, axes.yaxis.label):
        box = text.get_window_extent()
        assert box.x0 >= 0 and box.y0 >= 0
        assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
        assert "…" in text.get_text() or len(text.get_text()) < 60


def test_a_short_name_is_written_out():
    figure = Figure(layout="constrained")
    axes = figure.subplots()
    table = SimpleNamespace(
        task="regression", target="y", is_bundled=False, name="d.csv"
    )
    _output._label(axes, table, Threat({}))
    assert axes.get_title() == "d.csv: y"
    assert axes.get_ylabel() == "mean width of the certified interval of y"


def test_what_cannot_be_written_leaves_what_was_there(tmp_path):
    path = tmp_path / "m.skops"
    path.write_text("the model that was there")

    def full(beside):
        beside.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(JobError, match="--save could not write .* No space left"):
        _output._write("save", path, full)
    assert path.read_text() == "the model that was there"
    assert [file.name for file in tmp_path.iterdir()] == ["m.skops"]
