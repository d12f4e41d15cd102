# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Awkward files and the right table beside each; what is left out is said.

Also tests of ``_cli/_data.py`` and ``_cli/_target.py``.
"""

import numpy as np
import pandas as pd
import pytest

from sklip._cli._data import load_csv
from sklip._cli._errors import JobError
from sklip._cli._leaks import find_leaks
from sklip._cli._read import Layout, read_table
from sklip._cli._selection import Selection
from sklip._cli._target import take_target


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "fee": np.round(rng.normal(size=40) * 2000.0, 2),
            "kind": rng.choice(["u", "v"], 40),
            "size": np.round(rng.normal(size=40), 2),
            "y": rng.choice(["yes", "no"], 40),
        }
    )


def read(path, text, written_in="utf-8", **layout):
    path.write_bytes(text.encode(written_in))
    return read_table(path, Layout(**layout))


def german(value):
    text = f"{value:,.2f}"
    return text.replace(",", "T").replace(".", ",").replace("T", ".")


def test_decimal_commas_in_all_columns(tmp_path, table):
    written = table.assign(**{n: table[n].map(german) for n in ("fee", "size")})
    found, separator, notes = read(
        tmp_path / "t.csv", written.to_csv(sep=";", index=False)
    )
    assert separator == ";"
    pd.testing.assert_frame_equal(found, table, check_dtype=False)
    (note,) = [n for n in notes if "'fee'" in n]
    assert "decimal commas" in note


def test_points_between_thousands_are_seen_beside_decimal_commas(tmp_path):
    text = "a;b\n1,5;1.234\n2,25;5.678\n0,1;12\n"
    found, _, notes = read(tmp_path / "t.csv", text)
    np.testing.assert_array_equal(found["b"], [1234.0, 5678.0, 12.0])
    assert any("points between thousands" in n for n in notes)


def test_a_doubt_is_one_question(tmp_path):
    text = 'a,b\n"1,234",x\n"5,678",y\n'
    with pytest.raises(JobError, match="--decimal . or --decimal ,"):
        read(tmp_path / "t.csv", text)
    for decimal, value in ((".", 1234.0), (",", 1.234)):
        found, *_ = read(tmp_path / "t.csv", text, decimal=decimal)
        assert found["a"][0] == value


def test_other_columns_settle_a_doubt(tmp_path):
    found, *_ = read(tmp_path / "t.csv", 'a,b\n"1,234",0.5\n"5,678",1.5\n')
    np.testing.assert_array_equal(found["a"], [1234.0, 5678.0])
    found, *_ = read(tmp_path / "t.csv", "a;b\n1,234;0,5\n5,678;1,5\n")
    np.testing.assert_array_equal(found["a"], [1.234, 5.678])


def test_gaps_stay_gaps(tmp_path):
    found, *_ = read(tmp_path / "t.csv", "a;b\n1,5;x\n;y\n?;z\n2,5;u\n")
    np.testing.assert_array_equal(found["a"], [1.5, np.nan, np.nan, 2.5])


@pytest.mark.parametrize(
    "encoding, said", [("utf-8", 0), ("utf-8-sig", 0), ("utf-16", 0), ("cp1252", 1)]
)
def test_encodings(tmp_path, encoding, said):
    found, _, notes = read(tmp_path / "t.csv", "T(\u00b0C),w\n1,2\n3,4\n", encoding)
    assert list(found.columns) == ["T(\u00b0C)", "w"]
    assert len([n for n in notes if "cp1252" in n]) == said


def test_an_encoding_can_be_named(tmp_path):
    found, *_ = read(tmp_path / "t.csv", "\u0416,w\n1,2\n", "cp1251", encoding="cp1251")
    assert list(found.columns) == ["\u0416", "w"]
    with pytest.raises(JobError, match="--encoding"):
        read(tmp_path / "t.csv", "\u0416,w\n1,2\n", "cp1251", encoding="nonsense")


@pytest.mark.parametrize("encoding", ["utf-32", "utf-16-le"])
def test_a_text_of_other_units_needs_its_name(tmp_path, encoding):
    with pytest.raises(JobError, match="no UTF-8 text; name its --encoding"):
        read(tmp_path / "t.csv", "a,w\n1,2\n", encoding)
    found, *_ = read(tmp_path / "t.csv", "a,w\n1,2\n", encoding, encoding=encoding)
    assert list(found.columns) == ["a", "w"]


def test_zeros_before_numbers_are_said(tmp_path):
    _, _, notes = read(tmp_path / "t.csv", "a,zip,n\n1,01067,0\n0.5,80331,10\n")
    (note,) = notes
    assert "zeros before them" in note and note.endswith(": 'zip'.")


@pytest.mark.parametrize("cell", ["-", "  ", "k.A."])
def test_cells_that_say_there_is_none(tmp_path, cell):
    numbers = np.arange(20) + 0.5
    cells = [
        cell if i in (3, 9) else f"{v}".replace(".", ",") for i, v in enumerate(numbers)
    ]
    found, _, notes = read(
        tmp_path / "t.csv", "a;b\n" + "".join(f"{c};u\n" for c in cells)
    )
    numbers[[3, 9]] = np.nan
    np.testing.assert_array_equal(found["a"], numbers)
    assert any(repr(cell) in n for n in notes) == bool(cell.strip())


def test_a_word_beside_few_numbers_is_a_code(tmp_path):
    found, *_ = read(tmp_path / "t.csv", "a,b\n" + "1,2\n2,2\nS,3\n3,4\n" * 5)
    assert found["a"].dtype.kind == "O" and found["a"][2] == "S"


def test_whole_numbers_beside_groups_of_three_are_a_doubt(tmp_path):
    with pytest.raises(JobError, match="'1.234'.*--decimal"):
        read(tmp_path / "t.csv", "a;b\n950;x\n1.234;y\n")
    found, *_ = read(tmp_path / "t.csv", "a;b\n950;x\n1.234;y\n", decimal=",")
    np.testing.assert_array_equal(found["a"], [950.0, 1234.0])
    for cells in ("950;0.123", "950;1.23", "950.000;1.234"):
        found, *_ = read(tmp_path / "t.csv", "a\n" + cells.replace(";", "\n") + "\n")
        np.testing.assert_array_equal(found["a"], [*map(float, cells.split(";"))])


def test_separators_and_spaces_around_fields(tmp_path, table):
    for separator in (";", "\t", "|"):
        text = table.to_csv(sep=separator, index=False)
        found, said, _ = read(tmp_path / "t.csv", text)
        assert said == separator
        pd.testing.assert_frame_equal(found, table, check_dtype=False)
    spaced = table.to_csv(index=False).replace(",", ", ")
    found, *_ = read(tmp_path / "t.csv", spaced.replace("\n", " \n", 1))
    pd.testing.assert_frame_equal(found, table, check_dtype=False)


def test_names_that_are_numbers(tmp_path):
    text = "5.1,3.5\n4.9,3.0\n4.7,3.2\n"
    _, _, notes = read(tmp_path / "t.csv", text)
    assert any("--no-header" in n for n in notes)
    found, _, notes = read(tmp_path / "t.csv", text, has_header=False)
    assert list(found.columns) == ["column_1", "column_2"]
    assert len(found) == 3 and not notes


def test_names_that_occur_twice_are_said(tmp_path):
    found, _, notes = read(tmp_path / "t.csv", "a,b,a\n1,2,3\n4,5,6\n")
    assert list(found.columns) == ["a", "b", "a.1"]
    assert any("'a'" in n and "'a.1'" in n for n in notes)


def test_other_formats_say_what_they_need(tmp_path, monkeypatch):
    def missing(path):
        raise ImportError("Missing optional dependency 'openpyxl'. Use pip.")

    monkeypatch.setattr(pd, "read_excel", missing)
    (tmp_path / "t.xlsx").write_bytes(b"x")
    with pytest.raises(JobError, match="openpyxl"):
        read_table(tmp_path / "t.xlsx", Layout())
    frame = pd.DataFrame({"a": [1.0, 2.0]})
    monkeypatch.setattr(pd, "read_parquet", lambda path: frame)
    (tmp_path / "t.parquet").write_bytes(b"x")
    found, separator, _ = read_table(tmp_path / "t.parquet", Layout())
    assert separator is None and found["a"][1] == 2.0


def test_columns_are_chosen(table):
    chosen = Selection(drop=("kind",)).choose(table, "y")
    assert list(chosen) == ["fee", "size", "y"]
    chosen = Selection(columns=("size",)).choose(table, "y")
    assert list(chosen) == ["size", "y"]
    codes = table.assign(code=[1.0, 2.0, np.nan, 3.5] * 10)
    chosen = Selection(categorical=("code",)).choose(codes, "y")["code"]
    assert list(chosen[:2]) == ["1", "2"] and pd.isna(chosen[2]) and chosen[3] == "3.5"


@pytest.mark.parametrize("option", ["drop", "columns", "categorical"])
def test_a_column_that_is_not_there(table, option):
    with pytest.raises(JobError, match=f"--{option}: .*did you mean 'size'"):
        Selection(**{option: ("siz",)}).choose(table, "y")
    with pytest.raises(JobError, match="this is the target"):
        Selection(drop=("y",)).choose(table, "y")


def test_rows_without_a_target_are_left_out_and_counted(tmp_path, table):
    table["y"] = table["y"].where(table.index % 10 > 0)
    table.to_csv(tmp_path / "t.csv", index=False)
    loaded = load_csv(tmp_path / "t.csv", "y", None, 0.25, 0, Selection())
    assert len(loaded.X_train) + len(loaded.X_test) == 36
    assert set(loaded.y_train) == {"yes", "no"}
    assert any(n.startswith("4 rows left out: the target lacks") for n in loaded.notes)
    with pytest.raises(JobError, match="no value in any row"):
        take_target(table.assign(y=np.nan), "y")


def test_numbers_of_rows_are_known_where_a_row_is_left_out(tmp_path, table):
    table = table.assign(nr=range(40), y=table["y"].where(table.index != 7))
    table.to_csv(tmp_path / "t.csv", index=False)
    loaded = load_csv(tmp_path / "t.csv", "y", None, 0.25, 0, Selection())
    assert loaded.kinds.dropped == {"nr": "numbers the rows"}


def test_leaks_are_found_and_nothing_else():
    rng = np.random.default_rng(0)
    y = rng.choice(["a", "b", "c"], 300)
    X = pd.DataFrame(
        {
            "noise": rng.normal(size=300),
            "good": (y == "a") + 0.5 * rng.normal(size=300),
            "copy": pd.Series(y).map({"a": "x", "b": "y", "c": "z"}),
            "code": pd.Series(y).map({"a": 3.0, "b": 1.0, "c": np.nan}),
        }
    )
    assert find_leaks(X, y, "classification") == ["copy", "code"]
    target = rng.normal(size=300)
    X = pd.DataFrame({"noise": rng.normal(size=300), "twice": 2.0 * target})
    assert find_leaks(X, target, "regression") == ["twice"]


def test_a_rare_class_makes_no_leak():
    y = np.array(["a"] * 297 + ["b"] * 3)
    X = pd.DataFrame({"noise": np.random.default_rng(0).normal(size=300)})
    assert find_leaks(X, y, "classification") == []


def test_the_caution_comes_first(tmp_path, table):
    table["told"] = table["y"].map({"yes": 1, "no": 0})
    table = pd.concat([table] * 5)
    table.to_csv(tmp_path / "t.csv", index=False)
    loaded = load_csv(tmp_path / "t.csv", "y", None, 0.25, 0, Selection())
    assert loaded.notes[0].startswith("CAUTION: 'told' predicts 'y'")
    assert "--drop told" in loaded.notes[0]


def test_a_date_that_tells_is_dropped_by_the_name_of_its_column(tmp_path, table):
    table["when"] = table["y"].map({"yes": "2020-01-01", "no": "2021-06-13"})
    pd.concat([table] * 5).to_csv(tmp_path / "t.csv", index=False)
    loaded = load_csv(tmp_path / "t.csv", "y", None, 0.25, 0, Selection())
    assert loaded.notes[0].endswith("--drop when.")
    table["weight"] = [f"{v} {('kg', 'lb')[v % 2]}" for v in range(len(table))]
    selection = Selection(drop=("when",))
    table.to_csv(tmp_path / "t.csv", index=False)
    loaded = load_csv(tmp_path / "t.csv", "y", None, 0.25, 0, selection)
    assert not any(n.startswith("CAUTION") for n in loaded.notes)
    assert any("more than one unit or notation): 'weight'" in n for n in loaded.notes)


def test_codes_and_repeated_rows_are_mentioned(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=60), "zip": rng.integers(1, 6, 60)})
    frame["y"] = np.where(frame.x > 0, "u", "v")
    frame = pd.concat([frame, frame.head(3)])
    frame.to_csv(tmp_path / "t.csv", index=False)
    notes = " ".join(
        load_csv(tmp_path / "t.csv", "y", None, 0.25, 0, Selection()).notes
    )
    assert "--categorical makes names of codes): 'zip'." in notes
    assert "3 rows the same as another one" in notes
    plain = Selection(categorical=("zip",))
    table = load_csv(tmp_path / "t.csv", "y", None, 0.25, 0, plain)
    assert "codes" not in " ".join(table.notes)
    assert table.kinds.categorical == ["zip"]
