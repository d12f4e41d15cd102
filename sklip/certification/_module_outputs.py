# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a model with a torch module computes, and how far rounding may move that."""

from dataclasses import dataclass

import numpy as np
import torch

from sklip._copies import own_copy
from sklip._floats import lengths
from sklip.bounds import (
    double_copy,
    forward_error,
    linear_norm,
    module_bound,
    shaped_errors,
    split_steps,
    unwrap_any_module,
    view_in_front,
)
from sklip.exceptions import UnsupportedModelError

__all__ = ["ModuleOutputs", "module_outputs"]

_ROWS = 256


@dataclass(frozen=True, eq=False)
class ModuleOutputs:
    """Outputs at some samples, and the rounding around them.

    Attributes
    ----------
    values : ndarray of shape (n_samples, n_outputs)
        In float64, of the module's stored weights.
    error : ndarray of shape (n_samples,)
        Bound of the l2 error of these, plus that of what the model itself computes
        there; its steps in front of the module included.
    growth : float
        At a point at l2 distance r the latter is larger by at most ``growth * r``.
    n_features : int
        Numbers in one sample that may move.
    categories : tuple
        Columns of X, by name or index, that an encoder consumes or an imputer marks.
    """

    values: np.ndarray
    error: np.ndarray
    growth: float
    n_features: int
    categories: tuple = ()


def module_outputs(model, X):
    """Evaluate an estimator with a module, or a Pipeline of one, at X."""
    shaped = unwrap_any_module(model)
    # A step may write into what it gets.
    view, rows = view_in_front(model, X), own_copy(X)
    for _, step in split_steps(model)[0]:
        rows = rows if step in (None, "passthrough") else step.transform(rows)
    rows = np.asarray(rows)
    rows = rows.reshape(len(rows), -1)
    if len(rows) == 0:
        raise ValueError("X has no samples.")
    values = _forward(shaped, rows)
    n = shaped.before.n_inputs if shaped.before else rows.shape[1]
    return ModuleOutputs(
        values, *_rounding(shaped, view, X, rows), n, _categories(view)
    )


def _categories(view):
    if view is None:
        return ()
    columns = sorted(frozenset().union(*(group.sources for group in view.groups)))
    return tuple((view.feature_names or range(view.n_features))[j] for j in columns)


def _forward(shaped, rows):
    module = double_copy(shaped.module, shaped.input_shape)
    if module is None:
        raise UnsupportedModelError(
            "The module does not compute in float64, or no bound of it is known: "
            "nothing is proven of its outputs."
        )
    shape, found = (-1, *shaped.input_shape), []
    with torch.no_grad():
        for start in range(0, len(rows), _ROWS):
            part = np.array(rows[start : start + _ROWS], dtype=np.float64)
            found.append(module(torch.from_numpy(part).view(shape)).numpy())
    return np.concatenate(found)


def _rounding(shaped, view, X, rows):
    """Errors at the samples and their growth, as ModuleOutputs has them."""
    own, double = shaped_errors(shaped)
    with np.errstate(over="ignore", invalid="ignore"):
        size, lost, scale, rate = lengths(rows.astype(np.float64)), 0.0, 1.0, 0.0
        if view is not None:
            lost, rate = forward_error(view.network, view.encode(X), view.rounding)
            scale = linear_norm(shaped.before, 2)
        # What the steps in front round goes through the module, twice as all else.
        through = module_bound(shaped.module, shaped.input_shape)
        constant, slope = own[0] + double[0], own[1] + double[1]
        error = constant + slope * (size + lost) + 2.0 * through * lost
        growth = own[1] * (scale + rate) + through * rate
    return 1.01 * error, 1.01 * float(growth)
