# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Linear constraints joined by and, or: from VNN-LIB's terms to a list of cases."""

import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from sklip.certification._specification.syntax import Word, at_line

__all__ = ["Constraint", "Scope", "disjuncts"]

# Cases that a file may multiply out to.
_MOST_CASES = 10_000
# A decimal number, and how many digits its exponent may have.
_LITERAL = re.compile(
    r"^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?(?P<exponent>\d+))?$", re.IGNORECASE | re.ASCII
)
_EXPONENT_DIGITS = 4
_ORDERS = ("<=", ">=", "<", ">", "=", "==")


@dataclass(frozen=True)
class Constraint:
    """``sum of coefficients times variables <= limit``, exactly."""

    # Of (str, int) to Fraction: coefficient of each variable, by kind ("X" input, "Y"
    # output) and flat index.
    terms: dict
    limit: Fraction  # right side
    line: int  # where it stands


class Scope:
    """Which words are variables.

    Parameters
    ----------
    shapes : dict of str to (str, tuple of int or None)
        Name to kind and shape; the shape is None for a scalar of its own.
    indices : dict of str to int
        Flat index of each scalar of its own.
    """

    def __init__(self, shapes, indices):
        self.shapes, self.indices = shapes, indices

    def variable(self, word, index):
        """(kind, flat index) of a name and the index behind it, if any."""
        if word.text not in self.shapes:
            raise at_line(word.line, f"{word.text!r} is not declared.")
        kind, shape = self.shapes[word.text]
        if shape is None:
            if index is not None:
                raise at_line(word.line, f"{word.text!r} takes no index.")
            return kind, self.indices[word.text]
        places = _integers(index) if index is not None else []
        if len(places) != len(shape) or any(
            not 0 <= i < n for i, n in zip(places, shape, strict=False)
        ):
            raise at_line(
                word.line,
                f"{word.text!r} of the shape {list(shape)} has no entry {places}: "
                f"indices of its {len(shape)} dimensions begin at 0.",
            )
        flat = 0
        for i, n in zip(places, shape, strict=True):
            flat = flat * n + i
        return kind, flat

    def linear(self, parts, line):
        """Terms and constant of one expression, given as one part or name and index."""
        first = parts[0]
        if isinstance(first, Word):
            index = parts[1] if len(parts) > 1 else None
            number = _number(first)
            if number is not None:
                return {}, number
            return {self.variable(first, index): Fraction(1)}, Fraction(0)
        return self._operation(first)

    def _operation(self, form):
        operands = [self.linear(p, form.line) for p in _operands(form)]
        if form.head == "+":
            return _added(operands)
        if form.head == "-" and operands:
            negative = [_times(o, Fraction(-1)) for o in operands[1:]]
            if len(operands) == 1:
                return _times(operands[0], Fraction(-1))
            return _added([operands[0], *negative])
        if form.head == "*":
            result = ({}, Fraction(1))
            for operand in operands:
                if result[0] and operand[0]:
                    raise at_line(form.line, "a product of two variables.")
                base, factor = (result, operand) if result[0] else (operand, result)
                result = _times(base, factor[1])
            return result
        raise at_line(
            form.line, f"{form.head!r} is no linear operation; known: +, -, *."
        )


def disjuncts(form, scope):
    """The formula as a list of lists of constraints: an or of ands."""
    if isinstance(form, Word):
        raise at_line(form.line, f"{form.text!r} is no constraint.")
    if form.head in ("and", "or"):
        if len(form.parts) == 1:
            raise at_line(form.line, f"an empty {form.head!r}.")
        inner = [disjuncts(part, scope) for part in form.parts[1:]]
        return _all_of(inner, form.line) if form.head == "and" else sum(inner, [])
    if form.head not in _ORDERS:
        raise at_line(
            form.line,
            f"{form.head or '()'!r} is no constraint; known: and, or, "
            f"{', '.join(_ORDERS)}.",
        )
    operands = _operands(form)
    if len(operands) != 2:
        raise at_line(form.line, f"{form.head!r} compares two terms.")
    left, right = (scope.linear(p, form.line) for p in operands)
    # A strict inequality is kept closed: the unsafe set only grows by its boundary.
    terms, constant = _added([left, _times(right, Fraction(-1))])
    below = Constraint(terms, -constant, form.line)
    above = Constraint({v: -c for v, c in terms.items()}, constant, form.line)
    if form.head in ("=", "=="):
        return [[below, above]]
    return [[below if form.head.startswith("<") else above]]


def _all_of(inner, line):
    size = 1
    for cases in inner:
        size *= len(cases)
    if size > _MOST_CASES:
        raise at_line(line, f"more than {_MOST_CASES} combinations of cases.")
    return [sum(chosen, []) for chosen in product(*inner)]


def _operands(form):
    """Arguments of a form, an index joined to the name before it."""
    found = []
    for part in form.parts[1:]:
        if isinstance(part, Word) and part.text.startswith("["):
            if not found or not isinstance(found[-1][0], Word):
                raise at_line(part.line, f"the index {part.text} stands by itself.")
            found[-1].append(part.text)
        else:
            found.append([part])
    return found


def _integers(text):
    words = [w.strip() for w in text.strip("[]").split(",") if w.strip()]
    return [int(w) if w.isdecimal() else -1 for w in words]


def _number(word):
    """Exact value of a literal; None if it is none."""
    match = _LITERAL.match(word.text)
    if match is None:
        return None
    # Before anything is multiplied out.
    if len(match.group("exponent") or "") > _EXPONENT_DIGITS:
        raise at_line(word.line, f"the number {word.text} is out of range.")
    return Fraction(word.text)


def _added(operands):
    terms, constant = {}, Fraction(0)
    for more, value in operands:
        constant += value
        for variable, factor in more.items():
            terms[variable] = terms.get(variable, Fraction(0)) + factor
    return {v: c for v, c in terms.items() if c}, constant


def _times(linear, factor):
    terms, constant = linear
    return {v: c * factor for v, c in terms.items() if factor}, constant * factor
