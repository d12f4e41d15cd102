# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Intervals of the outputs over a ball, by bounds of the network inside that ball."""

import numpy as np
import torch

from sklip._threads import limit_threads
from sklip.bounds import LocalSlopes, Propagation, hidden_bounds, outputs_lower

__all__ = ["local_intervals"]


def local_intervals(view, inputs, centers, radius, norm, method):
    """Bounds of the exact network's outputs over balls around samples.

    Parameters
    ----------
    view : NetworkView
        Of the regressor.
    inputs : ndarray of shape (n_samples, n_coordinates)
        Centers of the balls, encoded.
    centers : tuple of ndarray of shape (n_samples, n_outputs)
        Lower and upper ends of the outputs there.
    radius : float
        Radius of all balls, in the units of the coordinates.
    norm : {1, 2, numpy.inf}
        Norm of the balls.
    method : {"ibp", "crown", "local", "best"}
        Interval arithmetic, lines, slopes inside the ball, or the tightest of them.

    Returns
    -------
    lower, upper : ndarray of shape (n_samples, n_outputs)
        Proven; infinite where an overflow left nothing.
    """
    propagation = Propagation(view.network, norm, view.mutable, shares=view.shares)
    lower, upper = np.full_like(centers[0], -np.inf), np.full_like(centers[0], np.inf)
    step = propagation.block_rows(2 * view.network.n_outputs)
    with torch.no_grad(), limit_threads(propagation.work):
        for start in range(0, len(inputs), step):
            rows = slice(start, start + step)
            radii = np.full(len(inputs[rows]), radius)
            balls = propagation.balls(inputs[rows], radii)
            inside = "ibp" if method == "ibp" else "crown"
            bounds = hidden_bounds(propagation, balls, inside)
            found = []
            if method != "local":
                found.append(_propagated(propagation, bounds))
            if method in ("local", "best"):
                half = radius * _rates(propagation, bounds)
                found.append((centers[0][rows] - half, centers[1][rows] + half))
            for low, high in found:
                # NaN (an overflow on the way) proves nothing, and fmax drops it.
                lower[rows] = np.fmax(lower[rows], low)
                upper[rows] = np.fmin(upper[rows], high)
    return lower, upper


def _propagated(propagation, bounds):
    """Ends by intervals, or lines, down to the input."""
    identity = _identity(propagation)
    rows = torch.cat([identity, -identity])[None].expand(len(bounds.balls), -1, -1)
    found = outputs_lower(propagation, bounds, rows).cpu().numpy()
    return found[:, : len(identity)], -found[:, len(identity) :]


def _rates(propagation, bounds):
    """Change of each output from the center, per unit of distance inside the ball."""
    slopes = LocalSlopes(propagation, bounds, from_center=True)
    rates, _ = slopes.rates(_identity(propagation)[None])
    return rates.cpu().numpy() * (1.0 + 1e-12)


def _identity(propagation):
    return propagation.tensor(np.eye(len(propagation.layers[-1].weight)))
