# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The one kind of error that the command line shows."""

__all__ = ["JobError", "counted", "one_sentence", "shown"]


class JobError(Exception):
    """Something the user has to change, as one sentence."""


def one_sentence(error):
    """Message of an error on one line, cut after its first sentence."""
    text = " ".join(str(error).split())
    text = text.removeprefix("Error tokenizing data. C error: ")
    return text.split(". ")[0].rstrip(".:")


def shown(names, most=8):
    """Names in quotes, the first few of them."""
    names = [repr(str(name)) for name in names]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def counted(n, noun):
    """Number and noun, in the plural unless the number is 1."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
