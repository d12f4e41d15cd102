# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""VNN-LIB files (1.0 as the competition ships them, 2.0 where it says the same)."""

import re
from decimal import Decimal
from math import prod

import numpy as np

from sklip.certification._specification.formula import Scope, disjuncts
from sklip.certification._specification.syntax import Word, at_line, parse_forms

__all__ = ["decoded", "read_cases", "write_text"]

_SCALAR = re.compile(r"^([XY])_(0|[1-9]\d*)$", re.ASCII)
# Scalar types, in small letters; all numbers are taken as float64.
_TYPES = ("real", "float", "double", "float16", "bfloat16", "float32", "float64")
# Variables of a network.
_MOST_VARIABLES = 10_000_000
_KINDS = {"declare-input": "X", "declare-output": "Y"}
_REFUSED = ("declare-hidden", "isomorphic-to", "equal-to")


def decoded(content):
    """The text of a file from its bytes; ValueError with the line if it is none."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if content.startswith(b"\x1f\x8b"):
            raise at_line(1, "the file is packed: unpack it with gzip.") from None
        line = 1 + content.count(b"\n", 0, error.start)
        raise at_line(line, "the file is no text in UTF-8.") from None


def read_cases(text):
    """Boxes with their unsafe polyhedra, from the text of a file.

    Numbers are rounded to the nearest float64. The box then holds the same float64
    inputs as the exact one, and who decides the property allows for the roundings.

    Returns
    -------
    cases : list of (ndarray, ndarray, list of (ndarray, ndarray))
        Lower and upper ends of each box, and the unsafe set's polyhedra.
    """
    declarations, asserted = _sorted(parse_forms(text))
    scope = declarations.scope()
    found = [[]]
    line = 1
    for form in asserted:
        line = form.line
        if len(form.parts) != 2:
            raise at_line(line, "assert takes one constraint.")
        each = disjuncts(form.parts[1], scope)
        found = [before + more for before in found for more in each]
    boxes, empty = {}, None
    for constraints in found:
        try:
            lower, upper, clause = _case(constraints, declarations)
        except _NothingError as error:
            # One of several alternatives may be empty, but not all.
            empty = empty or error
            continue
        key = lower.tobytes() + upper.tobytes()
        boxes.setdefault(key, (lower, upper, []))[2].append(clause)
    if not boxes:
        raise empty
    return list(boxes.values())


class _NothingError(ValueError):
    """No input or output is meant."""


class _Declarations:
    """Variables in the order of their declaration."""

    def __init__(self):
        self.shapes, self.indices, self.types = {}, {}, {}
        # Of each variable that is declared by itself, or of all of a kind.
        self.lines = {}
        self.counts = {"X": 0, "Y": 0}

    def scalar(self, form):
        """(declare-const X_0 Real), the first version's."""
        # declare-fun has an empty list of arguments before the type.
        parts = [p for p in form.parts[1:] if isinstance(p, Word) or p.parts]
        name = parts[0] if parts else None
        match = _SCALAR.match(name.text) if isinstance(name, Word) else None
        if match is None:
            raise at_line(form.line, "variables are called X_0, X_1, ... and Y_0, ...")
        if len(parts) != 2 or not isinstance(parts[1], Word):
            raise at_line(form.line, f"{name.text!r} takes one scalar type, like Real.")
        self._check_type(parts[1])
        kind, index = match.group(1), int(match.group(2))
        self._add(name, kind, None)
        self.indices[name.text] = index
        self.lines[kind, index] = name.line
        self.counts[kind] = max(self.counts[kind], index + 1)

    def network(self, form):
        """(declare-network N (declare-input X Real [5]) ...), the second version's."""
        if len(form.parts) < 2 or not isinstance(form.parts[1], Word):
            raise at_line(form.line, "a network has a name.")
        for part in form.parts[2:]:
            if isinstance(part, Word):
                raise at_line(part.line, f"{part.text!r} declares no input or output.")
            if part.head in _REFUSED:
                raise at_line(part.line, f"{part.head!r} is not supported.")
            if part.head not in _KINDS or len(part.parts) < 4:
                raise at_line(part.line, "declare-input and -output are expected.")
            kind = _KINDS[part.head]
            if self.counts[kind]:
                raise at_line(part.line, f"a second {part.head!r} is not supported.")
            name, scalar_type, shape = part.parts[1:4]
            if not all(isinstance(p, Word) for p in part.parts[1:4]):
                raise at_line(part.line, "a name, a scalar type and a shape expected.")
            self._check_type(scalar_type)
            sizes = _sizes(shape)
            self._add(name, kind, sizes)
            self.counts[kind] = prod(sizes)
            self.lines[kind] = name.line
            if self.counts[kind] > _MOST_VARIABLES:
                raise at_line(name.line, f"more than {_MOST_VARIABLES} variables.")

    def line(self, kind, index):
        """Where a variable is declared."""
        return self.lines.get((kind, index), self.lines.get(kind, 1))

    def _check_type(self, word):
        if word.text.lower() not in _TYPES:
            raise at_line(
                word.line,
                f"the scalar type {word.text!r} is not known; known: "
                f"{', '.join(_TYPES)}.",
            )
        self.types[word.text.lower()] = word.line
        if len(self.types) > 1:
            raise at_line(
                word.line,
                f"the scalar types {', '.join(sorted(self.types))} are mixed: all "
                "variables of a network have one.",
            )

    def _add(self, name, kind, shape):
        if name.text in self.shapes:
            raise at_line(name.line, f"{name.text!r} is declared twice.")
        self.shapes[name.text] = kind, shape

    def scope(self):
        """What names mean."""
        for kind, what in (("X", "input"), ("Y", "output")):
            if not self.counts[kind]:
                raise at_line(1, f"no {what} is declared.")
        for name, index in self.indices.items():
            kind = self.shapes[name][0]
            missing = f"{kind}_{self.counts[kind] - 1}"
            if index and f"{kind}_{index - 1}" not in self.shapes:
                line = self.line(kind, index)
                raise at_line(
                    line, f"{kind}_{index - 1} is not declared, {missing} is."
                )
        return Scope(self.shapes, self.indices)


