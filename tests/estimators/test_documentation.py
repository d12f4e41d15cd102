# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Docstrings filled in from tables."""

import inspect

import pytest
from numpydoc.docscrape import NumpyDocString

from sklip.estimators._documentation import documented, entries


def test_names_in_braces_become_their_descriptions():
    first, second = (
        entries("a : int\n    One."),
        entries("a : str\nb, c : float\n    d"),
    )

    @documented(first, second)
    class Documented:
        """A class.

        Parameters
        ----------
        {a,
        b}
        """

    described = NumpyDocString(inspect.getdoc(Documented))["Parameters"]
    assert [p.name for p in described] == ["a", "b, c"]
    assert described[0].type == "int"
    with pytest.raises(KeyError, match="unknown"):
        documented(first)(type("Other", (), {"__doc__": "    {unknown}"}))
