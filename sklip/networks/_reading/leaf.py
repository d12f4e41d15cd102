# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A fitted model that holds its own weights: all that is read of it, at once.

What depends on the kind of model stands here as data, so that the model itself is not
asked again: its network, its own arithmetic, its scores, its rule at ties, its link.
"""

from dataclasses import dataclass, replace

import numpy as np

from sklip.exceptions import UnsupportedModelError
from sklip.networks._feedforward import FeedForward
from sklip.networks._folding import FoldRounding, coarseness, common_type
from sklip.networks._reading.parallel import single_logit
from sklip.networks._reading.resolved import Proba
from sklip.networks._reading.targets import TargetMap, function_stage
from sklip.networks._trust import full_name

__all__ = ["Leaf"]


@dataclass(frozen=True, eq=False)
class Leaf:
    """What one model without others inside predicts, and how it computes it."""

    kind: type  # the model's class
    network: FeedForward  # logits of a classifier, predictions of a regressor
    classes: np.ndarray | None = None  # ndarray or None: labels; None for a regressor
    # Whether ``classes`` are labels of a set, each decided by its own output's sign.
    is_multilabel: bool = False
    ties: str = "first"  # see :class:`Resolved`
    # Of two classes: whether decision_function is the logit, and predict_proba its
    # sigmoid.
    has_logit: bool = False
    has_sigmoid: bool = False
    # The loss of a regressor that predicts exp of its network, "" if it has no name.
    exponential_of: str | None = None
    # Type of the fitted weights, in which it computes on columns of that type too; None
    # if it computes in float64 whatever it is given.
    dtype: np.dtype | None = None
    # Sizes of the terms that it adds up; None for those of the network.
    sums: FoldRounding | None = None
    tied: float = 0.0  # size of terms that are rounded when its scores are compared

    def checked(self):
        """The same, refused where outputs and classes do not go together."""
        if self.is_multilabel or self.classes is None:
            return self
        n_outputs, classes = self.network.n_outputs, np.array(self.classes)
        binary = n_outputs == 1 and len(classes) == 2
        if classes.ndim != 1 or not (binary or n_outputs == len(classes) > 1):
            raise UnsupportedModelError(
                f"{self.kind.__name__} has {n_outputs} outputs for the classes "
                f"{classes.tolist()}: one output for each of at least two classes, or "
                "a single logit for two, is needed."
            )
        classes.flags.writeable = False
        return replace(self, classes=classes)

    def rounding(self, dtypes):
        """How far the model's own arithmetic may be from the network.

        Parameters
        ----------
        dtypes : tuple of numpy.dtype
            Types of the columns that it is given.

        Returns
        -------
        rounding : FoldRounding
            Sizes of the terms that the model adds up.
        coarseness : int
            What one rounding of its arithmetic counts for: 1 in float64.
        """
        if self.sums is not None:
            return self.sums, 1
        rounding, coarse = FoldRounding.of(self.network), 1
        if self.tied:
            rounding = rounding.mixed(np.eye(self.network.n_outputs), self.tied)
        if self.dtype is not None:
            dtype = common_type((*dtypes, self.dtype))
            coarse = coarseness(dtype, self.kind.__name__)
        return rounding.computed(self.network, coarse), coarse

    def scores(self, rounding):
        """decision_function and predict_proba of two classes; see :class:`Resolved`."""

        def logit():
            return single_logit(self.network, rounding)

        return (
            logit if self.has_logit else None,
            Proba("sigmoid", logit) if self.has_sigmoid else None,
        )

    def target(self, coarse):
        """The map from a regressor's network to its predictions; None without one.

        ``coarse`` is what one rounding of its arithmetic counts for. A model that would
        go on in float32 is refused by UnsupportedModelError.
        """
        if self.exponential_of is None:
            return None
        if coarse > 1:
            raise UnsupportedModelError(
                f"{full_name(self.kind)} takes the exponential in float32, which is "
                "not allowed for. Pass X.astype(numpy.float64)."
            )
        name = f"the exponential, as {full_name(self.kind)} does"
        if self.exponential_of:
            name += f" with loss={self.exponential_of!r}"
        return TargetMap(name, (function_stage(np.exp),))
