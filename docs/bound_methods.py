# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The directive ``bound-methods``: the ladder of bounds, from the table of methods."""

from docutils import nodes
from docutils.parsers.rst import Directive

from sklip.bounds import METHODS

__all__ = ["rows", "setup"]


def rows():
    """Name, norms and description of each method of ``lipschitz_bound``."""
    for method in METHODS.values():
        if method.bound:
            norms = " ".join(f"{norm:g}" for norm in method.norms).replace("inf", "∞")
            yield f'"{method.name}"', norms, method.says


class BoundMethods(Directive):
    """A table with a line for each method."""

    def run(self):
        """One table."""
        group = nodes.tgroup(cols=3)
        group += [nodes.colspec(colwidth=width) for width in (18, 8, 62)]
        head, body = nodes.thead(), nodes.tbody()
        head += _row(*map(nodes.Text, ("method", "norms", "what it is")))
        for name, norms, says in rows():
            body += _row(nodes.literal(name, name), nodes.Text(norms), nodes.Text(says))
        group += [head, body]
        return [nodes.table("", group)]


def _row(*cells):
    row = nodes.row()
    row += [nodes.entry("", nodes.paragraph("", "", cell)) for cell in cells]
    return row


def setup(app):
    """Register the directive."""
    app.add_directive("bound-methods", BoundMethods)
    return {"parallel_read_safe": True}
