# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""From a fitted model to a network of the columns in front of it.

Wrappers are opened from the outside in, down to the models that hold weights.
"""

import warnings
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.multiclass import OneVsRestClassifier
from sklearn.utils.validation import check_is_fitted

from sklip._compat import SEARCHES
from sklip.exceptions import UnsupportedModelError
from sklip.networks._feedforward import FeedForward
from sklip.networks._folding import acting, pipeline_steps
from sklip.networks._reading.calibrated import calibrated
from sklip.networks._reading.ensembles import ENSEMBLES
from sklip.networks._reading.known import THRESHOLD_MODELS
from sklip.networks._reading.models import read_leaf
from sklip.networks._reading.one_vs_rest import one_vs_rest
from sklip.networks._reading.resolved import Resolved
from sklip.networks._reading.targets import CURVED_TARGETS, TargetMap, monotone_stage
from sklip.networks._reading.thresholds import shift_threshold
from sklip.networks._trust import (
    full_name,
    makes_statement,
    need_unaltered,
    statement_of,
)

__all__ = ["Unwrapped", "resolve", "resolve_unwrapped", "unwrap", "unwrap_search"]


class Unwrapped(NamedTuple):
    """A fitted model, asked once what it is made of."""

    outer: Any  # the model without searches and frozen estimators around it
    # Of (str, object): transformers in front of its last estimator, those of inner
    # Pipelines included.
    steps: tuple
    last: Any  # that estimator, without searches around it; no Pipeline
    stated: Any = None  # what its ``__sklip_network__`` gave


def unwrap(model, unfitted=None):
    """Open searches and Pipelines, fitted and with the methods of their classes.

    Parameters
    ----------
    model : object
        A fitted model, or a wrapper around one.
    unfitted : str, default=None
        A method, such as ``"__sklip_module__"``: whose class has it need not have been
        fitted here.

    Raises
    ------
    NotFittedError, UnsupportedModelError
        If one of them is not fitted, or was changed.
    """
    outer, stated = _opened(model, unfitted)
    last, steps = outer, ()
    while inner := pipeline_steps(last):
        steps = (*steps, *inner[:-1])
        last, stated = _opened(inner[-1][1], unfitted)
    return Unwrapped(outer, steps, last, stated)


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
    return resolve_unwrapped(unwrap(model), folder, columns)


def resolve_unwrapped(parts, folder, columns):
    """The same of an Unwrapped model."""
    for _, step in parts.steps:
        columns = folder.fold(step, columns)
    model, kind = parts.last, type(parts.last)
    if kind is TransformedTargetRegressor:
        return _undo_target(model, resolve(model.regressor_, folder, columns))
    if kind in THRESHOLD_MODELS:
        inner = getattr(model, "estimator_", model.estimator)
        resolved = _in_double(model)(inner, folder, columns)
        return shift_threshold(model, inner, resolved)
    if kind is CalibratedClassifierCV:
        return calibrated(model, folder, columns, _in_double(model))
    if kind is OneVsRestClassifier:
        return one_vs_rest(model, folder, columns, _in_double(model))
    if kind in ENSEMBLES:
        return ENSEMBLES[kind](model, folder, columns, _in_double(model))
    return _resolve_leaf(read_leaf(model, parts.stated), folder, columns)


def _resolve_leaf(leaf, folder, columns):
    """The same of a model that holds its own weights; from here on it is not asked."""
    name, network = leaf.kind.__name__, leaf.network
    folder.need_affine(columns, name)
    folder.forbid_missing(columns)
    if len(columns) != network.n_inputs:
        raise ValueError(
            f"{name} was fitted on {network.n_inputs} columns, but the step before it "
            f"gives {len(columns)}."
        )
    rounding, coarseness = leaf.rounding(columns.storage.dtypes)
    return Resolved(
        network,
        rounding,
        leaf.classes,
        columns,
        leaf.ties,
        *leaf.scores(rounding),
        coarseness,
        target=leaf.target(coarseness),
        is_multilabel=leaf.is_multilabel,
    )


def _in_double(wrapper):
    """As :func:`resolve`, for what wrappers that compute on outputs hold."""

    def resolve_inner(model, folder, columns):
        resolved = resolve(model, folder, columns)
        if resolved.is_multilabel:
            raise UnsupportedModelError(
                f"{full_name(wrapper)} around a multilabel classifier is not supported."
            )
        if resolved.coarseness > 1:
            raise UnsupportedModelError(
                f"{type(wrapper).__name__} would go on in the float32 of the "
                f"{type(model).__name__} inside, which is not allowed for. Pass "
                "X.astype(numpy.float64)."
            )
        return resolved

    return resolve_inner


def unwrap_search(model, unfitted=None):
    """The fitted model inside FrozenEstimator, searches and models that name one.

    Whose class has the method ``unfitted`` need not have been fitted here.
    """
    return _opened(model, unfitted)[0]


def _opened(model, unfitted=None):
    """The same, and what its ``__sklip_network__`` gave; None without the method."""
    outer = model
    try:
        while True:
            if isinstance(model, type) or not hasattr(model, "fit"):
                raise UnsupportedModelError(
                    f"No bound is known for {full_name(model)}: a fitted estimator or "
                    "a FeedForward is needed."
                )
            check_is_fitted(model)
            need_unaltered(model)
            if type(model) is FrozenEstimator:
                model = model.estimator
            elif type(model) in SEARCHES:
                model = _best(model)
            else:
                stated = statement_of(model, "__sklip_network__")
                # What is no model is refused where its network is asked for.
                if not hasattr(stated, "fit") or isinstance(stated, FeedForward):
                    return model, stated
                if stated is model:
                    raise UnsupportedModelError(
                        f"{full_name(model)}.__sklip_network__ gave the model itself."
                    )
                model = stated
    except NotFittedError:
        if unfitted is None or not makes_statement(outer, unfitted):
            raise
        need_unaltered(outer)
        return outer, None


def _best(search):
    if not search.refit or not hasattr(search, "best_estimator_"):
        raise UnsupportedModelError(
            f"{type(search).__name__}(refit=False) holds no fitted model."
        )
    _warn_of_halving(search)
    return search.best_estimator_


def _warn_of_halving(search):
    """scikit-learn's halving searches take a rule for ``refit`` and never call it."""
    is_halving = hasattr(search, "n_remaining_candidates_")
    if is_halving and callable(search.refit):
        warnings.warn(
            f"{type(search).__name__} never calls refit={search.refit!r}: its "
            "best_estimator_ has the best score of the last round, whatever the rule "
            "says. Use GridSearchCV or RandomizedSearchCV with it.",
            UserWarning,
            stacklevel=2,
        )


