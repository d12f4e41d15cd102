# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A directive for tables of measurements: read from ``benchmarks`` in the build."""

import csv
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive, directives

__all__ = ["setup"]

_BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


class Measured(Directive):
    """Some columns and rows of a CSV file of ``benchmarks``, digits cut.

    ``:columns:`` are "name" or "name as title", with commas; ``:where:`` are conditions
    "column=value|other value", with semicolons; ``:digits:`` is the number of digits
    that are kept of a number.
    """

    required_arguments = 1
    option_spec = {  # noqa: RUF012
        "columns": directives.unchanged_required,
        "where": directives.unchanged,
        "digits": directives.positive_int,
    }

    def run(self):
        """One table."""
        path = _BENCHMARKS / self.arguments[0]
        self.state.document.settings.env.note_dependency(str(path))
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        columns = [
            (name.strip(), title.strip() or name.strip())
            for name, _, title in (
                part.partition(" as ") for part in self.options["columns"].split(",")
            )
        ]
        missing = [name for name, _ in columns if rows and name not in rows[0]]
        rows = [row for row in rows if self._wanted(row)]
        if missing or not rows:
            raise self.error(f"{path.name}: no column {missing}, or no such row")
        digits = self.options.get("digits", 3)
        cells = [[_shown(row[name], digits) for name, _ in columns] for row in rows]
        return [_table([title for _, title in columns], cells)]

    def _wanted(self, row):
        conditions = self.options.get("where", "").split(";")
        pairs = [c.strip().partition("=") for c in conditions if c.strip()]
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
