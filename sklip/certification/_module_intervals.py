# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Intervals of a regressor with a torch module."""

import numpy as np

from sklip._floats import UNIT
from sklip.certification._module_decisions import module_rounding
from sklip.certification._pairs import norm_ratio

__all__ = ["module_intervals"]


def module_intervals(view, U, radius, norm, method):
    """Ends of every output; the module's constant bounds each of them.

    Parameters
    ----------
    view : ModuleView
        The regressor.
    U : ndarray of shape (n_samples, n_coordinates)
        Encoded samples.
    radius : float
        Of the balls, in units of the coordinates.
    norm : {1, 2, numpy.inf}
        Norm of the balls.
    method : str
        "product" or "best".
    """
    if method not in ("product", "best"):
        raise ValueError(
            f"method={method!r} needs a fully connected network: for a torch module "
            "use 'product' or 'best'."
        )
    values = view.network.forward(U)
    error, growth = module_rounding(view, U)
    n = int(np.count_nonzero(view.mutable))
    constants = [view.product(p) * norm_ratio(p, norm, n) for p in {norm, 2}]
    far = 2.0 * error + growth * radius * (norm_ratio(2, norm, n) if n else 0.0)
    half = radius * (min(constants) if n else 0.0) + far[:, None]
    half = half * (1.0 + 16.0 * UNIT) + 4.0 * UNIT * np.abs(values)
    lower, upper = values - half, values + half
    known = np.isfinite(values) & np.isfinite(half)
    lower, upper = np.where(known, lower, -np.inf), np.where(known, upper, np.inf)
    return np.nextafter(lower, -np.inf), np.nextafter(upper, np.inf)
