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

__all__ = ["entry", "entry_of", "met"]

# Their members get X as it is; a bag checks it itself.
_VOTES = (OneVsRestClassifier, VotingClassifier, VotingRegressor)


def entry(model):
    """Number and names of the columns of X, and whether they are taken by name."""
    return entry_of(next(_met_in(model), model))


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


def met(parts):
    """What X meets on its way through a model, but what hands it on."""
    for _, step in parts.steps:
        yield from _met_in(step)
    yield from _met_by(parts.last)


def _met_in(model):
    """The same of a part of it."""
    if is_drop(model) or is_identity(model):
        return
    model = unwrap_search(model)
    steps = pipeline_steps(model)
    if steps is None:
        yield from _met_by(model)
    else:
        for _, step in steps:
            yield from _met_in(step)


def _met_by(model):
    """The same of what is no Pipeline and has no search around it."""
    kind = type(model)
    if kind is FeatureUnion:
        for _, step in model.transformer_list:
            yield from _met_in(step)
    elif kind is TransformedTargetRegressor:
        yield from _met_in(model.regressor_)
    elif kind in THRESHOLD_MODELS:
        yield from _met_in(getattr(model, "estimator_", model.estimator))
    elif kind is CalibratedClassifierCV:
        yield from _met_in(model.calibrated_classifiers_[0].estimator)
    elif kind in _VOTES:
        yield from _met_in(model.estimators_[0])
    else:
        yield model
