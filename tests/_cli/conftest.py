# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Tables and calls of the command line."""

import types

import numpy as np
import pandas as pd
import pytest

from sklip.__main__ import main

QUICK = ("--max-iter", "15", "--hidden-layer-sizes", "70", "--no-baselines")


def make_table(n=80):
    """Numbers, text, true and false, a date, a label and a number to learn."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=n), "b": 100 * rng.normal(size=n)})
    frame["kind"] = rng.choice(["u", "v", "w"], n)
    frame["when"] = pd.date_range("2020-01-01", periods=n, freq="37h").astype(str)
    frame["flag"] = rng.random(n) < 0.5
    frame["gaps"] = np.where(rng.random(n) < 0.2, None, rng.random(n) < 0.5)
    frame["label"] = np.where(frame.a + frame.b / 100 > 0, "yes", "no")
    frame["score"] = 50 + 10 * frame.a + frame.b / 20
    return frame


@pytest.fixture(scope="session")
def table():
    """The table; not to be changed."""
    return make_table()


@pytest.fixture
def call(capsys):
    """Run the command; code, text and errors."""

    def call(*arguments):
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        text = " ".join(out.split())
        return types.SimpleNamespace(code=code, out=out, text=text, err=err)

    return call


@pytest.fixture(scope="session")
def folder(tmp_path_factory, table):
    """A folder with the table and a saved model for each task."""
    folder = tmp_path_factory.mktemp("saved")
    path = folder / "t.csv"
    table.to_csv(path, index=False)
    for target, other in (("label", "score"), ("score", "label")):
        options = (path, "--target", target, "--drop", other, *QUICK)
        model = folder / f"{target}.skops"
        assert main([*map(str, options), "--save", str(model)]) == 0
    return folder
