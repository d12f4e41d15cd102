# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Docstrings filled in from tables."""

import inspect

import pytest
from numpydoc.docscrape import NumpyDocString
from sklearn.utils.metaestimators import available_if

from sklip._documentation import documented, entries


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

        def method(self):
            """One.

            Parameters
            ----------
            {b}
            """

        @available_if(lambda self: True)
        def available(self):
            """{b}"""

        @classmethod
        def made(cls):
            """{a}"""

    described = NumpyDocString(inspect.getdoc(Documented))["Parameters"]
    assert [p.name for p in described] == ["a", "b, c"]
    assert described[0].type == "int"
    described = NumpyDocString(inspect.getdoc(Documented.method))["Parameters"]
    assert [p.name for p in described] == ["b, c"]
    assert Documented.made.__doc__ == "a : int"
    assert "d" in Documented().available.__doc__
    with pytest.raises(KeyError, match="unknown"):
        documented(first)(type("Other", (), {"__doc__": "    {unknown}"}))


def test_functions_are_documented_and_stars_are_no_part_of_a_name():
    @documented(entries("**rest : dict\n    Passed on."))
    def function(**rest):
        """One.

        Parameters
        ----------
        {rest}
        """

    described = NumpyDocString(inspect.getdoc(function))["Parameters"]
    assert [p.name for p in described] == ["**rest"]
    assert function(a=1) is None
