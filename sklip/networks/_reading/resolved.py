# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A fitted model as a network, before the steps in front of it are folded in."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sklip.networks._feedforward import FeedForward
from sklip.networks._folding import Columns, FoldRounding

__all__ = ["Proba", "Resolved"]


@dataclass(frozen=True, eq=False)
class Proba:
    """Probability of the second of two classes, as a function of a network's output."""

    # {"sigmoid", "shifted"}: sigmoid of the output, or the output plus one half.
    kind: str
    score: Callable  # gives the network with that single output, and its rounding


@dataclass(frozen=True, eq=False)
class Resolved:
    """A model as a network of some columns.

    What predict decides by and what decision_function and predict_proba give may be
    different functions: a threshold moves the first and hands on the other two.
    """

    # What predict decides by, or its predictions, as a function of the columns.
    network: FeedForward
    rounding: FoldRounding  # how far it may be from the model
    classes: np.ndarray | None  # ndarray or None: labels; None for a regressor
    columns: Columns  # inputs of the network
    # {"first", "last", "softmax"}: class that predict gives where outputs are equal:
    # the first of them, the last, or the first of those whose softmax (of a single
    # logit: whose sigmoid) is equal.
    ties: str = "first"
    # Of two classes: gives the network whose single output is decision_function, and
    # its rounding. None if there is none, or it is not known.
    decision: Callable | None = None
    # Of two classes: what predict_proba gives; None if it is not known.
    proba: Proba | None = None
    # What one rounding of the model's own arithmetic counts for: 1 in float64.
    coarseness: int = 1
    # TargetMap or None: monotone maps from the network's outputs to the predictions of
    # a regressor.
    target: object = None
    # Whether ``classes`` are labels of a set, each decided by its own output's sign.
    is_multilabel: bool = False
