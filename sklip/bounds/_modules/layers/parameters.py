# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Parameters and input shapes of a layer of torch, checked."""

import numpy as np
import torch

from sklip.exceptions import UnsupportedModelError

__all__ = [
    "array_of",
    "as_tuple",
    "bias_of",
    "check_input",
    "compatible",
    "name_of",
    "need_eval",
    "needs_shape",
]


def need_eval(module):
    """ValueError in training mode."""
    if any(m.training for m in module.modules()):
        raise ValueError(
            f"{name_of(module)} is in training mode, in which its output changes from "
            "call to call: call module.eval() first."
        )


def compatible(left, right):
    """Whether two shapes may be equal."""
    return len(left) == len(right) and all(
        a is None or b is None or a == b for a, b in zip(left, right, strict=True)
    )


def name_of(module):
    """Name of its class."""
    return type(module).__name__


def array_of(tensor, module, name):
    """Float64 array of a parameter: exact for every narrower type."""
    if tensor.is_complex():
        raise UnsupportedModelError(f"{name_of(module)} has complex parameters.")
    array = tensor.detach().to("cpu", torch.float64).numpy()
    if not np.all(np.isfinite(array)):
        raise ValueError(
            f"{name} of {name_of(module)} contains NaN or infinity: no bound exists."
        )
    return array


def bias_of(module):
    """Its bias, or None."""
    return None if module.bias is None else array_of(module.bias, module, "bias")


def check_input(module, shape, expected):
    """ValueError unless a shape may be the expected one."""
    if not compatible(shape, expected):
        raise ValueError(
            f"{name_of(module)} takes samples of shape {_text(expected)}, but gets "
            f"{_text(shape)}: check input_shape."
        )


def _text(shape):
    return str(shape).replace("None", "?")


def needs_shape(module):
    """The error where the shape of the input decides."""
    return ValueError(
        f"{module!r} has a bound for an input of known shape only: pass "
        "input_shape to sklip.bounds.module_bound."
    )


def as_tuple(value, n):
    """One number for each axis."""
    return tuple(value) if isinstance(value, tuple | list) else (value,) * n
