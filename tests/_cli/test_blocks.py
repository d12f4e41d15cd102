# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A file read in blocks is the file read whole, wherever a late row disagrees."""

import numpy as np
import pandas as pd
import pytest

from sklip._cli import _blocks, _cells
from sklip._cli._data import load_csv
from sklip._cli._errors import JobError
from sklip._cli._read import Layout, read_table
from sklip._cli._selection import Selection

ROWS, LOOK = 57, 8
# What all rows hold but for those beyond the look.
USUAL = {
    "whole": "{}",
    "fraction": "{}.5",
    "flag": "True",
    "text": "u{}",
    "empty": "",
    "comma": '"{},5"',
    "unit": "{} kg",
    "name": " a b ",
}
LATE = ["7", "0.25", "False", "x", "", "?", '"3,75"', "4 kg", "9 lb", "-", str(2**53)]
LATE += ["-1", str(2**64 - 1)]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(_blocks, "_LOOK_ROWS", LOOK)
    monkeypatch.setattr(_blocks, "_BLOCK_ENTRIES", 1)
    monkeypatch.setattr(_cells, "_BLOCK_ROWS", 5)


def written(rng, kinds):
    """Lines of a file whose columns are usual but for a few late cells."""
    rows = [[USUAL[kind].format(i) for kind in kinds] for i in range(ROWS)]
    for _ in range(rng.integers(0, 4)):
        row, column = rng.integers(LOOK, ROWS), rng.integers(len(kinds))
        rows[row][column] = rng.choice(LATE)
    names = [f"c{k // 2}" if k % 3 else f"c{k}" for k in range(len(kinds))]
    return "\n".join(map(",".join, [names, *rows])) + "\n"


def outcome(path):
    try:
        return read_table(path, Layout())
    except JobError as error:
        return str(error)


@pytest.mark.parametrize("seed", range(30))
def test_blocks_give_what_the_whole_file_gives(tmp_path, monkeypatch, seed):
    rng = np.random.default_rng(seed)
    path = tmp_path / "t.csv"
    path.write_text(written(rng, rng.choice(list(USUAL), 5)))
    found = outcome(path)
    monkeypatch.setattr(_blocks, "_LOOK_ROWS", 10 * ROWS)
    whole = outcome(path)
    assert type(found) is type(whole)
    if isinstance(whole, str):
        assert found == whole
        return
    pd.testing.assert_frame_equal(found[0], whole[0])
    assert found[1:] == whole[1:]


def test_most_blocks_are_read_once(tmp_path, monkeypatch):
    (tmp_path / "t.csv").write_text("a,b\n" + '1,"2,5"\n' * ROWS)
    again = []
    monkeypatch.setattr(
        _blocks, "_read_again", lambda read, places: again.append(places) or {}
    )
    found, *_ = read_table(tmp_path / "t.csv", Layout())
    assert again == [[]] and list(found.dtypes) == ["int64", "float64"]
    assert found["b"].eq(2.5).all() and len(found) == ROWS


def test_an_encoding_that_fails_late_is_not_kept(tmp_path):
    text = "a,b\n" + "1,x\n" * ROWS + "2,\u00e9\n"
    (tmp_path / "t.csv").write_bytes(text.encode("cp1252"))
    found, _, notes = read_table(tmp_path / "t.csv", Layout())
    assert found["b"].iloc[-1] == "\u00e9" and "cp1252" in notes[-1]


def test_a_wide_file_with_dates_is_one_table(tmp_path):
    dates = [f"2020-{1 + i % 12:02d}-03" for i in range(ROWS)]
    frame = pd.DataFrame({f"x{k}": np.arange(ROWS) % 7 + 0.5 for k in range(120)})
    frame = frame.assign(when=dates, y=[f"{i % 2 == 0}" for i in range(ROWS)])
    frame.to_csv(tmp_path / "t.csv", index=False)
    table = load_csv(tmp_path / "t.csv", "y", None, 0.25, 0, Selection())
    assert table.X_train.shape[1] == 123
    assert table.X_train.columns[-1] == "when (weekday)"


def test_progress_and_packed_files(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(_blocks, "_MIB", 1)
    monkeypatch.setattr("sklip._progress._SECONDS_BETWEEN_LINES", 0.0)
    frame = pd.DataFrame({"a": range(40_000), "b": ["x"] * 40_000})
    for name in ("t.csv", "t.csv.gz"):
        frame.to_csv(tmp_path / name, index=False)
        monkeypatch.setattr(_blocks, "_LOOK_ROWS", 10_000)
        found, *_ = read_table(tmp_path / name, Layout())
        pd.testing.assert_frame_equal(found, frame)
        assert ("MiB read, about" in capsys.readouterr().err) == (name == "t.csv")
