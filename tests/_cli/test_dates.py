# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Dates and times as numbers."""

import numpy as np
import pandas as pd
import pytest

from sklip._cli._dates import find_dates, with_date_parts

MOMENTS = pd.date_range("2019-11-28 07:30", periods=40, freq="53h")


@pytest.mark.parametrize(
    "written",
    ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y/%m/%d %H:%M:%S",
     "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%m-%d-%Y %H:%M:%S",
     "%d %b %Y %H:%M", "%B %d, %Y %H:%M", "%d-%b-%Y %H:%M", "%m/%d/%Y %I:%M %p", None],
)  # fmt: skip
def test_all_notations_say_the_same(written):
    cells = MOMENTS if written is None else MOMENTS.strftime(written)
    plans, doubtful = find_dates(pd.DataFrame({"t": cells, "x": 1.0}))
    assert (list(plans), doubtful) == (["t"], [])
    frame, lost = with_date_parts(pd.DataFrame({"t": cells, "x": 1.0}), plans)
    parts = ["t (days)", "t (month)", "t (weekday)", "t (hour)"]
    assert (list(frame.columns), lost) == ([*parts, "x"], {})
    seconds = (MOMENTS - pd.Timestamp("1970-01-01")).total_seconds()
    assert frame["t (days)"].to_numpy() == pytest.approx(seconds / 86400, rel=1e-12)
    assert list(frame["t (month)"]) == list(MOMENTS.month)
    assert list(frame["t (weekday)"]) == [moment.weekday() for moment in MOMENTS]
    hours = MOMENTS.hour + MOMENTS.minute / 60
    assert frame["t (hour)"].to_numpy() == pytest.approx(hours.to_numpy(), abs=1e-8)


def test_days_alone_have_no_hour():
    cells = pd.Series(["2020-01-01", None, "2020-03-05"] * 3)
    plans, _ = find_dates(pd.DataFrame({"t": cells}))
    assert plans["t"]["parts"] == ["days", "month", "weekday"]
    frame, lost = with_date_parts(pd.DataFrame({"t": cells}), plans)
    assert np.array_equal(frame["t (days)"].isna(), cells.isna())
    assert lost == {}


def test_times_of_day():
    cells = ["07:30", "23:59:30", "0:00"]
    plans, _ = find_dates(pd.DataFrame({"t": cells}))
    frame, _ = with_date_parts(pd.DataFrame({"t": cells}), plans)
    assert frame["t (hour)"].to_numpy() == pytest.approx([7.5, 24 - 1 / 120, 0.0])


@pytest.mark.parametrize(
    "cells, days",
    [([20240131, 20240229, 20231205], [19753.0, 19782.0, 19696.0]),
     ([20240131.0, None, 20231205.0], [19753.0, np.nan, 19696.0]),
     (["2024-01", "2024-02", "2023-12"], [19723.0, 19754.0, 19692.0])],
)  # fmt: skip
def test_dates_of_digits_and_of_months(cells, days):
    frame = pd.DataFrame({"t": cells})
    plans, _ = find_dates(frame)
    found = with_date_parts(frame, plans)[0]["t (days)"]
    np.testing.assert_array_equal(found, days)


def test_how_long_it_took():
    frame = pd.DataFrame({"t": ["30:30", "2:15:36", "0:45"]})
    plans, _ = find_dates(frame)
    found = with_date_parts(frame, plans)[0]["t (hours)"]
    assert found.to_numpy() == pytest.approx([30.5, 2.26, 0.75])


def test_day_and_month_are_not_guessed():
    frame = pd.DataFrame({"t": ["01/02/2020", "03/04/2021"], "u": ["1.2.2020"] * 2})
    frame["v"] = ["31.12.99", "01.02.03"]
    plans, doubtful = find_dates(frame)
    assert doubtful == ["t", "v"]
    assert plans["u"]["order"] == "day first"


@pytest.mark.parametrize(
    "cells",
    [["a", "b"], ["2020-01-01", "soon"], ["1.5", "2.5"], ["12", "13"], [None, None],
     ["2020-13-45"], [20240131, 20240132], [20240101, 20240102],
     ["31/31/2020", "13/01/2020", "01/13/2020"], [True, False]],
)  # fmt: skip
def test_what_is_no_date(cells):
    assert find_dates(pd.DataFrame({"t": cells})) == ({}, [])


def test_cells_that_are_no_dates_are_counted():
    plans = {"t": {"order": "iso", "parts": ["days"]}}
    frame, lost = with_date_parts(
        pd.DataFrame({"t": ["2020-01-01", "never", None]}), plans
    )
    assert lost == {"t": 1}
    assert list(frame["t (days)"].isna()) == [False, True, True]
