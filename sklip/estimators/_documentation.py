# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Docstrings of estimators, whose shared parameters are described in one place."""

import inspect
import re

__all__ = ["documented", "entries"]

_ENTRY = re.compile(r"^(?=\S)", re.MULTILINE)
# A line of a docstring, or several, such as "    {momentum, beta_1}".
_PLACE = re.compile(r"^( *)\{(\w+(?:,\s+\w+)*)\}$", re.MULTILINE)


def entries(text):
    """Descriptions in numpydoc's form, by the names they begin with.

    Parameters
    ----------
    text : str
        Entries of a section *Parameters* or *Attributes*, one after the other.

    Returns
    -------
    table : dict of str to str
        The first name of each entry to the whole of it.
    """
    parts = (part.rstrip() for part in _ENTRY.split(inspect.cleandoc(text)) if part)
    return {re.match(r"\w+", part).group(): part for part in parts}


def documented(*tables):
    """Decorator of a class: names in braces become what the tables say of them.

    Parameters
    ----------
    *tables : dict of str to str
        As :func:`entries` gives them. The first one that has a name counts.

    Returns
    -------
    decorator : callable
        Returns the class, with its docstring filled in.

    Raises
    ------
    KeyError
        If no table has one of the names.
    """
    known = {}
    for table in reversed(tables):
        known.update(table)

    def filled(match):
        indent, names = match.groups()
        found = "\n".join(known[name] for name in re.split(r",\s+", names))
        return "\n".join(f"{indent}{line}".rstrip() for line in found.split("\n"))

    def decorator(cls):
        if cls.__doc__ is not None:  # python -OO
            cls.__doc__ = _PLACE.sub(filled, cls.__doc__)
        return cls

    return decorator
