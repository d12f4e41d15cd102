# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A fitted model as a network, before the steps in front of it are folded in."""

from dataclasses import dataclass

import numpy as np

from sklip.networks._feedforward import FeedForward
from sklip.networks._folding import Columns, FoldRounding

__all__ = ["Resolved"]


@dataclass(frozen=True, eq=False)
class Resolved:
    """A model as a network of some columns.

    Attributes
    ----------
    network : FeedForward
        Logits or predictions as a function of the columns.
    rounding : FoldRounding
        How far it may be from the model.
    classes : ndarray or None
        Labels; None for a regressor.
    columns : Columns
        Inputs of the network.
    proba : {"sigmoid", "shifted", None}
        How predict_proba of two classes follows: sigmoid of the logit, output plus one
        half, or in no known way.
    """

    network: FeedForward
    rounding: FoldRounding
    classes: np.ndarray | None
    columns: Columns
    proba: str | None = None
