# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Numbers as people and spreadsheets write them: 1.234,50 €, 12 %, (1,250)."""

import re
from dataclasses import dataclass

import numpy as np

__all__ = [
    "Notation",
    "find_notation",
    "looks_like_number",
    "notation_of",
    "read_cells",
]

_SPACES = "\u00a0\u2007\u2009\u202f\u2002\u2003"
_MINUS = "\u2212\u2012\u2013"
# Signs and codes of currencies that may stand in front of a number. Other words in
# front ("zone 3") make a name of it.
_CURRENCIES = (
    "[$\u00a2-\u00a5\u20a0-\u20c0]|US\\$|A\\$|C\\$|R\\$|USD|EUR|GBP|CHF|JPY|CNY|INR|AUD|CAD|"
    "SEK|NOK|DKK|PLN|CZK|HUF|BRL|MXN|ZAR|KRW|TRY|RUB|Rs\\.?|Fr\\.?|kr\\.?"
)
_CELL = re.compile(
    rf"""
    (?P<open>\()?\s*
    (?P<sign>[+-]?)\s*
    (?P<prefix>{_CURRENCIES})?\s*
    (?P<inner>[+-]?)\s*
    (?P<core>\d[\d.,'\u2019_\ ]*|[.,]\d+)
    (?P<exponent>[eE][+-]?\d+)?
    (?P<last>-?)\s*
    (?P<suffix>[^\d\s()+-][^\d()]*?)?\s*
    (?P<close>\))?
    """,
    re.VERBOSE,
)
# A unit that cannot be mistaken for a part of a number.
_NO_NUMBER = re.compile(r"[^\deE.,'\u2019_+\s()-]")
_SPACE = re.compile(r"[^\S\n]+")
# Thousands in threes, or as in India in twos above the first three.
_THREES = r"\d{1,3}(?:S\d{3})+"
_TWOS = r"\d{1,2}(?:S\d{2})+S\d{3}"
_GROUPS = {
    mark: re.compile("|".join([_THREES, _TWOS]).replace("S", re.escape(mark)))
    for mark in (".", ",", "'", "_", " ")
}


@dataclass(frozen=True)
class Notation:
    """How the cells of a column write their numbers."""

    decimal: str = ""  # "." or ","; "" if no cell has a fraction
    thousands: str = ""  # what separates groups of digits; "" for nothing
    # Currency in front and unit behind, the same in all cells.
    prefix: str = ""
    suffix: str = ""
    # Whether a minus stands behind a number or brackets around it.
    has_signs: bool = False
    # A cell that may be read in two ways, if all that have a mark may.
    doubt: str | None = None

    @property
    def is_plain(self):
        """Whether any program would read the numbers like this."""
        marks = self.thousands + self.prefix + self.suffix
        return not (marks or self.has_signs) and self.decimal in ("", ".")

    def describe(self):
        """The notation in words."""
        names = {".": "points", ",": "commas", "'": "apostrophes", " ": "spaces"}
        parts = []
        if self.decimal == ",":
            parts.append("decimal commas")
        if self.thousands:
            mark = names.get(self.thousands, "underscores")
            parts.append(f"{mark} between thousands")
        parts += [f"unit {unit!r}" for unit in (self.prefix, self.suffix) if unit]
        if self.has_signs:
            parts.append("brackets or signs around negative numbers")
        return ", ".join(parts)


def find_notation(cells, decimal=None):
    """The one notation of some cells, and the numbers.

    Parameters
    ----------
    cells : sequence of str
        Filled cells of one column.
    decimal : {".", ","}, default=None
        The decimal mark, where it is known.

    Returns
    -------
    found : (Notation, ndarray) or None
        None if some cell is no number, or the cells do not agree. With a doubt, the
        numbers are read as if the mark were a decimal one.
    """
    notation = notation_of(cells, decimal)
    return None if notation is None else (notation, read_cells(cells, notation))


def notation_of(cells, decimal=None):
    """The one notation of some cells, or of one cell for each way to write them."""
    matches = [_CELL.fullmatch(_plain(cell)) for cell in cells]
    if not matches or any(m is None or not _is_balanced(m) for m in matches):
        return None
    units = {(m["prefix"] or "", (m["suffix"] or "").strip()) for m in matches}
    if len(units) > 1:
        return None
    ((prefix, suffix),) = units
    marks = _marks([m["core"].rstrip() for m in matches], decimal)
    if marks is None:
        return None
    decimal, thousands, doubt = marks
    has_signs = any(m["open"] or m["last"] for m in matches)
    return Notation(decimal, thousands, prefix, suffix, has_signs, doubt)