def _sizes(word):
    if not word.text.startswith("["):
        raise at_line(word.line, f"a shape like [1, 5] is expected, got {word.text!r}.")
    words = [w.strip() for w in word.text.strip("[]").split(",") if w.strip()]
    if not all(w.isdecimal() and int(w) > 0 for w in words):
        raise at_line(word.line, f"the shape {word.text} is not known.")
    return tuple(map(int, words))


def _sorted(forms):
    """Declarations and assertions of a file."""
    declarations, asserted, networks = _Declarations(), [], 0
    for form in forms:
        if form.head == "declare-const" or form.head == "declare-fun":
            declarations.scalar(form)
        elif form.head == "declare-network":
            networks += 1
            if networks > 1:
                raise at_line(form.line, "only one network is supported.")
            declarations.network(form)
        elif form.head == "assert":
            asserted.append(form)
        elif form.head not in ("vnnlib-version", "set-logic", "check-sat"):
            raise at_line(form.line, f"{form.head or '()'!r} is not supported.")
    return declarations, asserted


def _case(constraints, declarations):
    """Box and polyhedron of one case."""
    n_inputs, n_outputs = declarations.counts["X"], declarations.counts["Y"]
    lower, upper = [None] * n_inputs, [None] * n_inputs
    rows, limits = [], []
    for constraint in constraints:
        kinds = {kind for kind, _ in constraint.terms}
        if kinds == {"X"}:
            _bound(constraint, lower, upper)
        elif kinds == {"Y"}:
            row = np.zeros(n_outputs)
            for (_, j), factor in constraint.terms.items():
                row[j] = _float(factor, constraint.line)
            rows.append(row)
            limits.append(_float(constraint.limit, constraint.line))
        elif kinds:
            raise at_line(constraint.line, "inputs and outputs in one constraint.")
        elif constraint.limit < 0:
            why = str(at_line(constraint.line, "a constraint that nothing satisfies."))
            raise _NothingError(why)
    for ends, what in ((lower, "lower"), (upper, "upper")):
        for i, end in enumerate(ends):
            if end is None:
                line = declarations.line("X", i)
                raise at_line(line, f"input {i} has no {what} bound.")
    ends = [np.array([_float(*end) for end in some]) for some in (lower, upper)]
    return *ends, (np.array(rows).reshape(-1, n_outputs), np.array(limits))


