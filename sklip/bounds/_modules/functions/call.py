# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Calls in a traced forward, and what their arguments are."""

from collections.abc import Callable
from dataclasses import dataclass

from sklip.bounds._modules.layers import LEAF_READERS

__all__ = [
    "BATCH",
    "Call",
    "Unsupported",
    "is_traced",
    "need_traced",
    "read",
]


class Unsupported(Exception):
    """Why a call has no bound."""


class _Batch:
    """The number of samples, which is not known."""

    def __repr__(self):
        return "the number of samples"


BATCH = _Batch()


@dataclass
class Call:
    """A call with some arguments that depend on the input."""

    # ``function(*args, **kwargs)`` of traced values and constants gives a traced one.
    function: Callable
    args: tuple
    kwargs: dict

    @property
    def in_place(self):
        """Whether it overwrites its first argument."""
        return bool(self.kwargs.get("inplace", False))

    def evaluate(self):
        """The traced value."""
        return self.function(*self.args, **self.kwargs)


def is_traced(value):
    """Whether a value depends on the input."""
    return hasattr(value, "behind")


def need_traced(value):
    """The value; Unsupported if it does not depend on the input."""
    if not is_traced(value):
        raise Unsupported("its first argument does not depend on the input")
    return value


def read(value, name, layer):
    """A traced value behind a layer, given by its reader's name."""
    return need_traced(value).behind(*LEAF_READERS[name](layer, value.shape))
