# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The radius that bounded classifiers are trained for, in closed form."""

import math

import numpy as np
import pandas as pd
import pytest

from sklip._cli._columns import sort_columns
from sklip._cli._data import Table
from sklip._cli._reach import trained_radius
from sklip._cli._threat import Threat


@pytest.fixture
def table():
    """Standardised, the classes are at -1 and 1 in one column, another is noise."""
    y = np.repeat(["u", "v"], 50)
    b = np.tile(np.arange(50.0), 2)
    X = pd.DataFrame({"a": np.where(y == "u", 10.0, 30.0), "b": b})
    return Table("t", "y", "classification", X, X, y, y, sort_columns(X, {}))


@pytest.mark.parametrize(
    "radii, expected",
    [
        ((0.25, 0.5), 0.7),  # 1.4 times the largest
        ((0.25, 0.5, 1.0), 1.0),  # half the way between the classes
        ((1.25, 2.0), 1.25),  # the smallest that is asked for
        ((1e-320,), 1e-100),
    ],
)
def test_of_standard_deviations(table, radii, expected):
    threat = Threat(table.spread)
    assert trained_radius(table, threat, radii) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(
    "norm, length", [(math.inf, math.hypot(0.4, 0.2)), (2, 0.4), (1, 0.4)]
)
def test_of_tolerances(table, norm, length):
    spread = table.spread
    eps = {"a": (0.1 * spread["a"], 0.4 * spread["a"]), "b": 0.2 * spread["b"]}
    radius = trained_radius(table, Threat(eps, norm, stated=True), (0.5, 1.0))
    assert radius == pytest.approx(1.4 * length, rel=0.01)
