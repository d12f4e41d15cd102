# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Checks of numbers, names and flags; each error names its argument."""

import reprlib
from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np

from sklip.exceptions import InvalidArgumentError

__all__ = [
    "NORM_NAMES",
    "check_count",
    "check_device",
    "check_effort",
    "check_flag",
    "check_layer_sizes",
    "check_norm",
    "check_number",
    "check_option",
    "check_positive",
    "check_radius",
    "check_time_limit",
    "is_bool",
    "is_integer",
    "is_number",
    "shown",
]

_NORMS = {1: 1.0, 2: 2.0, np.inf: np.inf}
_NAMED_NORMS = {"l1": 1.0, "l2": 2.0, "linf": np.inf, "inf": np.inf}
NORM_NAMES = tuple(_NAMED_NORMS)
_INT64 = np.iinfo(np.int64)
_DEVICES = ("cpu", "cuda", "auto")
_short = reprlib.Repr()
_short.maxstring = _short.maxother = 80


def is_bool(value):
    """True and False count as integers in Python, but nobody means them as numbers."""
    return isinstance(value, bool | np.bool_)


def check_norm(norm, name="norm"):
    """1.0, 2.0 or infinity, from the number or its name; ValueError otherwise."""
    if isinstance(norm, str) and norm in _NAMED_NORMS:
        return _NAMED_NORMS[norm]
    if isinstance(norm, Real) and not is_bool(norm) and norm in _NORMS:
        return _NORMS[norm]
    names = ", ".join(map(repr, NORM_NAMES))
    raise ValueError(
        f"{name} must be 1, 2 or numpy.inf, or one of {names}, got {shown(norm)}."
    )


def check_option(value, name, allowed):
    """One of some names, else ValueError."""
    if isinstance(value, str) and value in allowed:
        return value
    raise ValueError(
        f"{name} must be one of {', '.join(map(repr, allowed))}, got {shown(value)}."
    )


def check_flag(value, name):
    """True or False, else TypeError."""
    if is_bool(value):
        return bool(value)
    raise InvalidArgumentError(f"{name} must be True or False, got {shown(value)}.")


def check_number(value, name):
    """A float of a real number; integers must fit into int64."""
    if not isinstance(value, Real) or is_bool(value):
        raise InvalidArgumentError(f"{name} must be a number, got {shown(value)}.")
    if not is_number(value):
        raise ValueError(
            f"{name} must fit into int64 where it is an integer, got {shown(value)}: "
            "write it as a float."
        )
    return float(value)


def check_radius(radius, name="radius"):
    """A finite float >= 0, else TypeError or ValueError."""
    radius = check_number(radius, name)
    if not (np.isfinite(radius) and radius >= 0):
        raise ValueError(f"{name} must be finite and >= 0, got {radius!r}.")
    return radius


def check_positive(value, name):
    """A finite float > 0, else TypeError or ValueError."""
    value = check_number(value, name)
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be a positive finite number, got {value!r}.")
    return value


def check_time_limit(seconds, name="time_limit", *, none=True):
    """Positive seconds, infinity included, or None where that is allowed."""
    if seconds is None and none:
        return None
    seconds = check_number(seconds, name)
    if not seconds > 0:
        choice = "None or a positive" if none else "a positive"
        raise ValueError(f"{name} must be {choice} number of seconds, got {seconds!r}.")
    return seconds


def check_effort(effort, name="effort"):
    """ "low", "normal", "high" or a number of parts >= 0, else an error."""
    if isinstance(effort, str) or not isinstance(effort, Integral):
        allowed = ("low", "normal", "high")
        if not isinstance(effort, str) or effort not in allowed:
            raise InvalidArgumentError(
                f"{name} must be one of {list(allowed)} or a number of parts, got "
                f"{shown(effort)}."
            )
        return effort
    return check_count(effort, name, minimum=0)


def check_count(value, name, minimum=1):
    """An integer >= minimum, else TypeError or ValueError."""
    if not isinstance(value, Integral) or is_bool(value):
        raise InvalidArgumentError(f"{name} must be an integer, got {shown(value)}.")
    if not minimum <= value <= _INT64.max:
        raise ValueError(
            f"{name} must be >= {minimum} and fit into int64, got {shown(value)}."
        )
    return int(value)


def check_layer_sizes(sizes, name="layer_sizes"):
    """A tuple of at least two integers >= 1, else ValueError."""
    whole = isinstance(sizes, Sequence | np.ndarray) and all(
        isinstance(n, Integral) and not is_bool(n) and 1 <= n <= _INT64.max
        for n in sizes
    )
    if not whole or len(sizes) < 2:
        raise ValueError(
            f"{name} must hold at least two positive integers, input and output "
            f"included, got {shown(sizes)}."
        )
    return tuple(int(n) for n in sizes)


def check_device(device):
    """ "cpu" or "cuda" for a name of the three, if there is such a device here."""
    check_option(device, "device", _DEVICES)
    if device == "cpu":
        return device
    from torch.cuda import is_available

    if device == "cuda" and not is_available():
        raise ValueError(
            "device='cuda', but torch sees no GPU here. Use device='cpu', or 'auto' to "
            "take a GPU where there is one."
        )
    return "cuda" if is_available() else "cpu"


def is_integer(value):
    """Whether a scalar is an integer, of int64, and no true or false."""
    return isinstance(value, Integral) and is_number(value)


def is_number(value):
    """Whether a scalar is a real number that a float can stand for."""
    if not isinstance(value, Real) or is_bool(value):
        return False
    return not isinstance(value, Integral) or _INT64.min <= value <= _INT64.max


def shown(value):
    """A short repr: an argument may be a whole table, or too long to be written."""
    try:
        return _short.repr(value)
    except ValueError:
        return f"{type(value).__name__} of enormous size"
