# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Files are written whole or not at all."""

import os
import stat
import sys

import pytest

from sklip._files import replacing

posix = pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX")


def write(path, text):
    with replacing(path) as beside:
        beside.write_text(text)


def test_new_and_old_files_hold_what_was_written(tmp_path):
    path = tmp_path / "model.skops"
    for text in ("first", "second, which is longer", "3"):
        write(path, text)
        assert path.read_text() == text
        assert os.listdir(tmp_path) == ["model.skops"]


@pytest.mark.parametrize("error", [OSError(28, "No space left"), KeyboardInterrupt()])
@pytest.mark.parametrize("exists", [True, False])
def test_an_error_on_the_way_changes_nothing(tmp_path, error, exists):
    path = tmp_path / "plot.png"
    if exists:
        path.write_text("old")
    with pytest.raises(type(error)), replacing(path) as beside:
        beside.write_text("half of the n")
        raise error
    assert os.listdir(tmp_path) == ["plot.png"] * exists
    assert not exists or path.read_text() == "old"


def test_the_old_file_is_there_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with replacing(path) as beside:
        assert beside.parent == path.parent and beside.suffix == ".csv"
        beside.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_the_contents_are_synced_before_the_names_are_swapped(tmp_path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda f: (calls.append("sync"), fsync(f)))
    monkeypatch.setattr(os, "replace", lambda *a: (calls.append("swap"), replace(*a)))
    write(tmp_path / "a", "b")
    assert calls[:2] == ["sync", "swap"]


@posix
def test_permissions_stay_and_new_ones_follow_the_mask(tmp_path):
    path = tmp_path / "a"
    write(path, "1")
    (tmp_path / "plain").write_text("")
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode
    path.chmod(0o640)
    write(path, "2")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@posix
def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "data").mkdir()
    target, link = tmp_path / "data" / "model", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    write(link, "new")
    assert link.is_symlink() and target.read_text() == "new"


@posix
def test_what_is_no_file_is_written_directly(tmp_path):
    with replacing(os.devnull) as beside:
        assert str(beside) == os.devnull
    assert not os.path.isfile(os.devnull)


@pytest.mark.skipif(sys.platform == "win32", reason="folders are made read-only")
def test_a_folder_that_does_not_exist_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "no" / "a"):
        raise AssertionError("nothing to write to")
