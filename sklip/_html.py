# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Short tables for notebooks."""

from html import escape

__all__ = ["html_table"]


def html_table(title, fields):
    """A table of two columns under a title.

    Parameters
    ----------
    title : str
        What stands above it.
    fields : dict
        What is shown beside each name; None is left out.

    Returns
    -------
    html : str
        Everything escaped.

    Examples
    --------
    >>> from sklip._html import html_table
    >>> html_table("Bound", {"value": "< 2"})
    '<table><caption>Bound</caption><tr><th>value</th><td>&lt; 2</td></tr></table>'
    """
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>"
        for name, value in fields.items()
        if value is not None
    )
    return f"<table><caption>{escape(title)}</caption>{rows}</table>"
