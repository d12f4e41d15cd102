# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Models around others: Pipelines, thresholds, target transformers, averages."""

from dataclasses import replace

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    VotingClassifier,
    VotingRegressor,
)

from sklip.exceptions import UnsupportedModelError
from sklip.networks._export.calibration import calibrated_proba
from sklip.networks._export.leaves import (
    Heads,
    add_leaf,
    flagged,
    largest,
)
from sklip.networks._export.maps import undo
from sklip.networks._export.table import Table
from sklip.networks._folding import Values, pipeline_steps
from sklip.networks._reading import (
    THRESHOLD_MODELS,
    need_equal_labels,
    threshold_rule,
    unwrap_search,
)

__all__ = ["add_model"]


def add_model(exporter, model, table):
    """Outputs of a fitted model of some columns.

    Parameters
    ----------
    exporter : Exporter
        Gets the nodes and the checkpoints.
    model : object
        The model, or a wrapper around one.
    table : Table
        What it is given.

    Returns
    -------
    heads : Heads
        What it predicts.
    """
    model = unwrap_search(model)
    steps = pipeline_steps(model)
    if steps is not None:
        table = exporter.through(steps[:-1], table)
        return add_model(exporter, steps[-1][1], table)
    add = _WRAPPERS.get(type(model), add_leaf)
    return add(exporter, model, table)


def _target(exporter, model, table):
    heads = add_model(exporter, model.regressor_, table)
    if heads.prediction is None:
        raise UnsupportedModelError(
            "TransformedTargetRegressor around a classifier is not supported."
        )
    prediction = undo(exporter.graph, model.transformer_, heads.prediction)
    return Heads(prediction=prediction, logits=heads.logits)


def _threshold(exporter, model, table):
    graph = exporter.graph
    inner = getattr(model, "estimator_", model.estimator)
    heads = add_model(exporter, inner, table)
    threshold, positive, of_proba = threshold_rule(model, inner, heads.classes)
    if of_proba:
        column = graph.indices([int(positive)])
        score = graph.add("Gather", heads.proba, column, axis=1)
    elif positive:
        score = heads.decision
    else:
        score = graph.add("Neg", heads.decision)
    flag = graph.add("GreaterOrEqual", score, threshold)
    flag = flag if positive else graph.add("Not", flag)
    return replace(heads, label=flagged(graph, flag))


def _average(graph, tensors, weights):
    """Mean of tensors, in the order in which numpy adds them up."""
    weights = np.ones(len(tensors)) if weights is None else np.asarray(weights, float)
    total = None
    for tensor, weight in zip(tensors, weights, strict=True):
        part = tensor if weight == 1.0 else graph.add("Mul", tensor, float(weight))
        total = part if total is None else graph.add("Add", total, part)
    return graph.add("Div", total, float(weights.sum()))


def _voting_regressor(exporter, model, table):
    members = [add_model(exporter, m, table) for m in model.estimators_]
    predictions = [member.prediction for member in members]
    mean = _average(exporter.graph, predictions, model._weights_not_none)
    return Heads(prediction=mean)


def _voting_classifier(exporter, model, table):
    if model.voting != "soft":
        raise UnsupportedModelError(
            "VotingClassifier(voting='hard') is not exported to ONNX; with "
            "voting='soft' it is."
        )
    classes = need_equal_labels(model, model.le_.classes_)
    members = [add_model(exporter, m, table) for m in model.estimators_]
    return _vote(exporter.graph, members, model._weights_not_none, classes)


def _vote(graph, members, weights, classes):
    proba = _average(graph, [member.proba for member in members], weights)
    return Heads(classes=classes, label=largest(graph, proba), proba=proba)


def _bag(exporter, model, table):
    members = []
    for member, features in zip(
        model.estimators_, model.estimators_features_, strict=True
    ):
        positions = tuple(int(j) for j in features)
        taken = table.take(exporter.graph, positions)
        taken = Table(taken.parts, (*table.path, Values(positions)))
        members.append(add_model(exporter, member, taken))
    return members


def _bagging_regressor(exporter, model, table):
    predictions = [m.prediction for m in _bag(exporter, model, table)]
    return Heads(prediction=_average(exporter.graph, predictions, None))


def _bagging_classifier(exporter, model, table):
    members = _bag(exporter, model, table)
    if any(m.proba is None or len(m.classes) != len(model.classes_) for m in members):
        raise UnsupportedModelError(
            "BaggingClassifier is exported to ONNX if all members have predict_proba "
            "and have seen all classes."
        )
    heads = _vote(exporter.graph, members, None, model.classes_)
    if not hasattr(model, "decision_function"):
        return heads
    decisions = [member.decision for member in members]
    return replace(heads, decision=_average(exporter.graph, decisions, None))


def _calibrated(exporter, model, table):
    members = []
    for member in model.calibrated_classifiers_:
        heads = add_model(exporter, member.estimator, table)
        members.append(calibrated_proba(exporter.graph, member, heads))
    proba = _average(exporter.graph, members, None)
    label = largest(exporter.graph, proba)
    return Heads(classes=model.classes_, label=label, proba=proba)


_WRAPPERS = {
    BaggingClassifier: _bagging_classifier,
    BaggingRegressor: _bagging_regressor,
    CalibratedClassifierCV: _calibrated,
    TransformedTargetRegressor: _target,
    VotingClassifier: _voting_classifier,
    VotingRegressor: _voting_regressor,
    **dict.fromkeys(THRESHOLD_MODELS, _threshold),
}
