# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The arrays of a network as given: read-only float64 copies whose shapes chain."""

import numpy as np

from sklip._arguments import check_numbers, refuse_masked

__all__ = ["all_frozen", "check_chain"]


def _frozen(array, ndim, name):
    array = np.asarray(check_numbers(array, f"Each of {name}", ndim), np.float64)
    if not array.size:
        raise ValueError(f"Each of {name} must have entries, got shape {array.shape}.")
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name} contain NaN or infinity: no bound exists.")
    # On bytes, that nobody can make writeable again: the hash is computed once.
    return np.frombuffer(array.tobytes()).reshape(array.shape)


def all_frozen(arrays, ndim, name):
    """Read-only copies of the arrays of all layers."""
    refuse_masked(arrays, name)
    if isinstance(arrays, str | dict) or not hasattr(arrays, "__iter__"):
        raise TypeError(
            f"{name} must be a sequence of arrays, one for each layer, got "
            f"{type(arrays).__name__}."
        )
    return tuple(_frozen(array, ndim, name) for array in arrays)


def check_chain(weights, biases):
    if len(biases) != len(weights):
        raise ValueError(
            f"biases must hold one vector for each of the {len(weights)} weights, got "
            f"{len(biases)}."
        )
    for k, (w, b) in enumerate(zip(weights, biases, strict=True)):
        if k and w.shape[1] != len(weights[k - 1]):
            raise ValueError(
                f"weights[{k}] takes {w.shape[1]} inputs, but weights[{k - 1}] gives "
                f"{len(weights[k - 1])}."
            )
        if len(b) != len(w):
            raise ValueError(f"biases[{k}] has {len(b)} entries for {len(w)} rows.")
