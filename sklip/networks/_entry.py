# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What X meets on its way into a model: the first step, its columns and their names."""

from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import FeatureUnion

from sklip.exceptions import UnsupportedModelError
from sklip.networks._folding import is_drop, is_identity, pipeline_steps
from sklip.networks._reading import THRESHOLD_MODELS, extract_network, unwrap_search
from sklip.networks._trust import full_name

__all__ = ["entry", "entry_of", "first_met"]

# Their members get X as it is; a bag checks it itself.
_VOTES = (OneVsRestClassifier, VotingClassifier, VotingRegressor)


def entry(model):
    """Number and names of the columns of X, and whether they are taken by name."""
    first = _first_in(model)
    return entry_of(model if first is None else first)


def entry_of(first):
    names = getattr(first, "feature_names_in_", None)
    n_features = getattr(first, "n_features_in_", None)
    if n_features is None:
        _refuse_text(first)
        n_features = extract_network(first)[0].n_inputs
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
    for _, step in parts.steps:
        if (first := _first_in(step)) is not None:
            return first
    first = _first_behind(parts.last)
    return parts.outer if first is None else first


def _first_in(model):
    """The same of a part of it; None where nothing is met."""
    if is_drop(model) or is_identity(model):
        return None
    model = unwrap_search(model)
    steps = pipeline_steps(model)
    if steps is None:
        return _first_behind(model)
    return _first_of(step for _, step in steps)


def _first_of(models):
    met = (_first_in(model) for model in models)
    return next((first for first in met if first is not None), None)


def _first_behind(model):
    """The same of what is no Pipeline and has no search around it."""
    kind = type(model)
    if kind is FeatureUnion:
        return _first_of(step for _, step in model.transformer_list)
    if kind is TransformedTargetRegressor:
        return _first_in(model.regressor_)
    if kind in THRESHOLD_MODELS:
        return _first_in(getattr(model, "estimator_", model.estimator))
    if kind is CalibratedClassifierCV:
        return _first_in(model.calibrated_classifiers_[0].estimator)
    if kind in _VOTES:
        return _first_in(model.estimators_[0])
    return model
