# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a model's predict does at ties, and what its scores of two classes are."""

from sklearn.linear_model import SGDClassifier
from sklearn.neural_network import MLPClassifier

from sklip.networks._reading.known import KERNEL_MACHINES, MODELS, SIGMOID_OF_LOGIT
from sklip.networks._reading.parallel import single_logit
from sklip.networks._reading.resolved import Proba
from sklip.networks._trust import is_own

__all__ = ["decided_ties", "scores_of"]


def decided_ties(model):
    """Which class predict gives at a tie of the outputs; see :class:`Resolved`."""
    if type(model) is MLPClassifier:
        return "softmax"
    # libsvm gives the second class unless its value for the first is positive.
    return "last" if type(model) in KERNEL_MACHINES else "first"


def scores_of(model, network, rounding):
    """decision_function and predict_proba of two classes; see :class:`Resolved`."""
    kind, classes = type(model), getattr(model, "classes_", ())
    # A stated network speaks of predict alone; sklip's own classes keep to one rule.
    own = is_own(model, "__sklip_network__")
    if len(classes) != 2 or not (own or kind in MODELS):
        return None, None

    def logit():
        return single_logit(network, rounding)

    sigmoid = own or kind in SIGMOID_OF_LOGIT
    if kind is SGDClassifier:
        sigmoid = model.loss == "log_loss"
    return (
        None if kind is MLPClassifier else logit,
        Proba("sigmoid", logit) if sigmoid else None,
    )
