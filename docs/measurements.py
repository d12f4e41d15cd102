# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Numbers of the CSV files in ``benchmarks``, as the pages show them.

A *template* is text with fields in braces: ``{accuracy}``, ``{bound:.2f}`` with a
format of Python, ``{accuracy:±.1f}`` with the standard deviation, ``{max bound}`` for
another summary than the mean, ``{a / b}`` for the quotient of two columns in each row,
and ``{a / b - 1:+.0%}`` for what it exceeds one by. Where the values of one column, or
of several, stand for columns (a pivot), ``{cpu_s}`` is the value of the rows that have
``cpu_s`` there, and ``{native > bound}`` another column of the rows with ``native``.
"""

import csv
import re
import statistics
from pathlib import Path

__all__ = ["cells_of", "rows_of", "shown"]

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
_FIELD = re.compile(r"\{([^{}:]+)(?::([^{}]*))?\}")
_SUMMARIES = {
    "max": max,
    "min": min,
    "median": statistics.median,
    "sum": sum,
    "number": len,
}


def rows_of(name, where=""):
    """Rows of one file that meet all conditions "column=value|other value; ...".

    A column that the file does not have is an error, a value that no row has too. Files
    of what a paper printed have the columns that are printed only; conditions on others
    do not concern them.
    """
    with open(BENCHMARKS / name, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for column, values in _conditions(where):
        if name.endswith("_printed.csv") and column not in rows[0]:
            continue
        missing = set(values) - {row[column] for row in rows}
        if missing and not name.endswith("_printed.csv"):
            raise ValueError(f"no row with {column} = {' or '.join(sorted(missing))}")
        rows = [row for row in rows if row[column] in values]
    if not rows:
        raise ValueError("there is no such row")
    return rows


def _conditions(where):
    pairs = [part.strip().partition("=") for part in where.split(";") if part.strip()]
    return [(column, values.split("|")) for column, _, values in pairs]


def cells_of(rows, templates, *, by=(), pivot=None, value="value", where="", digits=3):
    """Texts of a table: a line for each group of rows that agree in the columns ``by``.

    Without ``by`` each row is a line of its own. Lines stand as in the file, or as the
    conditions list the values. ``pivot`` are names of columns.
    """
    groups = {}
    for n, row in enumerate(rows):
        key = tuple(row.get(name, "") for name in by) if by else (n,)
        groups.setdefault(key, []).append(row)
    for column, values in _conditions(where)[::-1]:
        if column in by and len(values) > 1:
            at = list(by).index(column)
            groups = dict(sorted(groups.items(), key=lambda g: values.index(g[0][at])))
    return [
        [_filled(template, group, pivot, value, digits) for template in templates]
        for group in groups.values()
    ]


def _filled(template, rows, pivot, value, digits):
    if "{" not in template:
        template = "{" + template + "}"

    def text(field):
        name, form = field[1].strip(), field[2] or ""
        return shown(_values(name, rows, pivot, value), form, digits)

    return _FIELD.sub(text, template)


def _values(name, rows, pivot, value):
    """Texts or numbers of one field, a summary of them applied."""
    first, _, rest = name.partition(" ")
    if first in _SUMMARIES and rest:
        found = [float(v) for v in _values(rest, rows, pivot, value)]
        return [str(_SUMMARIES[first](found))]
    if name in rows[0]:
        return [row[name] for row in rows if row.get(name)]
    if pivot is not None:
        key, _, column = name.partition(" > ")
        own = [r for r in rows if " ".join(r[name] for name in pivot) == key]
        return _values(column or value, own, None, value) if own else []
    found = re.fullmatch(r"(\S+) / (\S+)( - 1)?", name)
    if found is None:
        raise ValueError(f"there is no column {name!r}")
    above, below, less = found.groups()
    return [str(float(r[above]) / float(r[below]) - bool(less)) for r in rows]


def shown(values, form="", digits=3):
    """One cell: the mean of numbers, the text that all have in common."""
    values = [v for v in values if v not in ("", "nan")]
    if not values:
        return "–"
    if len(set(values)) == 1 and not form:
        return _short(values[0], digits)
    numbers = [float(v) for v in values]
    mean, form, spread = statistics.fmean(numbers), *_parted(form)
    if spread:
        return f"{mean:{form}}±{statistics.pstdev(numbers):{form}}"
    text = f"{mean:{form}}" if form else _short(repr(mean), digits)
    return f"{float(text):.0f}" if "e+" in text and abs(mean) < 1e6 else text


def _parted(form):
    return form.removeprefix("±"), form.startswith("±")


def _short(text, digits):
    """Of a number with a fraction some digits, everything else as it is."""
    try:
        number = float(text)
    except ValueError:
        return text
    if "." not in text and "e" not in text.lower():
        return text
    return f"{number:.{digits}g}" if abs(number) < 10**digits else f"{number:.0f}"
