# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Docstrings whose shared parameters are described in one place."""

import inspect
import re

__all__ = ["answers", "documented", "entries"]

_ENTRY = re.compile(r"^(?=\S)", re.MULTILINE)
_NAME = re.compile(r"\**(\w+)")
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
    return {_NAME.match(part).group(1): part for part in parts}


def answers(given, returned):
    """Sections *Parameters* and *Returns* of methods that take one argument.

    Parameters
    ----------
    given : str
        The entry of the argument.
    returned : str
        Entries of what the methods return.

    Returns
    -------
    table : dict of str to str
        The name of what is returned to both sections.
    """
    return {
        name: f"Parameters\n----------\n{given}\n\nReturns\n-------\n{entry}"
        for name, entry in entries(returned).items()
    }


def documented(*tables):
    """Decorator: names in braces become what the tables say of them.

    Parameters
    ----------
    *tables : dict of str to str
        As :func:`entries` gives them. The first one that has a name counts.

    Returns
    -------
    decorator : callable
        Returns the function or class, with its docstring filled in; of a class those
        of the methods that it defines itself as well.

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

    def decorator(told):
        members = vars(told).values() if inspect.isclass(told) else ()
        functions = (f for member in members for f in _functions_of(member))
        for one in (told, *functions):
            if one.__doc__ is not None:  # python -OO
                one.__doc__ = _PLACE.sub(filled, one.__doc__)
        return told

    return decorator


def _functions_of(member):
    """A method and what it wraps: class methods, those that are available if."""
    while member is not None:
        if inspect.isfunction(member):
            yield member
        inner = getattr(member, "__func__", None)
        member = getattr(member, "__wrapped__", None) if inner is None else inner
