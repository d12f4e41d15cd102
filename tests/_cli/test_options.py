# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Every option of every command runs, a few at a time, as a user starts it."""

import re
import subprocess
import sys

import pytest

from sklip.__main__ import _COMMANDS, _command_parser, _parser

TRAIN = {
    "text": (
        "text.csv --target label --task classification --drop c --categorical code "
        "--sep ; --decimal , --encoding cp1252 --test-size 0.3 --random-state 3 "
        "--penalty product --lipschitz-weight 0.2 --hidden-layer-sizes 6 "
        "--max-iter 4 --device cpu --radius 0.2 0.4 --group code --report r.html "
        "--plot p.png --save m.skops --explain 2"
    ),
    "tolerance": (
        "train plain.csv --target y --columns a b --no-baselines --max-iter 3 "
        "--tolerance a=0.5 b=2 --norm inf --estimator admm --lipschitz-bound 2 "
        "--hidden-layer-sizes 4"
    ),
    "search": (
        "nameless.csv --no-header --target column_3 --estimator noise --noise-std 0.3 "
        "--search --no-baselines --max-iter 1 --hidden-layer-sizes 3"
    ),
}
AFTER = {
    "certify": (
        "certify m.skops text.csv --sep ; --decimal , --encoding cp1252 --report "
        "new.csv --radius 0.3 --tolerance a=1 --norm 2 --trust a.Type --explain 2"
    ),
    "check": "check m.skops --data text.csv --trust a.Type",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, table):
    folder = tmp_path_factory.mktemp("options")
    text = table[["a", "b", "label"]].assign(c=1.0, code=[1, 2, 3, 4] * 20)
    text.to_csv(
        folder / "text.csv", sep=";", decimal=",", encoding="cp1252", index=False
    )
    plain = table[["a", "b"]].assign(z=0.5 * table.a, y=table.score)
    plain.to_csv(folder / "plain.csv", index=False)
    plain[["a", "b", "y"]].to_csv(folder / "nameless.csv", index=False, header=False)
    return folder


@pytest.fixture
def run(folder):
    """A process of its own."""

    def run(line):
        return subprocess.run(
            [sys.executable, "-m", "sklip", *line.split()],
            cwd=folder,
            capture_output=True,
            text=True,
        )

    return run


def test_text(folder, run):
    done = run(TRAIN["text"])
    assert_trained(done)
    assert "3 numeric" not in done.stdout
    assert done.stdout.count("would flip it to") == 2
    assert (folder / "p.png").read_bytes()[:4] == b"\x89PNG"
    assert "<table" in (folder / "r.html").read_text()
    certified, checked = run(AFTER["certify"]), run(AFTER["check"])
    assert certified.returncode == 0, certified.stderr
    assert certified.stdout.count("would flip it to") == 2
    assert len((folder / "new.csv").read_text().splitlines()) == 81
    assert checked.returncode == 0, checked.stdout
    assert checked.stdout.endswith("Everything holds.\n")


def test_tolerance(run):
    done = run(TRAIN["tolerance"])
    assert_trained(done)
    assert "'a' 0.5; 'b' 2" in " ".join(done.stdout.split())


def test_search(run):
    done = run(TRAIN["search"])
    assert_trained(done)
    assert "--search chose lipschitz_weight" in done.stdout


def assert_trained(done):
    assert done.returncode == 0, done.stderr
    assert "test accuracy" in done.stdout or "test R2" in done.stdout


def test_no_option_is_left_out():
    used = set(re.findall(r"--[a-z-]+", " ".join([*TRAIN.values()])))
    assert options_of(_parser()) == used
    for name, line in AFTER.items():
        parser = _command_parser(name, _COMMANDS[name])
        known = options_of(parser)
        # Without a header nothing can be taken by name.
        assert known - {"--no-header"} == set(re.findall(r"--[a-z-]+", line))


def options_of(parser):
    names = {name for action in parser._actions for name in action.option_strings}
    return {name for name in names if name[:2] == "--"} - {"--help", "--version"}
