# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Votes and bags of networks: averages, which are networks themselves."""

import numpy as np
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    VotingClassifier,
    VotingRegressor,
)

from sklip.exceptions import UnsupportedModelError
from sklip.networks._folding import Values, concatenate
from sklip.networks._reading.parallel import (
    averaged,
    side_by_side,
    single_logit,
    with_sigmoid,
)
from sklip.networks._reading.resolved import Resolved

__all__ = ["ENSEMBLES"]


def _voting_regressor(model, folder, columns, resolve):
    members = [resolve(member, folder, columns) for member in model.estimators_]
    return _average(model, members, model._weights_not_none, folder)


def _bagging_regressor(model, folder, columns, resolve):
    return _average(model, _bag(model, folder, columns, resolve), None, folder)


def _voting_classifier(model, folder, columns, resolve):
    if model.voting != "soft":
        raise UnsupportedModelError(
            "VotingClassifier(voting='hard') counts votes, which jump: there is no "
            "margin to divide by a slope. Use voting='soft'."
        )
    if len(model.classes_) != 2:
        raise _no_softmax(model)
    members = [resolve(member, folder, columns) for member in model.estimators_]
    return _soft_vote(model, members, model._weights_not_none, folder)


def _bagging_classifier(model, folder, columns, resolve):
    if len(model.classes_) != 2:
        raise _no_softmax(model)
    members = _bag(model, folder, columns, resolve)
    return _soft_vote(model, members, None, folder)


# Each entry: (model, folder, columns, resolve) -> Resolved.
ENSEMBLES = {
    BaggingClassifier: _bagging_classifier,
    BaggingRegressor: _bagging_regressor,
    VotingClassifier: _voting_classifier,
    VotingRegressor: _voting_regressor,
}


def _no_softmax(model):
    return UnsupportedModelError(
        f"{type(model).__name__} averages the softmax of {len(model.classes_)} classes,"
        " which is no elementwise activation: ensembles of classifiers need two."
    )


def _bag(model, folder, columns, resolve):
    members = []
    for member, features in zip(
        model.estimators_, model.estimators_features_, strict=True
    ):
        path = (*columns.path, Values(tuple(int(j) for j in features)))
        members.append(resolve(member, folder, columns.take(features, path)))
    return members


def _average(model, members, weights, folder):
    """Mean of the members' predictions."""
    if any(member.classes is not None for member in members):
        raise UnsupportedModelError(f"{type(model).__name__} holds a classifier.")
    network, rounding = side_by_side(
        [member.network for member in members],
        [member.rounding for member in members],
        type(model).__name__,
    )
    network, rounding = averaged(network, rounding, _shares(members, weights))
    return Resolved(network, rounding, None, _inputs(members, folder))


def _soft_vote(model, members, weights, folder):
    """Mean probability of the second class, less one half."""
    name = type(model).__name__
    for member in members:
        if member.proba != "sigmoid" or len(member.classes) != len(model.classes_):
            raise UnsupportedModelError(
                f"{name} averages predict_proba, and that of a member is not the "
                "sigmoid of a known logit. Members that can be: MLPClassifier, "
                "LogisticRegression, LinearDiscriminantAnalysis, "
                "SGDClassifier(loss='log_loss') and the classifiers of sklip."
            )
    logits = [single_logit(member.network, member.rounding) for member in members]
    network, rounding = side_by_side(*zip(*logits, strict=True), name)
    network, rounding = with_sigmoid(network, rounding)
    shares = _shares(members, weights)
    network, rounding = averaged(network, rounding, shares, -0.5)
    columns = _inputs(members, folder)
    return Resolved(network, rounding, model.classes_, columns, "shifted")


def _shares(members, weights):
    weights = np.ones(len(members)) if weights is None else np.asarray(weights, float)
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise UnsupportedModelError(
            f"The weights {weights.tolist()} of the ensemble are not all >= 0."
        )
    return weights / weights.sum()


def _inputs(members, folder):
    return concatenate([member.columns for member in members], folder.n_coordinates)
