# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Entries ``method`` of docstrings, made of the table of methods."""

import textwrap

from sklip.bounds._methods import METHODS

__all__ = ["METHOD_DOCS"]


def _entry(names, rest, *sentences):
    options = ", ".join(f'"{name}"' for name in (*names, "auto", "best"))
    text = textwrap.fill(" ".join(sentences), 80)
    return f"method : {{{options}}}{rest}\n{textwrap.indent(text, '    ')}"


def _listed(methods, attribute):
    """A sentence about each of some methods, with the norms if there are not all."""
    for method in methods:
        only = "" if 1.0 in method.norms else ", norm 2"
        yield f'"{method.name}"{only}: {getattr(method, attribute)}.'


_BOUNDS = [method for method in METHODS.values() if method.bound]
_PAIRS = [method for method in METHODS.values() if method.pairs]
_BALLS = [method for method in METHODS.values() if method.in_balls]

METHOD_DOCS = {
    "bound_methods": _entry(
        [method.name for method in _BOUNDS],
        ', default="auto"',
        *_listed(_BOUNDS, "says"),
    ),
    "pair_methods": _entry(
        [method.name for method in _PAIRS],
        ', default="sequential"',
        *_listed(_PAIRS, "says_of_pairs"),
    ),
    "radius_methods": _entry(
        [method.name for method in (*_PAIRS, *_BALLS)],
        ' or LipschitzCertificate, default="best"',
        "Where the constants of the differences of logits come from.",
        *_listed(_PAIRS, "says_of_pairs"),
        "The others bound the network inside the ball; their radii are found by trial, "
        "0.14 % low at most.",
        *_listed(_BALLS, "says_of_pairs"),
    ),
}
