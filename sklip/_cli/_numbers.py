# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Columns of text that hold numbers in a local notation, made into numbers."""

from collections import defaultdict

from sklip._cli._errors import JobError, shown
from sklip._cli._notation import find_notation

__all__ = ["read_numbers"]

# Cells that are looked at before a whole column is.
_FEW = 50


def read_numbers(frame, decimal, read_text):
    """Make the columns numeric that are numbers in one notation.

    Parameters
    ----------
    frame : DataFrame
        As pandas reads it; changed in place.
    decimal : {".", ","} or None
        The decimal mark, if it was said.
    read_text : callable
        ``read_text(columns)``: these columns again, every cell as it stands.

    Returns
    -------
    notes : list of str
        How columns were read that any program would read otherwise.
    """
    found, doubtful = {}, {}
    for name in frame.columns:
        if frame[name].dtype.kind in "iufbM":
            continue
        cells = frame[name].dropna()
        result = _notation(cells, decimal)
        if result is None:
            continue
        (doubtful if result[0].doubt else found)[name] = result
    mark = decimal or _mark_of(frame, found)
    for name, (notation, _) in doubtful.items():
        if mark is None:
            raise JobError(_question(name, notation))
        found[name] = _notation(frame[name].dropna(), mark)
    if mark == ",":
        found |= _reread(frame, read_text)
    return _apply(frame, found)


def _notation(cells, decimal):
    cells = [str(cell) for cell in cells]
    if find_notation(cells[:_FEW], decimal) is None:
        return None
    return find_notation(cells, decimal)


def _mark_of(frame, found):
    """The decimal mark that clear columns use; None if none does, or both."""
    marks = {notation.decimal for notation, _ in found.values()} - {""}
    if not marks and any(column.dtype.kind == "f" for _, column in frame.items()):
        # Fractions that pandas could read have a point.
        return "."
    return marks.pop() if len(marks) == 1 else None


def _question(name, notation):
    return (
        f"Column {name!r} holds numbers like {notation.doubt!r}, whose mark may stand "
        "before a fraction or between thousands: say --decimal . or --decimal ,."
    )


def _reread(frame, read_text):
    """Where fractions have commas, a point that pandas read as decimal may not be."""
    columns = [name for name in frame.columns if frame[name].dtype.kind == "f"]
    found = {}
    if columns:
        text = read_text(columns)
        for name in columns:
            result = _notation(text[name].dropna(), ",")
            if result is not None and result[0].thousands:
                found[name] = result
                frame[name] = text[name]
    return found


def _apply(frame, found):
    described = defaultdict(list)
    for name, (notation, numbers) in found.items():
        column = frame[name]
        values = column.map(lambda _: float("nan")).astype("float64")
        values[column.notna()] = numbers
        frame[name] = values
        if not notation.is_plain:
            described[notation.describe()].append(name)
    return [
        f"Read as numbers ({how}): {shown(names)}." for how, names in described.items()
    ]
