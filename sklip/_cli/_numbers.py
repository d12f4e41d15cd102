# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Columns of text that hold numbers in a local notation, made into numbers."""

import re
from collections import defaultdict

import numpy as np

from sklip._cli._errors import JobError, shown
from sklip._cli._notation import find_notation

__all__ = ["read_numbers"]

# Cells that are looked at before a whole column is.
_FEW = 50
# A cell like this says that there is no number.
_NO_WORD = re.compile(r"[\W_]*")
# With fewer numbers they may be codes, and a word beside them one more.
_MOST_CODES = 12
_THOUSANDS = re.compile(r"-?[1-9]\d{0,2}(\.\d{3})+")


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
    mark = decimal or _mark_of(frame, found, read_text)
    for name, (notation, _) in doubtful.items():
        if mark is None:
            raise JobError(_question(name, notation.doubt))
        found[name] = _notation(frame[name].dropna(), mark)
    if mark == ",":
        found |= _reread(frame, read_text)
    return _apply(frame, found)


def _notation(cells, decimal):
    """Notation and numbers of filled cells; NaN where they say that there is none."""
    cells = [str(cell).strip() for cell in cells]
    if 2 * sum(map(_has_digit, cells[:_FEW])) < len(cells[:_FEW]):
        return None
    gap = _gap(cells)
    filled = [cell for cell in cells if not gap(cell)]
    if find_notation(filled[:_FEW], decimal) is None:
        return None
    found = find_notation(filled, decimal)
    if found is None or len(filled) == len(cells):
        return found
    numbers = np.full(len(cells), np.nan)
    numbers[[not gap(cell) for cell in cells]] = found[1]
    return found[0], numbers


def _has_digit(text):
    return any(map(str.isdigit, text))


def _gap(cells):
    """Which cells of a column of numbers stand for none: dashes, or always one word."""
    words = {cell for cell in cells if not _has_digit(cell)}
    if all(map(_NO_WORD.fullmatch, words)):
        return words.__contains__
    numbers = [cell for cell in cells if _has_digit(cell)]
    if len(words) == 1 and len(set(numbers)) > _MOST_CODES:
        return words.__contains__
    return set().__contains__


def _mark_of(frame, found, read_text):
    """The decimal mark that clear columns use; None if none does, or both."""
    marks = {notation.decimal for notation, _ in found.values()} - {""}
    fractions = [name for name in frame.columns if frame[name].dtype.kind == "f"]
    if not marks and fractions:
        # Fractions that pandas could read have a point, unless it parts thousands.
        if all(map(_may_be_thousands, (frame[name] for name in fractions))):
            _refuse_thousands(read_text(fractions))
        return "."
    return marks.pop() if len(marks) == 1 else None


def _may_be_thousands(column):
    """Whether fractions have three digits, and there are whole numbers beside them."""
    values = column.dropna().to_numpy()
    whole = values == np.rint(values)
    fractions = values[~whole]
    in_threes = np.abs(fractions * 1e3 - np.rint(fractions * 1e3)) < 1e-6
    return bool(whole.any() and len(fractions) and in_threes.all())


def _refuse_thousands(text):
    """Ask where 1.234 stands beside 950, and nothing says that it is a fraction."""
    for name in text.columns:
        cells = [cell.strip() for cell in text[name].dropna()]
        marked = [cell for cell in cells if "." in cell]
        if len(marked) == len(cells) or not all(map(_THOUSANDS.fullmatch, marked)):
            return
    raise JobError(_question(name, marked[0]))


def _question(name, cell):
    return (
        f"Column {name!r} holds numbers like {cell!r}, whose mark may stand "
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
    described, gaps = defaultdict(list), defaultdict(list)
    for name, (notation, numbers) in found.items():
        column = frame[name]
        values = column.map(lambda _: float("nan")).astype("float64")
        values[column.notna()] = numbers
        frame[name] = values
        for cell in sorted({str(c).strip() for c in column[np.isnan(values)].dropna()}):
            gaps[cell].append(name)
        if not notation.is_plain:
            described[notation.describe()].append(name)
    return [
        f"Read as numbers ({how}): {shown(names)}." for how, names in described.items()
    ] + [
        f"Cells {cell!r} count as missing: {shown(names)}."
        for cell, names in gaps.items()
    ]