def _undo_target(model, resolved):
    """The network behind the inverse of the fitted target transformer."""
    if resolved.classes is not None:
        raise UnsupportedModelError(
            "TransformedTargetRegressor around the classifier "
            f"{type(unwrap_search(model.regressor_)).__name__} is not supported."
        )
    return _behind(resolved, model.transformer_)


def _behind(resolved, transformer):
    transformer = acting(transformer)
    if transformer is None:
        return resolved
    need_unaltered(transformer)
    steps = pipeline_steps(transformer)
    if steps is not None:
        for _, step in reversed(steps):
            resolved = _behind(resolved, step)
        return resolved
    return _behind_step(resolved, transformer)


def _behind_step(resolved, transformer):
    """Affine steps go into the last layer, as long as nothing curved came before."""
    n_outputs = resolved.network.n_outputs
    stage = monotone_stage(transformer, n_outputs)
    if stage is None:
        raise _unknown_target(transformer)
    is_affine = type(transformer) not in CURVED_TARGETS
    if is_affine and resolved.target is None:
        scale, offset = 1.0 / stage.scale, -stage.offset / stage.scale
        return replace(
            resolved,
            network=resolved.network.with_output_map(np.diag(scale), offset),
            rounding=resolved.rounding.behind(scale, offset, resolved.coarseness),
        )
    if resolved.coarseness > 1:
        raise UnsupportedModelError(
            f"{full_name(transformer)} would go on in the float32 of the regressor "
            "inside, which is not allowed for. Pass X.astype(numpy.float64)."
        )
    target = resolved.target or TargetMap(f"the inverse of {_shown(transformer)}", ())
    return replace(resolved, target=target.then(stage))


def _shown(transformer):
    func = getattr(transformer, "inverse_func", None)
    name = full_name(transformer)
    return name if func is None else f"{name}({getattr(func, '__name__', repr(func))})"


def _unknown_target(transformer):
    return UnsupportedModelError(
        f"The target transformer {_shown(transformer)} of a TransformedTargetRegressor "
        "is not known to be monotone. Those that are: MaxAbsScaler, MinMaxScaler, "
        "RobustScaler, StandardScaler (without clip), PowerTransformer, "
        "QuantileTransformer, and FunctionTransformer with an inverse_func of numpy "
        "such as exp, expm1, log, log1p, sqrt or square, or with one of your own that "
        "says so: inverse_func.monotone = 'increasing'. Or certify the regressor "
        "inside, model.regressor_, in the units of the transformed target."
    )
