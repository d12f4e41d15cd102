# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""From a fitted model to a network of the columns in front of it.

Wrappers are opened from the outside in, down to the models that hold weights.
"""

from dataclasses import replace

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, SGDClassifier
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sklip.exceptions import UnsupportedModelError
from sklip.networks._feedforward import FeedForward
from sklip.networks._folding import coordinatewise_map, is_identity, unfreeze
from sklip.networks._reading.ensembles import ENSEMBLES
from sklip.networks._reading.models import extract_network, extract_rounding
from sklip.networks._reading.resolved import Resolved
from sklip.networks._reading.thresholds import THRESHOLD_MODELS, shift_threshold

__all__ = ["resolve", "unwrap_search"]

_SIGMOID_OF_LOGIT = (
    LinearDiscriminantAnalysis,
    LogisticRegression,
    LogisticRegressionCV,
    MLPClassifier,
)


def resolve(model, folder, columns):
    """The network of a fitted model whose input are ``columns``.

    Parameters
    ----------
    model : object
        The model, or a wrapper around one.
    folder : Folder
        Notes what is done before the network.
    columns : Columns
        What the model gets.

    Returns
    -------
    resolved : Resolved
        Its columns need no further transformer.

    Raises
    ------
    NotFittedError, UnsupportedModelError
        If the model is not fitted or not known.
    """
    model = unwrap_search(model)
    kind = type(model)
    if kind is Pipeline:
        for _, step in model.steps[:-1]:
            columns = folder.fold(step, columns)
        return resolve(model.steps[-1][1], folder, columns)
    if kind is TransformedTargetRegressor:
        return _undo_target(model, resolve(model.regressor_, folder, columns))
    if kind in THRESHOLD_MODELS:
        inner = getattr(model, "estimator_", model.estimator)
        return shift_threshold(model, resolve(inner, folder, columns), inner)
    if kind in ENSEMBLES:
        return ENSEMBLES[kind](model, folder, columns, resolve)
    network, classes = extract_network(model)
    folder.need_affine(columns, model)
    folder.forbid_missing(columns)
    if len(columns) != network.n_inputs:
        raise ValueError(
            f"{kind.__name__} was fitted on {network.n_inputs} columns, but the step "
            f"before it gives {len(columns)}."
        )
    rounding = extract_rounding(model, network)
    proba = "sigmoid" if _has_sigmoid(model, classes) else None
    return Resolved(network, rounding, classes, columns, proba)


def unwrap_search(model):
    """The fitted model inside FrozenEstimator and searches."""
    while True:
        _check_fitted(model)
        model = unfreeze(model)
        # Halving searches are experimental: their best_estimator_ tells them.
        if not isinstance(model, GridSearchCV | RandomizedSearchCV) and not (
            hasattr(model, "best_estimator_") and hasattr(model, "cv_results_")
        ):
            return model
        if not hasattr(model, "best_estimator_"):
            raise UnsupportedModelError(
                f"{type(model).__name__}(refit=False) holds no fitted model."
            )
        model = model.best_estimator_


def _check_fitted(model):
    if isinstance(model, type) or not hasattr(model, "fit"):
        what = model.__name__ if isinstance(model, type) else type(model).__name__
        raise UnsupportedModelError(
            f"No bound is known for {what}: a fitted estimator or a FeedForward is "
            "needed."
        )
    check_is_fitted(model)


def _has_sigmoid(model, classes):
    if classes is None or len(classes) != 2:
        return False
    if type(model) is SGDClassifier:
        return model.loss == "log_loss"
    own = isinstance(getattr(model, "network_", None), FeedForward)
    return type(model) in _SIGMOID_OF_LOGIT or (own and hasattr(model, "predict_proba"))


def _undo_target(model, resolved):
    """The network behind the inverse of the fitted target transformer."""
    if resolved.classes is not None:
        raise UnsupportedModelError(
            "TransformedTargetRegressor around the classifier "
            f"{type(unwrap_search(model.regressor_)).__name__} is not supported."
        )
    return _behind(resolved, model.transformer_)


def _behind(resolved, transformer):
    transformer = unfreeze(transformer)
    if is_identity(transformer):
        return resolved
    if type(transformer) is Pipeline:
        for _, step in reversed(transformer.steps):
            resolved = _behind(resolved, step)
        return resolved
    try:
        scale, offset = coordinatewise_map(transformer, resolved.network.n_outputs)
    except UnsupportedModelError:
        raise UnsupportedModelError(
            f"The target transformer {type(transformer).__name__} of a "
            "TransformedTargetRegressor cannot be folded into the network. Those that "
            "can be: MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler (without "
            "clip)."
        ) from None
    scale, offset = 1.0 / scale, -offset / scale
    return replace(
        resolved,
        network=resolved.network.with_output_map(np.diag(scale), offset),
        rounding=resolved.rounding.behind(scale, offset),
    )
