# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Votes and bags of networks: averages, which are networks themselves."""

from dataclasses import replace

import numpy as np
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    VotingClassifier,
    VotingRegressor,
)

from sklip.exceptions import UnsupportedModelError
from sklip.networks._folding import Values, concatenate
from sklip.networks._reading.models import need_equal_labels
from sklip.networks._reading.parallel import (
    averaged,
    side_by_side,
    with_sigmoid,
)
from sklip.networks._reading.resolved import Proba, Resolved
from sklip.networks._trust import full_name

__all__ = ["ENSEMBLES", "soft_vote"]

# What the weights of an ensemble may add up to.
_LEAST_TOTAL, _MOST_TOTAL = 1e-10, 1e100


def _voting_regressor(model, folder, columns, resolve):
    members = _voters(model, folder, columns, resolve)
    return _average(model, members, model._weights_not_none, folder)


def _bagging_regressor(model, folder, columns, resolve):
    return _average(model, _bag(model, folder, columns, resolve), None, folder)


def _voting_classifier(model, folder, columns, resolve):
    if model.voting != "soft":
        raise UnsupportedModelError(
            "VotingClassifier(voting='hard') counts votes, which jump: there is no "
            "margin to divide by a slope. Use voting='soft'."
        )
    classes = need_equal_labels(model, model.le_.classes_)
    if len(classes) != 2:
        raise _no_softmax(model, classes)
    members = _voters(model, folder, columns, resolve)
    return soft_vote(model, members, model._weights_not_none, folder, classes)


def _bagging_classifier(model, folder, columns, resolve):
    classes = model.classes_
    if len(classes) != 2 or model.n_classes_ != 2:
        raise _no_softmax(model, classes)
    members = _bag(model, folder, columns, resolve)
    vote = soft_vote(model, members, None, folder, classes)
    if any(member.decision is None for member in members):
        return vote

    def decision():
        scores = [member.decision() for member in members]
        return _mean(model, scores, _shares(model, members, None))

    # Not the probability's logit: the mean of the members' own scores.
    return replace(vote, decision=decision)


# Each entry: (model, folder, columns, resolve) -> Resolved.
ENSEMBLES = {
    BaggingClassifier: _bagging_classifier,
    BaggingRegressor: _bagging_regressor,
    VotingClassifier: _voting_classifier,
    VotingRegressor: _voting_regressor,
}


def _no_softmax(model, classes):
    return UnsupportedModelError(
        f"{type(model).__name__} averages the softmax of {len(classes)} classes,"
        " which is no elementwise activation: ensembles of classifiers need two. "
        "Certify the members: where all give the same class, the least of their "
        "certified radii holds for it."
    )


def _voters(model, folder, columns, resolve):
    # All get the same X; a bag takes columns of it anew for each member.
    return [resolve(m, folder, columns.shared()) for m in model.estimators_]


def _bag(model, folder, columns, resolve):
    fitted, columns_of = model.estimators_, model.estimators_features_
    if not model.n_estimators == len(fitted) == len(columns_of):
        raise UnsupportedModelError(
            f"{type(model).__name__} has {len(fitted)} fitted members on "
            f"{len(columns_of)} sets of columns, but n_estimators is "
            f"{model.n_estimators} now, by which predict divides: put it back, or fit "
            "again."
        )
    members = []
    for member, features in zip(fitted, columns_of, strict=True):
        path = (*columns.path, Values(tuple(int(j) for j in features)))
        members.append(resolve(member, folder, columns.take(features, path)))
    return members


def _average(model, members, weights, folder):
    """Mean of the members' predictions."""
    if any(member.classes is not None for member in members):
        raise UnsupportedModelError(f"{full_name(model)} holds a classifier.")
    curved = [member.target.name for member in members if member.target is not None]
    if curved:
        raise UnsupportedModelError(
            f"{full_name(model)} averages predictions behind {curved[0]}, which are "
            "no network. Average inside of one TransformedTargetRegressor."
        )
    parts = [(member.network, member.rounding) for member in members]
    network, rounding = _mean(model, parts, _shares(model, members, weights))
    return Resolved(network, rounding, None, _inputs(members, folder))


def _mean(model, parts, shares, offset=0.0):
    """Weighted mean of networks side by side, plus a constant."""
    both = side_by_side(*zip(*parts, strict=True), type(model).__name__)
    return averaged(*both, shares, offset)


def soft_vote(model, members, weights, folder, classes):
    """Mean probability of the second class, less one half."""
    name = type(model).__name__
    for member in members:
        known = member.proba is not None and member.proba.kind == "sigmoid"
        if not known or len(member.classes) != len(classes):
            raise UnsupportedModelError(
                f"{name} averages predict_proba, and that of a member is not the "
                "sigmoid of a known logit. Members that can be: MLPClassifier, "
                "LogisticRegression, LinearDiscriminantAnalysis, "
                "SGDClassifier(loss='log_loss') and the classifiers of sklip."
            )
    logits = [member.proba.score() for member in members]
    network, rounding = side_by_side(*zip(*logits, strict=True), name)
    vote = averaged(
        *with_sigmoid(network, rounding), _shares(model, members, weights), -0.5
    )
    return Resolved(
        *vote,
        np.asarray(classes),
        _inputs(members, folder),
        proba=Proba("shifted", lambda: vote),
    )


def _shares(model, members, weights):
    weights = np.ones(len(members)) if weights is None else np.asarray(weights, float)
    if weights.shape != (len(members),):
        raise UnsupportedModelError(
            f"{type(model).__name__} has {len(members)} fitted members, but weights of "
            f"shape {weights.shape} now: put them back, or fit again."
        )
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise UnsupportedModelError(
            f"The weights {weights.tolist()} of the ensemble are not all >= 0."
        )
    # scikit-learn multiplies by the weights before it divides by their sum: outside
    # this range products overflow or vanish, which no rounding term allows for.
    with np.errstate(over="ignore"):
        total = weights.sum()
    if not _LEAST_TOTAL <= total <= _MOST_TOTAL:
        raise UnsupportedModelError(
            f"The weights {weights.tolist()} of the ensemble add up to {total:g}; "
            f"their sum must lie between {_LEAST_TOTAL:g} and {_MOST_TOTAL:g}. Divide "
            "them by their largest and fit again: that means the same."
        )
    return weights / total


def _inputs(members, folder):
    return concatenate([member.columns for member in members], folder.n_coordinates)
