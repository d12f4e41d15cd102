# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Regressors that predict the exponential of a network: the log link of counts."""

import numpy as np
from sklearn.neural_network import MLPRegressor

from sklip._compat import LogLink
from sklip.exceptions import UnsupportedModelError
from sklip.networks._reading.known import GENERALISED
from sklip.networks._reading.targets import TargetMap, function_stage
from sklip.networks._trust import full_name, is_own

__all__ = ["link_target", "predicts_exponential"]


def predicts_exponential(model):
    """Whether a fitted regressor predicts exp of its network."""
    kind = type(model)
    if kind in GENERALISED:
        return type(model._base_loss.link) is LogLink
    known = kind is MLPRegressor or is_own(model, "__sklip_network__")
    return known and getattr(model, "out_activation_", None) == "exp"


def link_target(model, coarseness):
    """The map from a regressor's network to its predictions; None where there is none.

    ``coarseness`` is what one rounding of its arithmetic counts for. A model that would
    go on in float32 is refused by UnsupportedModelError.
    """
    if not predicts_exponential(model):
        return None
    if coarseness > 1:
        raise UnsupportedModelError(
            f"{full_name(model)} takes the exponential in float32, which is not "
            "allowed for. Pass X.astype(numpy.float64)."
        )
    name = f"the exponential, as {full_name(model)} does"
    loss = getattr(model, "loss", None)
    if isinstance(loss, str):
        name += f" with loss={loss!r}"
    return TargetMap(name, (function_stage(np.exp),))
