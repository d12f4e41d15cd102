# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A saved model for new rows: columns found, types restored, radii as proven.

Also tests of ``_cli/_alignment.py`` and ``_cli/_bundle.py``.
"""

import json

import numpy as np
import pandas as pd
import pytest

from sklip import certified_interval, certified_radius
from sklip._cli._alignment import align
from sklip._cli._bundle import read_bundle


@pytest.fixture
def certify(call, folder, tmp_path):
    """Certify a table; what is printed and the report, read again."""

    def certify(frame, *options, model="label"):
        path, report = tmp_path / "new.csv", tmp_path / "r.csv"
        frame.to_csv(path, index=False)
        options = (folder / f"{model}.skops", path, "--report", report, *options)
        outcome = call("certify", *options)
        if outcome.code == 0:
            outcome.rows = pd.read_csv(report, index_col="row")
        return outcome

    return certify


def loaded(folder, frame, name="label"):
    """The model, what it takes of the frame, and the saved units."""
    bundle = read_bundle(folder / f"{name}.skops")
    X, _ = align(frame, bundle.about)
    return bundle.load(), X, bundle.about


def test_radii_and_predictions_are_the_model_s(certify, folder, table):
    new = table.head(12)
    outcome = certify(new)
    model, X, about = loaded(folder, new)
    assert outcome.code == 0
    rows = outcome.rows
    assert list(rows.index) == list(range(1, 13))
    assert list(rows.prediction) == list(model.predict(X))
    assert list(rows.correct) == list(model.predict(X) == new.label)
    radius = certified_radius(model, X, feature_eps=about["threat"]["eps"])
    assert list(rows.certified_radius) == pytest.approx(radius, rel=1e-12)
    assert (rows.certified_radius <= rows.attacked_radius).all()
    assert "Types in" in outcome.err
    assert f"Accuracy {rows.correct.mean():.3f}" in outcome.text


def test_units_of_the_training_are_kept(folder, table):
    about = read_bundle(folder / "label.skops").about
    assert set(about["threat"]["eps"]) >= {"a", "b", "when (days)"}
    eps = about["threat"]["eps"]["b"]
    assert eps == pytest.approx(table.b.std(), rel=0.2)
    column = next(c for c in about["columns"] if c["name"] == "b")
    assert column["kind"] == "number"
    assert table.b.min() <= column["low"] < column["high"] <= table.b.max()
    assert json.loads(about["certificate"])["kind"] == "upper"


def test_order_of_columns_changes_nothing(certify, table):
    new = table.head(6).drop(columns="score")
    straight, turned = certify(new), certify(new[new.columns[::-1]])
    assert "another order" in turned.text
    assert "another order" not in straight.text
    pd.testing.assert_frame_equal(straight.rows, turned.rows)


def test_whatever_is_odd_about_the_rows_is_said(certify, folder, table):
    new = table.head(8).drop(columns=["a", "label"])
    new["flag"] = new["flag"].astype(object)
    new["b"] = new["b"].astype(object)
    new.loc[0, "kind"], new.loc[1, "flag"], new.loc[2, "b"] = "zz", None, "oops"
    new.loc[3, "b"], new.loc[4, "when"] = 1e6, "never"
    new["extra"] = 1
    outcome = certify(new)
    assert outcome.code == 0
    for said in (
        "imputed in every row: 'a'.",
        "does not know are ignored: 'score', 'extra'.",
        "no training row has, which count as rare: 'zz'.",
        "1 value of 'flag' missing",
        "1 cell of 'b' no numbers",
        "1 cell of 'when' no dates",
        "1 value of 'b' outside the training range",
    ):
        assert said in outcome.text
    assert "Accuracy" not in outcome.text
    model, X, _ = loaded(folder, new)
    assert X["a"].isna().all()
    assert list(outcome.rows.prediction) == list(model.predict(X))


def test_what_only_the_training_can_change_is_not_said(certify, table):
    outcome = certify(table.head(3).assign(zip=["01067", "80331", "10115"]))
    assert outcome.code == 0 and "'zip'" in outcome.text
    assert "--categorical" not in outcome.text


def test_types_of_categories_survive_another_file(folder, table):
    _, X, _ = loaded(folder, table)
    assert X["flag"].dtype == bool
    assert set(X["gaps"].dropna()) == {True, False}
    rows = table.head(5).assign(gaps=True, kind="u")
    assert list(loaded(folder, rows)[1]["gaps"]) == [True] * 5


def test_intervals_of_a_regressor(certify, folder, table):
    new = table.head(7)
    outcome = certify(new, "--radius", "0.1", model="score")
    model, X, about = loaded(folder, new, "score")
    eps = about["threat"]["eps"]
    lower, upper = certified_interval(model, X, radius=0.1, feature_eps=eps)
    assert list(outcome.rows["lower at 0.1"]) == pytest.approx(lower, rel=1e-12)
    assert list(outcome.rows["upper at 0.1"]) == pytest.approx(upper, rel=1e-12)
    printed = outcome.out.split("row  ")[1].splitlines()[1:8]
    for line, low, high in zip(printed, lower, upper, strict=True):
        *_, shown_low, shown_high = map(float, line.split())
        assert low - 1e-3 <= shown_low <= low
        assert high <= shown_high <= high + 1e-3


def test_other_tolerances(certify, folder, table):
    new = table.head(6)
    rows = certify(new, "--tolerance", "b=10", "--norm", "2").rows
    model, X, _ = loaded(folder, new)
    radius = certified_radius(model, X, feature_eps={"b": 10.0})
    assert list(rows.certified_radius) == pytest.approx(radius, rel=1e-12)
    box = certify(new, "--norm", "inf").rows.certified_radius
    assert (box <= certify(new).rows.certified_radius * (1 + 1e-9)).all()


def test_html_report(call, folder, tmp_path):
    path = tmp_path / "r.html"
    options = (folder / "label.skops", folder / "t.csv", "--report", path)
    outcome = call("certify", *options)
    assert "and 60 more" in outcome.text
    (rows,) = [text for text in path.read_text().split("<tbody>")[1:]]
    assert rows.count("<tr>") == 80


@pytest.mark.parametrize(
    "frame, options, said",
    [
        (pd.DataFrame({"A": [1.0], "kind": ["u"]}), (), "none of the model's numeric"),
        (None, ("--tolerance", "kind=1"), "no numeric column 'kind'"),
        (None, ("--report", "r.txt"), "must end in .csv or .html"),
        (None, ("--radius", "-1"), "'-1' is not between"),
    ],
)
def test_refusals(certify, table, frame, options, said):
    outcome = certify(table.head(3) if frame is None else frame, *options)
    assert outcome.code == 2
    assert said in outcome.err.splitlines()[-1]
    assert outcome.out == ""


def test_what_is_no_saved_model(call, folder, tmp_path):
    (tmp_path / "text.skops").write_text("nothing")
    for name, said in (
        ("no.skops", "There is no file"),
        ("text.skops", "no model that python -m sklip --save wrote"),
    ):
        outcome = call("certify", tmp_path / name, folder / "t.csv")
        assert outcome.code == 2
        assert said in outcome.err


def test_bundled_data_take_no_gaps(call, tmp_path):
    model, path = tmp_path / "m.skops", tmp_path / "new.csv"
    quick = ("--max-iter", "3", "--hidden-layer-sizes", "4", "--no-baselines")
    assert call("--penalty", "none", "--save", model, *quick).code == 0
    pd.DataFrame({"mean radius": [15.0]}).to_csv(path, index=False)
    outcome = call("certify", model, path)
    assert outcome.code == 2
    assert "sklip: The rows cannot be certified" in outcome.err
    assert np.all([line[:5] != "Trace" for line in outcome.err.splitlines()])


def test_report_of_the_test_rows(call, folder, table, tmp_path):
    report, model = tmp_path / "r.csv", tmp_path / "m.skops"
    options = ("--target", "label", "--drop", "score", "--no-baselines")
    files = ("--report", report, "--save", model)
    outcome = call(folder / "t.csv", *options, *files, "--max-iter", "5")
    rows = pd.read_csv(report, index_col="row")
    assert f"20 test rows, one line each, are in {report}" in outcome.text
    # Rows are counted from 1.
    assert list(rows.target) == list(table.label.loc[rows.index - 1])
    bundle = read_bundle(model)
    X, _ = align(table.loc[rows.index - 1], bundle.about)
    fitted, eps = bundle.load(), bundle.about["threat"]["eps"]
    assert list(rows.prediction) == list(fitted.predict(X))
    radius = certified_radius(fitted, X, feature_eps=eps)
    assert list(rows.certified_radius) == pytest.approx(radius, rel=1e-9)
    accuracy = float(outcome.out.split("test accuracy")[1].split()[0])
    assert rows.correct.mean() == pytest.approx(accuracy, abs=6e-4)
