# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""S-expressions of VNN-LIB files, with the line that each part stands on."""

import re
from typing import NamedTuple

__all__ = ["Form", "Word", "at_line", "parse_forms"]

# Comments; brackets; an index or shape; a quoted name; a version; anything else.
_TOKEN = re.compile(r';[^\n]*|\(|\)|\[[^\]\n]*\]|"[^"\n]*"|[^\s()\[\];"]+|\S')

# Brackets inside of each other; files that mean anything have a dozen.
_DEEPEST = 200


class Word(NamedTuple):
    """One token."""

    text: str
    line: int


class Form(NamedTuple):
    """What stands between a pair of brackets."""

    parts: list
    line: int

    @property
    def head(self):
        """First word, empty if there is none."""
        first = self.parts[0] if self.parts else None
        return first.text if isinstance(first, Word) else ""


def at_line(line, why):
    """ValueError about a line of the file."""
    return ValueError(f"VNN-LIB, line {line}: {why}")


def parse_forms(text):
    """Forms of a file, in order; ValueError where brackets do not match."""
    outer = Form([], 1)
    stack, line, end = [outer], 1, 0
    for match in _TOKEN.finditer(text):
        line += text.count("\n", end, match.start())
        end = match.start()
        token = match.group()
        if token.startswith(";"):
            continue
        if token == "(":
            if len(stack) > _DEEPEST:
                raise at_line(line, f"more than {_DEEPEST} brackets are open.")
            stack.append(Form([], line))
            stack[-2].parts.append(stack[-1])
        elif token == ")":
            stack.pop()
            if not stack:
                raise at_line(line, "a closing bracket too many.")
        else:
            stack[-1].parts.append(Word(token, line))
    if len(stack) > 1:
        raise at_line(stack[-1].line, "this bracket is never closed.")
    for part in outer.parts:
        if isinstance(part, Word):
            raise at_line(part.line, f"{part.text!r} stands outside of any bracket.")
    return outer.parts
