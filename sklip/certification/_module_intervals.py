# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Intervals of a regressor with a torch module, from its one bound."""

import numpy as np

from sklip._floats import UNIT
from sklip.bounds import lipschitz_bound
from sklip.certification._module_decisions import module_outputs
from sklip.certification._pairs import norm_ratio

__all__ = ["module_interval"]


def module_interval(model, X, *, radius, norm, method, feature_eps):
    """Ends of every output; the module's constant bounds each of them."""
    if feature_eps is not None or method not in ("product", "best"):
        raise ValueError(
            "A torch module is bounded as a whole, in the units of X: feature_eps must "
            "be None and method 'product' or 'best'."
        )
    outputs, n_features = module_outputs(model, X)
    predicted = np.asarray(model.predict(X), dtype=np.float64).reshape(outputs.shape)
    constants = [
        lipschitz_bound(model, norm=p).value * norm_ratio(p, norm, n_features)
        for p in {norm, 2}
    ]
    # The model predicts in its own type: here and at the far end.
    error = np.abs(predicted - outputs).max(axis=1, initial=0.0)[:, None]
    half = radius * min(constants) + 4.0 * error
    half = half * (1.0 + 16.0 * UNIT) + 4.0 * UNIT * np.abs(outputs)
    lower, upper = outputs - half, outputs + half
    single = outputs.shape[1] == 1
    return (lower[:, 0], upper[:, 0]) if single else (lower, upper)
