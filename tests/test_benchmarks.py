# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The table that benchmarks resume (``benchmarks/_harness.py``)."""

import runpy
import sys

import pytest


@pytest.fixture
def harness(repository):
    return runpy.run_path(str(repository / "benchmarks" / "_harness.py"))


def refuse():
    raise AssertionError("this was measured before")


def test_a_row_is_measured_once_and_resumed(harness, tmp_path):
    path = tmp_path / "t.csv"
    table = harness["Table"](path, ["a", "b", "value"], form="{:g}".format)
    table.fill(("x", 0.1), lambda: [2.0])
    table.fill(("x", 0.1), refuse)
    again = harness["Table"](path, ["a", "b", "value"], form="{:g}".format)
    again.fill(("x", 0.1), refuse)
    again.fill(("x", 0.2), lambda: [3.5])
    assert path.read_text() == "a,b,value\nx,0.1,2\nx,0.2,3.5\n"
    assert [row["value"] for row in again.find("x")] == ["2", "3.5"]
    assert again.find("y") == []


def test_a_group_that_fails_half_way_leaves_nothing(harness, tmp_path):
    path = tmp_path / "t.csv"
    table = harness["Table"](path, ["part", "name", "value"], echo=False)

    def half():
        yield "first", 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        table.fill_group(("p",), half)
    assert not path.exists()
    table.fill_group(("p",), lambda: [("first", 1), ("second", 2)])
    table.fill_group(("p",), refuse)
    assert path.read_text().splitlines()[1:] == ["p,first,1", "p,second,2"]


def test_a_row_of_another_length_is_refused(harness):
    table = harness["Table"](None, ["a", "b"])
    with pytest.raises(ValueError):
        table.add(["x", 1, 2])


def test_time_is_the_call_s_own(harness):
    result, seconds = harness["timed"](lambda: sum(range(200_000)))
    assert result == 19999900000
    assert 0.0 < seconds < 10.0


def test_options_have_the_type_of_their_default(harness, monkeypatch):
    words = ["x", "net.npz", "--time-limit", "3", "--output", "o.csv"]
    monkeypatch.setattr("sys.argv", words)
    options = harness["parse"]("doc", time_limit=1.5, NETS={"nargs": "*"})
    assert (options.time_limit, options.nets) == (3.0, ["net.npz"])
    assert options.output == "o.csv"


def test_a_peer_that_fails_has_a_row_that_says_so(repository, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(repository / "benchmarks"))
    compare = runpy.run_path(str(repository / "benchmarks" / "compare.py"))
    line = compare["LINES"][0]
    names = compare["measure"].__globals__
    monkeypatch.setitem(names, "python_of", lambda package, folder: None)
    assert compare["measure"](line, "", 1) == [["", "does not install", ""]]
    monkeypatch.setitem(names, "_WORK", repository / "no such file.py")
    monkeypatch.setitem(names, "python_of", lambda package, folder: sys.executable)
    ((_, failed, _),) = compare["measure"](line, "", 60)
    assert failed.startswith("failed: ")
    row = dict(zip(compare["COLUMNS"], [*line, "", failed, ""], strict=True))
    compare["print_tables"]([row])
    assert line[2] in capsys.readouterr().out


def test_a_row_is_measured_again_in_its_place(harness, tmp_path):
    path = tmp_path / "t.csv"
    table = harness["Table"](path, ["a", "value", "version"])
    for name in ("x", "y"):
        table.fill((name,), lambda: [1, "old"])
    table.replace(("x",), lambda: [2, "new"])
    again = harness["Table"](path, table.columns)
    assert again.rows == table.rows
    assert path.read_text() == "a,value,version\nx,2,new\ny,1,old\n"
    assert [*tmp_path.iterdir()] == [path]
