# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Intervals of a regressor with a torch module, from its one bound."""

import numpy as np

from sklip._floats import UNIT
from sklip.bounds import lipschitz_bound
from sklip.certification._module_outputs import module_outputs
from sklip.certification._pairs import norm_ratio

__all__ = ["module_interval"]


def module_interval(model, X, *, radius, norm, method, feature_eps):
    """Ends of every output; the module's constant bounds each of them."""
    if feature_eps is not None or method not in ("product", "best"):
        raise ValueError(
            "A torch module is bounded as a whole, in the units of X: feature_eps must "
            "be None and method 'product' or 'best'."
        )
    outputs = module_outputs(model, X)
    values, n_features = outputs.values, outputs.n_features
    constants = [
        lipschitz_bound(model, norm=p).value * norm_ratio(p, norm, n_features)
        for p in {norm, 2}
    ]
    far = outputs.error + outputs.growth * radius * norm_ratio(2, norm, n_features)
    half = radius * min(constants) + far[:, None]
    half = half * (1.0 + 16.0 * UNIT) + 4.0 * UNIT * np.abs(values)
    lower, upper = np.nextafter(values - half, -np.inf), values + half
    upper = np.nextafter(upper, np.inf)
    single = values.shape[1] == 1
    return (lower[:, 0], upper[:, 0]) if single else (lower, upper)
