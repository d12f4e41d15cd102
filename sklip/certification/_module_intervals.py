# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Intervals of a regressor with a torch module."""

import numpy as np
import torch

from sklip._floats import UNIT
from sklip._threads import limit_threads
from sklip.bounds import ModulePropagation
from sklip.certification._module_decisions import module_rounding
from sklip.certification._pairs import LOCAL_METHODS, norm_ratio
from sklip.exceptions import UnsupportedModelError

__all__ = ["module_intervals"]

_METHODS = ("product", *LOCAL_METHODS, "best")


def module_intervals(view, U, radius, norm, method):
    """Ends of every output, by the module's constant or inside the ball.

    Parameters
    ----------
    view : ModuleView
        Of the module, with what stands in front of it.
    U : ndarray of shape (n_samples, n_coordinates)
        Encoded samples.
    radius : float
        Of the balls, in units of the coordinates.
    norm : {1, 2, numpy.inf}
        Norm of the balls.
    method : str
        "product", "ibp", "crown", "local" or "best".
    """
    if method not in _METHODS:
        raise ValueError(
            f"method={method!r} needs a fully connected network: for a torch module of "
            f"other layers use {', '.join(map(repr, _METHODS))}."
        )
    values = view.network.forward(U)
    error, growth = module_rounding(view, U)
    n = int(np.count_nonzero(view.mutable))
    lower, upper = values - error[:, None], values + error[:, None]
    if n and radius > 0.0:
        lower, upper = _moved(view, U, (lower, upper), radius, norm, method)
    # Of the model's own forward pass, at the far end of the ball.
    far = error + growth * radius * (norm_ratio(2, norm, n) if n else 0.0)
    size = np.abs(lower) + np.abs(upper) + np.abs(values)
    room = far[:, None] * (1.0 + 8.0 * UNIT) + 8.0 * UNIT * size
    lower, upper = lower - room, upper + room
    # What overflows is not known: the whole line, never a wrong end.
    known = np.isfinite(values) & ~np.isnan(lower) & ~np.isnan(upper)
    lower, upper = np.where(known, lower, -np.inf), np.where(known, upper, np.inf)
    return np.nextafter(lower, -np.inf), np.nextafter(upper, np.inf)


def _moved(view, U, centers, radius, norm, method):
    """Ends of the outputs of the exact module over the balls."""
    n = int(np.count_nonzero(view.mutable))
    lower, upper = np.full_like(U[:, :1], -np.inf), np.full_like(U[:, :1], np.inf)
    if method in ("product", "best"):
        # The product in the ball's own norm, or in l2 with the ratio of the norms.
        constants = [view.product(p) * norm_ratio(p, norm, n) for p in {norm, 2}]
        half = radius * min(constants) * (1.0 + 16.0 * UNIT)
        lower, upper = centers[0] - half, centers[1] + half
    if method == "product":
        return lower, upper
    try:
        propagation = ModulePropagation(
            view.network, norm, view.mutable, shares=view.shares
        )
    except UnsupportedModelError:
        if method != "best":
            raise
        return lower, upper
    if method == "best" and not propagation.is_affordable:
        return lower, upper
    low, high = _inside(propagation, U, centers, radius, method)
    return np.fmax(lower, low), np.fmin(upper, high)


def _inside(propagation, U, centers, radius, method):
    """The same by bounds of the layers."""
    n_outputs = centers[0].shape[1]
    lower, upper = np.full_like(centers[0], -np.inf), np.full_like(centers[0], np.inf)
    step = propagation.block_rows(2 * n_outputs)
    rows = propagation.tensor(np.vstack([np.eye(n_outputs), -np.eye(n_outputs)]))[None]
    with torch.no_grad(), limit_threads(propagation.work):
        for start in range(0, len(U), step):
            block = slice(start, start + step)
            balls = propagation.balls(U[block], np.full(len(U[block]), radius))
            bounds = propagation.hidden_bounds(
                balls, "ibp" if method == "ibp" else "crown"
            )
            if method != "local":
                found = propagation.outputs_lower(
                    bounds, rows.expand(len(balls), -1, -1)
                )
                found = found.cpu().numpy()
                lower[block] = found[:, :n_outputs]
                upper[block] = -found[:, n_outputs:]
            if method in ("local", "best"):
                rates = propagation.rates(bounds, rows[:, :n_outputs], from_center=True)
                half = radius * rates.cpu().numpy() * (1.0 + 1e-12)
                lower[block] = np.fmax(lower[block], centers[0][block] - half)
                upper[block] = np.fmin(upper[block], centers[1][block] + half)
    return lower, upper
