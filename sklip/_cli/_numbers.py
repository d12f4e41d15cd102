# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Columns of text that hold numbers in a local notation, made into numbers."""

import re
from collections import defaultdict

import numpy as np

from sklip._cli._cells import Cells
from sklip._cli._errors import JobError, shown
from sklip._cli._notation import notation_of, read_cells

__all__ = ["may_be_numbers", "read_numbers"]

# Cells that are looked at before a whole column is.
_FEW = 50
# A cell like this says that there is no number.
_NO_WORD = re.compile(r"[\W_]*")
# With fewer numbers they may be codes, and a word beside them one more.
_MOST_CODES = 12
_THOUSANDS = re.compile(r"-?[1-9]\d{0,2}(\.\d{3})+")


def read_numbers(frame, decimal, read_text, cells=None):
    """Make the columns numeric that are numbers in one notation.

    Parameters
    ----------
    frame : DataFrame
        As pandas reads it; changed in place.
    decimal : {".", ","} or None
        The decimal mark, if it was said.
    read_text : callable
        ``read_text(columns)``: dict of these columns to their Cells, as they stand.
    cells : dict of str to Cells, default=None
        Columns that stand here, and not in the frame.

    Returns
    -------
    notes : list of str
        How columns were read that any program would read otherwise.
    """
    found, doubtful = {}, {}
    apart = set(cells or {})
    cells = dict(cells or {})
    for name in frame.columns:
        if name not in cells:
            if frame[name].dtype.kind in "iufbM":
                continue
            if not may_be_numbers(frame[name], decimal):
                continue
            cells[name] = Cells.of(frame[name])
        result = _notation(cells[name], decimal)
        if result is not None:
            (doubtful if result[0].doubt else found)[name] = result
    mark = decimal or _mark_of(frame, found, read_text)
    for name, (notation, _) in doubtful.items():
        if mark is None:
            raise JobError(_question(name, notation.doubt))
        found[name] = _notation(cells[name], mark)
    if mark == ",":
        cells |= _reread(frame, read_text, found)
    for name in apart - found.keys():
        frame[name] = cells[name].texts()
    return _apply(frame, found, cells)


def may_be_numbers(column, decimal):
    """Whether the first cells of a Series are numbers in one notation, words apart."""
    cells = Cells.of(column.dropna().iloc[:_FEW])
    shapes = cells.shapes()
    words = _words(shapes)
    if len(words) > 1 and not all(map(_NO_WORD.fullmatch, words)):
        return False
    if 2 * sum(map(_has_digit, cells)) < len(list(cells)):
        return False
    filled = [cell for shape, cell in shapes.items() if shape not in words]
    return notation_of(filled, decimal) is not None


def _notation(cells, decimal):
    """Notation, and the words of cells that say that there is no number."""
    few = cells.first(_FEW)
    if 2 * sum(map(_has_digit, few)) < len(few):
        return None
    shapes = cells.shapes()
    words = _gaps(shapes, cells)
    filled = [cell for shape, cell in shapes.items() if shape not in words]
    notation = notation_of(filled, decimal)
    return None if notation is None else (notation, words)


def _has_digit(text):
    return any(map(str.isdigit, text))


def _words(shapes):
    return {shape for shape in shapes if not _has_digit(shape)}


def _gaps(shapes, cells):
    """Cells of a column of numbers that stand for none: dashes, or always one word."""
    words = _words(shapes)
    if all(map(_NO_WORD.fullmatch, words)):
        return words
    return words if len(words) == 1 and _has_many_numbers(cells) else set()


def _has_many_numbers(cells):
    distinct = set()
    for cell in cells:
        if _has_digit(cell):
            distinct.add(cell)
            if len(distinct) > _MOST_CODES:
                return True
    return False


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
    first = {}
    for name, cells in text.items():
        marked = [cell for cell in cells if "." in cell]
        n = int(cells.filled.sum())
        if len(marked) in (0, n) or not all(map(_THOUSANDS.fullmatch, marked)):
            return
        first[name] = marked[0]
    raise JobError(_question(*first.popitem()))


def _question(name, cell):
    return (
        f"Column {name!r} holds numbers like {cell!r}, whose mark may stand "
        "before a fraction or between thousands: say --decimal . or --decimal ,."
    )


def _reread(frame, read_text, found):
    """Where fractions have commas, a point that pandas read as decimal may not be."""
    columns = [name for name in frame.columns if frame[name].dtype.kind == "f"]
    cells = read_text(columns) if columns else {}
    for name in columns:
        result = _notation(cells[name], ",")
        if result is not None and result[0].thousands:
            found[name] = result
    return {name: cells[name] for name in columns if name in found}


def _apply(frame, found, cells):
    described, gaps = defaultdict(list), defaultdict(list)
    for name, (notation, words) in found.items():
        frame[name] = cells[name].numbers(
            lambda texts, n=notation, w=words: _read_block(texts, n, w)
        )
        for cell in sorted(words):
            gaps[cell].append(name)
        if not notation.is_plain:
            described[notation.describe()].append(name)
    return [
        f"Read as numbers ({how}): {shown(names)}." for how, names in described.items()
    ] + [
        f"Cells {cell!r} count as missing: {shown(names)}."
        for cell, names in gaps.items()
    ]


def _read_block(texts, notation, words):
    """Numbers of some cells, NaN for the words that say that there is none."""
    if not words:
        return read_cells(texts, notation)
    values = np.full(len(texts), np.nan)
    numbers = np.array([text not in words for text in texts], dtype=bool)
    filled = [text for text in texts if text not in words]
    values[numbers] = read_cells(filled, notation)
    return values