def read_cells(cells, notation):
    """Numbers of cells that are all in a notation."""
    # All at once: what is no part of a number is taken out of the whole text.
    text = "\n".join(cells)
    if text.count("\n") >= len(cells) or not _is_simple(notation):
        return np.array([_value(cell, notation) for cell in cells], dtype=np.float64)
    text = _plain(text)
    quote = "\u2019" if notation.thousands == "'" else ""
    for mark in (notation.prefix, notation.suffix, notation.thousands, quote):
        text = text.replace(mark, "") if mark else text
    text = _SPACE.sub("", text).replace(notation.decimal or ".", ".")
    return np.array([float(number) for number in text.split("\n")])


def _is_simple(notation):
    """Whether numbers are left where unit, spaces and thousands are taken out."""
    units = [unit for unit in (notation.prefix, notation.suffix) if unit]
    alone = len(units) < 2 and all(map(_NO_NUMBER.search, units))
    return alone and not notation.has_signs


def looks_like_number(cell):
    """Whether a cell is a number in some notation, with some unit."""
    match = _CELL.fullmatch(_plain(cell))
    return match is not None and _is_balanced(match)


def _plain(cell):
    for space in _SPACES:
        cell = cell.replace(space, " ")
    for minus in _MINUS:
        cell = cell.replace(minus, "-")
    return cell.strip()


def _is_balanced(match):
    """Whether at most one minus or pair of brackets stands around the number."""
    signs = [match[name] for name in ("sign", "inner", "last") if match[name]]
    opened, closed = bool(match["open"]), bool(match["close"])
    return opened == closed and len(signs) + opened <= 1


def _marks(cores, decimal):
    """(decimal, thousands, doubt) that all cells agree with; None if there is none."""
    found = [_marks_of(core) for core in cores]
    if any(options is None for options in found):
        return None
    candidates = (".", ",") if decimal is None else (decimal,)
    chosen = [(mark, _thousands(found, mark)) for mark in candidates]
    chosen = [(mark, thousands) for mark, thousands in chosen if thousands is not None]
    if not chosen:
        return None
    doubt = None
    if len(chosen) == 2:
        pairs = zip(cores, found, strict=True)
        doubt = next((core for core, options in pairs if len(options) > 1), None)
    mark, thousands = chosen[0]
    has_fraction = any(mark in core for core in cores)
    return (mark if has_fraction else ""), thousands, doubt


def _thousands(found, mark):
    """What separates thousands where ``mark`` is the decimal mark; None if nothing."""
    used = set()
    for options in found:
        fitting = [t for d, t in options if d in ("", mark) and t != mark]
        if not fitting:
            return None
        used.add("" if "" in fitting else fitting[0])
    used.discard("")
    return "".join(used) if len(used) <= 1 else None


def _marks_of(core):
    """Pairs (decimal, thousands) by which a string of digits and marks is a number."""
    used = {mark for mark in ".,'_ " if mark in core.replace("\u2019", "'")}
    core = core.replace("\u2019", "'")
    if not used:
        return [("", "")]
    options = []
    for decimal in ("", ".", ","):
        whole, fraction = core, ""
        if decimal:
            if core.count(decimal) != 1:
                continue
            whole, fraction = core.split(decimal)
            if fraction and not fraction.isdigit():
                continue
        thousands = used - {decimal}
        if len(thousands) > 1:
            continue
        if thousands:
            (mark,) = thousands
            if not _GROUPS[mark].fullmatch(whole):
                continue
            options.append((decimal, mark))
        elif whole.isdigit() or (decimal and not whole and fraction):
            options.append((decimal, ""))
    return options or None


def _value(cell, notation):
    match = _CELL.fullmatch(_plain(cell))
    core = match["core"].rstrip().replace("\u2019", "'")
    if notation.thousands:
        core = core.replace(notation.thousands, "")
    if notation.decimal == ",":
        core = core.replace(",", ".")
    value = float(core + (match["exponent"] or ""))
    minus = any(match[name] == "-" for name in ("sign", "inner", "last"))
    return -value if minus or match["open"] else value
