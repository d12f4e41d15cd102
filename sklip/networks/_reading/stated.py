# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Models that say themselves what they predict as, and those that are not known.

A class states it by a method ``__sklip_network__``: a FeedForward, whose outputs its
predict follows as :func:`sklip.networks.network_view` describes, or another fitted
model that predicts the same.
"""

from sklearn.linear_model import RANSACRegressor
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.semi_supervised import SelfTrainingClassifier

from sklip.exceptions import UnsupportedModelError
from sklip.networks._feedforward import FeedForward
from sklip.networks._reading.known import MODELS, WRAPPERS
from sklip.networks._trust import (
    full_name,
    is_exactly,
    makes_statement,
    statement_of,
)

__all__ = ["extract_stated", "stated_model", "unknown_model"]

# What predicts inside of models that are not opened.
_FOUND = "pass the model that it fitted last, model.estimator_, which predicts the same"
_EACH = "pass the models of single outputs, model.estimators_[k]"
_INSIDE = {
    MultiOutputClassifier: _EACH,
    MultiOutputRegressor: _EACH,
    RANSACRegressor: _FOUND,
    SelfTrainingClassifier: _FOUND,
}


def stated_model(model):
    """Another model that this one says it predicts as; None if it names none."""
    if not makes_statement(model, "__sklip_network__"):
        return None
    stated = statement_of(model, "__sklip_network__")
    if stated is model:
        raise UnsupportedModelError(
            f"{full_name(model)}.__sklip_network__ gave the model itself."
        )
    # Anything else that is no model is refused where its network is asked for.
    is_model = hasattr(stated, "fit") and not isinstance(stated, FeedForward)
    return stated if is_model else None


def extract_stated(model):
    network = statement_of(model, "__sklip_network__")
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
    return network, getattr(model, "classes_", None)


def unknown_model(model):
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
