# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What X meets on its way into a model: the first step, its columns and their names."""

from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import FeatureUnion

from sklip.exceptions import UnsupportedModelError
from sklip.networks._folding import acting, is_drop, pipeline_steps
from sklip.networks._reading import (
    THRESHOLD_MODELS,
    extract_leaf,
    unwrap,
    unwrap_search,
)
from sklip.networks._trust import full_name

__all__ = ["entry", "entry_of", "first_met"]

# Their members get X as it is; a bag checks it itself.
_VOTES = (OneVsRestClassifier, VotingClassifier, VotingRegressor)


def entry(model):
    """Number and names of the columns of X, and whether they are taken by name."""
    return entry_of(first_met(unwrap(model)))


def entry_of(first):
    """The same of what X meets first."""
    names = getattr(first, "feature_names_in_", None)
    n_features = getattr(first, "n_features_in_", None)
    if n_features is None:
        first = unwrap_search(first)  # refused unless it is fitted
        _refuse_text(first)
        n_features = extract_leaf(first).network.n_inputs
    return (
        n_features,
        None if names is None else tuple(map(str, names)),
        type(first) is ColumnTransformer,
    )


def _refuse_text(first):
    """Transformers that read no table: texts have no distance."""
    if hasattr(first, "transform") and not hasattr(first, "predict"):
        raise UnsupportedModelError(
            f"{full_name(first)} reads no table of numbers, so that there is no "
            "distance to move by. Certify what comes behind it, model[1:], at the rows "
            "that it gives, model[0].transform(X)."
        )


def first_met(parts):
    """What X meets first on its way through a model, but what hands it on."""
    first = _first_of(step for _, step in parts.steps)
    if first is None:
        first = _first_behind(parts.last)
    return parts.outer if first is None else first


def _first_of(steps):
    """The same of transformers one after the other; None where nothing is met."""
    for step in steps:
        step = acting(step)
        if step is not None and (first := _first_behind(step)) is not None:
            return first
    return None


def _first_behind(model):
    """The same of one of them, or of a model without searches around it."""
    kind = type(model)
    if kind is FeatureUnion:
        return _first_of(s for _, s in model.transformer_list if not is_drop(s))
    if kind is TransformedTargetRegressor:
        return first_met(unwrap(model.regressor_))
    if kind in THRESHOLD_MODELS:
        return first_met(unwrap(getattr(model, "estimator_", model.estimator)))
    if kind is CalibratedClassifierCV:
        return first_met(unwrap(model.calibrated_classifiers_[0].estimator))
    if kind in _VOTES:
        return first_met(unwrap(model.estimators_[0]))
    inner = pipeline_steps(model)
    return model if inner is None else _first_of(step for _, step in inner)
