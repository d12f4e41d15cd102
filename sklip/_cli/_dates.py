# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Columns of dates and times, made into numbers."""

import re

from sklip._cli._errors import shown

__all__ = ["describe_dates", "find_dates", "part_name", "with_date_parts"]

# Cells that are looked at before a whole column is.
_FEW = 50
_TIME = r"(?P<time>\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?[AaPp][Mm])?)"
_ZONE = r"(Z|[+-]\d{2}:?\d{2})?"
_NAME = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_NAMED = rf"(\d{{1,2}}[ -]{_NAME}[ -]|{_NAME} \d{{1,2}},? )\d{{4}}"
# Formats of a whole cell; "dayfirst" orders share one look.
_SHAPES = {
    "iso": re.compile(rf"\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}([ T]{_TIME}{_ZONE})?"),
    "numbers": re.compile(rf"\d{{1,2}}[-/.]\d{{1,2}}[-/.]\d{{4}}([ T]{_TIME})?"),
    "time": re.compile(_TIME),
    "named": re.compile(rf"{_NAMED}([ T]{_TIME})?", re.I),
    "month": re.compile(r"\d{4}[-/]\d{1,2}"),
    "short year": re.compile(rf"\d{{1,2}}[-/.]\d{{1,2}}[-/.]\d{{2}}([ T]{_TIME})?"),
}
# Whole numbers such as 20240131.
_FIRST, _LAST = 19000101, 21001231
_ENDS = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.]\d{4}")
# The weekday of 1970-01-01.
_THURSDAY = 3.0
_PARTS = ("days", "month", "weekday", "hour")


def find_dates(frame):
    """Columns of dates or times, how each is read, and sentences about them.

    Returns
    -------
    plans : dict of str to dict
        For :func:`with_date_parts`: "order" of the fields, and "parts" that differ
        between rows.
    doubtful : list of str
        Columns whose fields may be day and month, or month and day.
    """
    plans, doubtful = {}, []
    for name in frame.columns:
        if frame[name].dtype.kind == "M":
            order = "parsed"
        elif frame[name].dtype.kind in "iuf":
            order = "digits" if _are_digits(frame[name].dropna()) else None
        elif frame[name].dtype.kind in "bmc":
            continue
        else:
            order = _order(frame[name].dropna())
        if order == "doubtful":
            doubtful.append(name)
        elif order is not None:
            moments = _moments(frame[name], order)
            if moments.notna().any():
                plans[name] = {"order": order, "parts": _varying(moments, order)}
    return plans, doubtful


def with_date_parts(frame, plans):
    """The frame with each column of dates replaced by its parts, as numbers.

    Returns
    -------
    frame : DataFrame
        "days" counts from 1970, "hour" from midnight; Monday is weekday 0.
    lost : dict of str to int
        Columns with cells that are no dates, which count as missing, and how many.
    """
    import pandas

    columns, lost = {}, {}
    for name in frame.columns:
        if name not in plans:
            columns[name] = frame[name]
            continue
        moments = _moments(frame[name], plans[name]["order"])
        n = int((moments.isna() & frame[name].notna()).sum())
        if n:
            lost[name] = n
        for part in plans[name]["parts"]:
            columns[part_name(name, part)] = _part(moments, part)
    if columns.keys() == set(frame.columns):
        return frame, lost
    return pandas.DataFrame(columns, index=frame.index, copy=False), lost


def part_name(column, part):
    """Name of the column of numbers."""
    return f"{column} ({part})"


def describe_dates(plans, doubtful):
    """Sentences of the report."""
    notes = []
    for name, plan in plans.items():
        notes.append(f"Dates in {name!r} become numbers: {', '.join(plan['parts'])}.")
    if doubtful:
        notes.append(
            "Left out (dates whose day, month and year cannot be told apart): "
            f"{shown(doubtful)}."
        )
    return notes


def _order(cells):
    """How all cells are written: a shape, or for numbers which comes first."""
    cells = [str(cell).strip() for cell in cells]
    shape = next(
        (
            k
            for k, s in _SHAPES.items()
            if cells and all(map(s.fullmatch, cells[:_FEW]))
        ),
        None,
    )
    if shape is None or not all(map(_SHAPES[shape].fullmatch, cells)):
        return None
    if shape != "numbers":
        return "doubtful" if shape == "short year" else shape
    ends = {_ENDS.match(cell).groups() for cell in cells}
    first, second = (max(int(end[k]) for end in ends) for k in (0, 1))
    if first > 12 and second > 12:
        return None
    if first > 12:
        return "day first"
    if second > 12:
        return "month first"
    # A point between the fields is European.
    return "day first" if all("." in cell for cell in cells) else "doubtful"


def _are_digits(numbers):
    """Whether they are all dates such as 20240131, of more than one month."""
    import pandas

    if not numbers.between(_FIRST, _LAST).all() or not (numbers % 1 == 0).all():
        return False
    days = pandas.Series(numbers.unique()).astype("int64")
    if (days // 100).nunique() < 2:
        return False
    return bool(_moments(days, "digits").notna().all())


def _moments(column, order):
    """Timestamps without a zone; NaT for what is none."""
    import pandas

    if order == "parsed" and column.dtype.kind == "M":
        moments = column
    elif order == "time":
        moments = _times(column.astype("string").str.strip())
    elif order == "digits":
        text = column.astype("string").str.replace(r"\.0$", "", regex=True)
        moments = pandas.to_datetime(text, errors="coerce", format="%Y%m%d")
    else:
        text = column.astype("string").str.strip()
        if order != "month first":
            text = text.str.replace(r"^(\d{4})[/.](\d+)[/.]", r"\1-\2-", regex=True)
        moments = pandas.to_datetime(
            text,
            errors="coerce",
            format="mixed",
            dayfirst=order == "day first",
            utc=True,
        )
    if getattr(moments.dt, "tz", None) is not None:
        moments = moments.dt.tz_convert("UTC").dt.tz_localize(None)
    return moments


def _times(text):
    """Of a day, or how long something took."""
    import pandas

    day = "1970-01-01"
    moments = pandas.to_datetime(f"{day} " + text, errors="coerce", format="mixed")
    long = moments.isna() & text.notna()
    if long.any():
        full = text[long].where(text[long].str.count(":") > 1, text[long] + ":00")
        spans = pandas.to_timedelta(full, errors="coerce")
        moments[long] = pandas.Timestamp(day) + spans
    return moments


def _varying(moments, order):
    """Parts that differ between rows; the days if none does."""
    if order == "time":
        return ["hour" if _part(moments, "hours").max() < 24.0 else "hours"]
    parts = [part for part in _PARTS if _part(moments, part).nunique() > 1]
    return parts or ["days"]


def _part(moments, part):
    import pandas

    if part == "month":
        return moments.dt.month.astype("float64")
    day = pandas.Timedelta(days=1)
    days = (moments - pandas.Timestamp("1970-01-01")) / day
    if part == "days":
        return days
    if part == "weekday":
        return (days // 1.0 + _THURSDAY) % 7.0
    if part == "hours":
        return (days * 24.0).round(9)
    return (days % 1.0 * 24.0).round(9)
