# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Measurements in pages: read from ``benchmarks`` when the pages are built.

The directive shows a table, the role a number in a sentence::

    .. measured:: admm_cost.csv
       :columns: hidden as network, {ratio:.1f} as ratio

    :measured:`admm_cost.csv; {ratio:.1f}; hidden=64-64-10`
"""

from docutils import nodes
from docutils.parsers.rst import Directive, directives
from measurements import BENCHMARKS, cells_of, rows_of

__all__ = ["setup", "table_of", "text_of"]

# The networks that several files know by a short name: layers, and how they came about.
_NETWORKS = {
    "bc64": "30-64-2, trained",
    "d64": "64-64-10, trained",
    "d3x128": "64-128-128-128-10, trained",
    "r4L64": "4-64-64-64-1, random",
    "r20L64": "4, 19 of 64, 1, random",
    "784-256x4-10": "784-256×4-10, random",
    "50 layers of 80": "51 matrices of 80, random",
    "50 of 80": "51 matrices of 80, random",
}


class Measured(Directive):
    """Some columns and rows of a CSV file of ``benchmarks``.

    ``:columns:`` are templates (see measurements.py), each with "as" and a title if it
    is to have another one, separated by commas or, where they contain some, by lines;
    ``:where:`` are conditions "column=value|other value", with semicolons; ``:by:``
    names the columns of which each combination is one line, whose other cells are
    means; ``:pivot:`` are columns whose values stand for columns, ``:value:`` the
    column of their numbers; ``:also:`` names a second file, of what a paper printed,
    and conditions: its rows join the first's, and are "printed ..." in a pivot;
    ``:names:`` are "cell=text to show", with semicolons; ``:digits:`` is the number of
    digits of a number without a format.
    """

    required_arguments = 1
    option_spec = {  # noqa: RUF012
        "columns": directives.unchanged_required,
        "where": directives.unchanged,
        "by": directives.unchanged,
        "pivot": directives.unchanged,
        "value": directives.unchanged,
        "also": directives.unchanged,
        "names": directives.unchanged,
        "digits": directives.positive_int,
    }

    def run(self):
        """One table."""
        also = self.options.get("also", "").partition(";")[0]
        for name in {self.arguments[0], also} - {""}:
            path = str(BENCHMARKS / name)
            self.state.document.settings.env.note_dependency(path)
        try:
            return [table_of(self.arguments[0], self.options)]
        except (KeyError, ValueError) as error:
            raise self.error(f"{self.arguments[0]}: {error}") from error


def table_of(name, options):
    """The table as a node."""
    where = " ".join(options.get("where", "").split())
    rows = rows_of(name, where)
    pivot = _listed(options.get("pivot", ""))
    if "also" in options:
        also, _, only = options["also"].partition(";")
        for row in rows_of(also, f"{where};{only}"):
            rows.append(row | {pivot[0]: f"printed {row[pivot[0]]}"})
    text = options["columns"]
    parts = text.strip().split("\n") if "\n" in text.strip() else text.split(",")
    parts = [part.strip().partition(" as ") for part in parts]
    by = _listed(options.get("by", ""))
    if pivot and not by:
        by = [part[0] for part in parts if part[0] in rows[0]]
    cells = cells_of(
        rows,
        [part[0] for part in parts],
        by=by,
        pivot=pivot or None,
        value=options.get("value", "value"),
        where=where,
        digits=int(options.get("digits", 3)),
    )
    own = _listed(options.get("names", ""), ";")
    names = _NETWORKS | dict(part.split("=", 1) for part in own)
    cells = [[names.get(cell, cell) for cell in line] for line in cells]
    return _table([part[2].strip() or part[0] for part in parts], cells)


def text_of(content):
    """What a role shows: file, template and conditions, with semicolons.

    Conditions after "over" are those of a second cell by which the first is divided.
    """
    name, template, *conditions = [part.strip() for part in content.split(";")]
    if "over" not in conditions:
        where = "; ".join(conditions)
        return cells_of(rows_of(name, where), [template], by=("",))[0][0]
    at = conditions.index("over")
    column, _, form = template.strip("{}").partition(":")
    parts = ("; ".join(part) for part in (conditions[:at], conditions[at + 1 :]))
    exact = [f"{{{column}:.17g}}"]
    above, below = (
        float(cells_of(rows_of(name, part), exact, by=("",))[0][0]) for part in parts
    )
    return f"{above / below:{form}}"


def _listed(text, separator=","):
    return [part.strip() for part in text.split(separator) if part.strip()]


def _number(name, rawtext, text, lineno, inliner, options=None, content=()):
    """The role."""
    try:
        shown = text_of(nodes.unescape(text))
    except (KeyError, ValueError, OSError) as error:
        message = inliner.reporter.error(f"{text}: {error}", line=lineno)
        return [inliner.problematic(rawtext, rawtext, message)], [message]
    return [nodes.inline("", shown, classes=["measured"])], []


def _table(titles, cells):
    group = nodes.tgroup(cols=len(titles))
    group += [nodes.colspec(colwidth=1) for _ in titles]
    group += nodes.thead("", _row(titles))
    group += nodes.tbody("", *map(_row, cells))
    return nodes.table("", group, classes=["measured"])


def _row(cells):
    entries = [nodes.entry("", nodes.paragraph(text, text)) for text in cells]
    return nodes.row("", *entries)


def setup(app):
    """Register directive and role."""
    app.add_directive("measured", Measured)
    app.add_role("measured", _number)
    return {"parallel_read_safe": True}
