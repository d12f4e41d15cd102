# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Numbers in twenty notations come back equal; what is no number stays text.

Also tests of ``_cli/_numbers.py``.
"""

import numpy as np
import pytest

from sklip._cli._notation import find_notation


def grouped(value, digits, decimal, thousands):
    text = f"{abs(value):,.{digits}f}"
    for old, new in ((",", "T"), (".", "D"), ("T", thousands), ("D", decimal)):
        text = text.replace(old, new)
    return text


def indian(value, digits):
    whole, _, fraction = f"{abs(value):.{digits}f}".partition(".")
    head, tail = whole[:-3], whole[-3:]
    while head:
        tail = f"{head[-2:]},{tail}"
        head = head[:-2]
    return f"{tail}.{fraction}"


def signed(value, text):
    return f"-{text}" if value < 0 else text


NOTATIONS = {
    "plain": lambda v: f"{v:.2f}",
    "decimal comma": lambda v: f"{v:.2f}".replace(".", ","),
    "German": lambda v: signed(v, grouped(v, 2, ",", ".")),
    "English": lambda v: signed(v, grouped(v, 2, ".", ",")),
    "Swiss": lambda v: signed(v, grouped(v, 2, ".", "'")),
    "Swiss typeset": lambda v: signed(v, grouped(v, 2, ".", "\u2019")),
    "French": lambda v: signed(v, grouped(v, 2, ",", "\u202f")),
    "spaces": lambda v: signed(v, grouped(v, 2, ",", " ")),
    "no-break spaces": lambda v: signed(v, grouped(v, 2, ",", "\u00a0")),
    "underscores": lambda v: signed(v, grouped(v, 2, ".", "_")),
    "India": lambda v: signed(v, indian(v, 2)),
    "dollars": lambda v: signed(v, "$" + grouped(v, 2, ".", ",")),
    "sign inside": lambda v: "$" + signed(v, grouped(v, 2, ".", ",")),
    "euros": lambda v: signed(v, grouped(v, 2, ",", ".") + " \u20ac"),
    "code": lambda v: "CHF " + signed(v, grouped(v, 2, ".", "'")),
    "per cent": lambda v: f"{v:.2f} %".replace(".", ","),
    "unit": lambda v: signed(v, grouped(v, 2, ".", ",") + " km/h"),
    "unit attached": lambda v: f"{v:.2f}kg",
    "brackets": lambda v: (
        f"({grouped(v, 2, '.', ',')})" if v < 0 else grouped(v, 2, ".", ",")
    ),
    "minus behind": lambda v: grouped(v, 2, ",", ".") + ("-" if v < 0 else ""),
    "typeset minus": lambda v: f"{v:.2f}".replace("-", "\u2212"),
    "exponent": lambda v: f"{v:.8e}",
    "plus": lambda v: f"{v:+.2f}",
}


@pytest.mark.parametrize("name", NOTATIONS)
@pytest.mark.parametrize("seed", range(5))
def test_numbers_come_back(name, seed):
    rng = np.random.default_rng(seed)
    size = 10.0 ** rng.integers(0, 8)
    values = np.round(rng.normal(size=30) * size, 2)
    values[:2] = 0.25, 1234567.5  # so that no mark is in doubt
    notation, found = find_notation([NOTATIONS[name](v) for v in values])
    assert notation.doubt is None
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize(
    "cells, unit",
    [(["5 kg", "7 kg"], "kg"), (["3%", "4%"], "%"), (["\u20ac3", "\u20ac4"], "\u20ac")],
)
def test_the_unit_is_named(cells, unit):
    notation, _ = find_notation(cells)
    assert unit in notation.describe()


@pytest.mark.parametrize(
    "cells",
    [
        ["a", "1"],
        ["zone 3", "zone 4"],
        ["Q1", "Q2"],
        ["5 kg", "7 lb"],
        ["5 kg", "7"],
        ["2020-01-02", "2020-01-03"],
        ["12:30", "13:30"],
        ["1.2.3", "4.5.6"],
        ["192.168.0.1"],
        ["1,23", "4.56"],  # a comma and a point before the fraction
        ["1,2345,678"],
        ["--5"],
        ["(5"],
        ["-(5)"],
        ["1/2"],
        ["3-4"],
        [""],
        [],
    ],
)
def test_what_is_no_number_in_one_notation(cells):
    assert find_notation(cells) is None


def test_a_mark_that_may_be_either_is_a_doubt():
    notation, _ = find_notation(["1,234", "12"])
    assert notation.doubt == "1,234"
    for decimal, value in ((".", 1234.0), (",", 1.234)):
        notation, found = find_notation(["1,234", "12"], decimal)
        assert notation.doubt is None
        np.testing.assert_array_equal(found, [value, 12.0])
    assert find_notation(["1.234"], ",")[1] == [1234.0]
    assert find_notation(["1.5"], ",") is None
