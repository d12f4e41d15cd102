# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A directive for tables of measurements: read from ``benchmarks`` in the build."""

import csv
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive, directives

__all__ = ["setup", "table_of"]

_BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


class Measured(Directive):
    """Some columns and rows of a CSV file of ``benchmarks``, digits cut.

    ``:columns:`` are "name" or "name as title", with commas; ``:where:`` are conditions
    "column=value|other value", with semicolons; ``:pivot:`` is a column whose values
    become columns, for files with one ``value`` a row; ``:digits:`` is the number of
    digits that are kept of a number.
    """

    required_arguments = 1
    option_spec = {  # noqa: RUF012
        "columns": directives.unchanged_required,
        "where": directives.unchanged,
        "digits": directives.positive_int,
        "pivot": directives.unchanged,
    }

    def run(self):
        """One table."""
        path = _BENCHMARKS / self.arguments[0]
        self.state.document.settings.env.note_dependency(str(path))
        try:
            return [table_of(self.arguments[0], self.options)]
        except (KeyError, ValueError) as error:
            raise self.error(f"{path.name}: {error}") from error


def table_of(name, options):
    """The table as a node."""
    with open(_BENCHMARKS / name, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    parts = [part.partition(" as ") for part in options["columns"].split(",")]
    columns = {part[0].strip(): part[2].strip() or part[0].strip() for part in parts}
    rows = [row for row in rows if _is_wanted(row, options.get("where", ""))]
    if "pivot" in options and rows:
        rows = _pivoted(rows, options["pivot"], [n for n in columns if n in rows[0]])
    if not rows:
        raise ValueError("there is no such row")
    digits = int(options.get("digits", 3))
    cells = [[_shown(row[name], digits) for name in columns] for row in rows]
    return _table(columns.values(), cells)


def _pivoted(rows, key, index):
    """One row for each combination of the index: its values by the column ``key``."""
    found = {}
    for row in rows:
        fields = {name: row[name] for name in index}
        found.setdefault(tuple(fields.values()), fields)[row[key]] = row["value"]
    return list(found.values())


def _is_wanted(row, conditions):
    pairs = [c.strip().partition("=") for c in conditions.split(";") if c.strip()]
    return all(row[name] in values.split("|") for name, _, values in pairs)


def _shown(text, digits):
    """A cell; of a number with a fraction some digits."""
    try:
        value = float(text)
    except ValueError:
        return text
    if "." not in text and "e" not in text.lower():
        return text
    return f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}"


def _table(titles, cells):
    group = nodes.tgroup(cols=len(titles))
    group += [nodes.colspec(colwidth=1) for _ in titles]
    group += nodes.thead("", _row(titles))
    group += nodes.tbody("", *map(_row, cells))
    return nodes.table("", group)


def _row(cells):
    entries = [nodes.entry("", nodes.paragraph(text, text)) for text in cells]
    return nodes.row("", *entries)


def setup(app):
    """Register the directive."""
    app.add_directive("measured", Measured)
    return {"parallel_read_safe": True}