def _bound(constraint, lower, upper):
    """Note c x_i <= limit as an end of the box, with its line."""
    if len(constraint.terms) != 1:
        raise at_line(constraint.line, "inputs may only be bounded one by one.")
    (((_, i), factor),) = constraint.terms.items()
    end = constraint.limit / factor, constraint.line
    if factor > 0:
        upper[i] = end if upper[i] is None else min(upper[i], end)
    else:
        lower[i] = end if lower[i] is None else max(lower[i], end)
    if lower[i] and upper[i] and lower[i][0] > upper[i][0]:
        low, high = (_float(exact, line) for exact, line in (lower[i], upper[i]))
        why = f"the box is empty: input {i} in [{low:g}, {high:g}]."
        raise _NothingError(str(at_line(constraint.line, why)))


def _float(exact, line):
    """The nearest float64."""
    try:
        return float(exact)
    except OverflowError:
        raise at_line(line, "a number is larger than any float64.") from None


def write_text(cases):
    """A file of version 1.0 that says the same, every number exactly."""
    n_inputs, n_outputs = len(cases[0][0]), cases[0][2][0][0].shape[1]
    lines = [f"(declare-const X_{i} Real)" for i in range(n_inputs)]
    lines += [f"(declare-const Y_{j} Real)" for j in range(n_outputs)]
    if len(cases) == 1:
        lower, upper, clauses = cases[0]
        lines += [f"(assert {text})" for text in _box_texts(lower, upper)]
        if len(clauses) == 1:
            lines += [f"(assert {text})" for text in _row_texts(*clauses[0])]
        else:
            texts = [_all_texts(_row_texts(*clause)) for clause in clauses]
            lines.append(f"(assert (or {' '.join(texts)}))")
    else:
        texts = [
            _all_texts([*_box_texts(lower, upper), *_row_texts(*clause)])
            for lower, upper, clauses in cases
            for clause in clauses
        ]
        lines.append(f"(assert (or {' '.join(texts)}))")
    return "\n".join(lines) + "\n"


def _box_texts(lower, upper):
    for i, (low, high) in enumerate(zip(lower, upper, strict=True)):
        yield f"(>= X_{i} {_digits(low)})"
        yield f"(<= X_{i} {_digits(high)})"


def _row_texts(matrix, limits):
    return [_row_text(*row) for row in zip(matrix, limits, strict=True)]


def _row_text(row, limit):
    """A row in the words that all readers know, where it has one term or two."""
    terms = {j: c for j, c in enumerate(row) if c} or {0: 0.0}
    if len(terms) == 1 and abs(row).sum() == 1.0:
        ((j, c),) = terms.items()
        relation = "<=" if c > 0 else ">="
        return f"({relation} Y_{j} {_digits(c * limit + 0.0)})"
    if sorted(terms.values()) == [-1.0, 1.0] and limit == 0.0:
        larger, smaller = sorted(terms, key=terms.get)
        return f"(<= Y_{smaller} Y_{larger})"
    texts = [f"(* {_digits(c)} Y_{j})" for j, c in terms.items()]
    total = texts[0] if len(texts) == 1 else f"(+ {' '.join(texts)})"
    return f"(<= {total} {_digits(limit)})"


def _all_texts(texts):
    return f"(and {' '.join(texts)})"


def _digits(value):
    """All digits of a float, without an exponent."""
    return format(Decimal(float(value)), "f")
