# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Models that say themselves what they predict as, and those that are not known.

A class states it by a method ``__sklip_network__``: a FeedForward, whose outputs its
predict follows as :func:`sklip.networks.network_view` describes, or another fitted
model that predicts the same.
"""

from dataclasses import replace

import numpy as np
from sklearn.linear_model import RANSACRegressor
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.utils.validation import check_is_fitted

from sklip.exceptions import UnsupportedModelError
from sklip.networks._feedforward import FeedForward
from sklip.networks._reading.known import MODELS, WRAPPERS
from sklip.networks._reading.leaf import Leaf
from sklip.networks._trust import full_name, is_exactly, is_own, makes_statement

__all__ = ["read_stated", "unknown_model"]

# What predicts inside of models that are not opened.
_FOUND = "pass the model that it fitted last, model.estimator_, which predicts the same"
_EACH = "pass the models of single outputs, model.estimators_[k]"
_INSIDE = {
    MultiOutputClassifier: _EACH,
    MultiOutputRegressor: _EACH,
    RANSACRegressor: _FOUND,
    SelfTrainingClassifier: _FOUND,
}


def read_stated(model, network):
    """All that is known of a model whose ``__sklip_network__`` gave a network."""
    if network is None:
        check_is_fitted(model)
    if network is None and makes_statement(model, "__sklip_module__"):
        raise UnsupportedModelError(
            f"This {type(model).__name__} holds a torch module, which is no "
            "FeedForward: lipschitz_bound, certified_radius with method='product' and "
            "certified_interval take it as it is."
        )
    if not is_exactly(network, FeedForward):
        raise UnsupportedModelError(
            f"{full_name(model)}.__sklip_network__ gave {type(network).__name__}: a "
            "FeedForward or a fitted model is needed."
        )
    leaf = Leaf(type(model), network, getattr(model, "classes_", None))
    if getattr(model, "_is_multilabel", False):
        return replace(leaf, classes=np.arange(network.n_outputs), is_multilabel=True)
    # The network speaks of predict alone; sklip's own classes keep to one rule.
    if not is_own(model, "__sklip_network__"):
        return leaf
    two = leaf.classes is not None and len(leaf.classes) == 2
    leaf = replace(leaf, has_logit=two, has_sigmoid=two)
    if getattr(model, "out_activation_", None) != "exp":
        return leaf
    loss = getattr(model, "loss", None)
    return replace(leaf, exponential_of=loss if isinstance(loss, str) else "")


def unknown_model(model):
    """The error for a model of which nothing is known."""
    parents = [k for k in type(model).__mro__[1:] if k in MODELS | WRAPPERS]
    if parents:
        return UnsupportedModelError(
            f"{full_name(model)} is a subclass of {full_name(parents[0])}, which may "
            "predict otherwise than its parent and is not taken for it. Pass a "
            f"{parents[0].__name__}, or state the network that predict follows by a "
            "method __sklip_network__."
        )
    if hasattr(model, "best_estimator_"):
        return UnsupportedModelError(
            f"No bound is known for {full_name(model)}: pass the model that it found, "
            "its best_estimator_."
        )
    if type(model) in _INSIDE:
        return UnsupportedModelError(
            f"No bound is known for {full_name(model)}: {_INSIDE[type(model)]}."
        )
    return UnsupportedModelError(
        f"No bound is known for {full_name(model)}. Models that have one: the "
        "estimators of sklip, MLPClassifier, MLPRegressor, the linear models of "
        "scikit-learn and SVMs with kernel='linear', also inside a Pipeline, a "
        "TransformedTargetRegressor, a search, a CalibratedClassifierCV of two "
        "classes, a OneVsRestClassifier and averages of them. A class of your own may "
        "state the network that its predict follows by a method "
        "__sklip_network__; see network_view."
    )
