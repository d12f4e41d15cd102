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
    """Probability of the second of two classes, as a function of a network's output.

    Attributes
    ----------
    kind : {"sigmoid", "shifted"}
        Sigmoid of the output, or the output plus one half.
    score : callable
        Gives the network with that single output, and its rounding.
    """

    kind: str
    score: Callable


@dataclass(frozen=True, eq=False)
class Resolved:
    """A model as a network of some columns.

    What predict decides by and what decision_function and predict_proba give may be
    different functions: a threshold moves the first and hands on the other two.

    Attributes
    ----------
    network : FeedForward
        What predict decides by, or its predictions, as a function of the columns.
    rounding : FoldRounding
        How far it may be from the model.
    classes : ndarray or None
        Labels; None for a regressor.
    columns : Columns
        Inputs of the network.
    ties : {"first", "last", "softmax"}
        Class that predict gives where outputs are equal: the first of them, the last,
        or the first of those whose softmax (of a single logit: whose sigmoid) is equal.
    decision : callable or None
        Of two classes: gives the network whose single output is decision_function, and
        its rounding. None if there is none, or it is not known.
    proba : Proba or None
        Of two classes: what predict_proba gives; None if it is not known.
    coarseness : int
        What one rounding of the model's own arithmetic counts for: 1 in float64.
    target : TargetMap or None
        Monotone maps from the network's outputs to the predictions of a regressor.
    is_multilabel : bool
        Whether ``classes`` are labels of a set, each decided by its own output's sign.
    """

    network: FeedForward
    rounding: FoldRounding
    classes: np.ndarray | None
    columns: Columns
    ties: str = "first"
    decision: Callable | None = None
    proba: Proba | None = None
    coarseness: int = 1
    target: object = None
    is_multilabel: bool = False
