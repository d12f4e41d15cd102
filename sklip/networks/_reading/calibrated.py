# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Classifiers of two classes whose scores were calibrated by sigmoids.

A sigmoid is monotone: where the calibrated probability passes one half, its argument
changes sign, which is an affine function of the score inside. A falling sigmoid changes
the classes over. Temperature scaling is the sigmoid of a multiple of the score.
"""

import numpy as np

from sklip._compat import CalibratedMember, SigmoidCalibration, TemperatureScaling
from sklip.exceptions import UnsupportedModelError
from sklip.networks._reading.ensembles import soft_vote
from sklip.networks._reading.parallel import with_sigmoid
from sklip.networks._reading.resolved import Proba, Resolved
from sklip.networks._trust import full_name, is_exactly

__all__ = ["calibrated"]

# Of a rounded probability near one half, in units of the logit.
_ROUNDED = 4.0


def calibrated(model, folder, columns, resolve):
    """What a fitted CalibratedClassifierCV predicts by.

    Parameters
    ----------
    model : CalibratedClassifierCV
        Fitted.
    folder : Folder
        Notes what is done before the network.
    columns : Columns
        What the model gets.
    resolve : callable
        Resolves a model inside.

    Returns
    -------
    resolved : Resolved
        With one member the argument of its sigmoid; of several the mean probability.

    Raises
    ------
    UnsupportedModelError
        If there are more classes, another method, or a score that is no network.
    """
    members = model.calibrated_classifiers_
    if len(model.classes_) != 2:
        raise _refusal(
            model,
            f"of {len(model.classes_)} classes divides each probability by their sum, "
            "which is no network",
        )
    if any(not _is_known(member) for member in members):
        raise _refusal(
            model,
            f"(method={members[0].method!r}) is known for method='sigmoid' and "
            "'temperature' only: steps of an isotonic regression jump",
        )
    if len(members) == 1:
        return _member(model, members[0], folder, columns, resolve)
    if members[0].method == "temperature":
        raise _refusal(
            model, "(method='temperature') of several folds is not: set ensemble=False"
        )
    # All get the same X.
    given = columns.shared()
    parts = [_member(model, member, folder, given, resolve) for member in members]
    return soft_vote(model, parts, None, folder, model.classes_)


def _is_known(member):
    kinds = {"sigmoid": SigmoidCalibration, "temperature": TemperatureScaling}
    return (
        is_exactly(member, CalibratedMember)
        and member.method in kinds
        and len(member.calibrators) == 1
        and is_exactly(member.calibrators[0], kinds[member.method])
    )


def _refusal(model, why):
    return UnsupportedModelError(
        f"{full_name(model)} {why}. Certify the classifiers inside, "
        "model.calibrated_classifiers_[k].estimator, or two classes with "
        "method='sigmoid'."
    )


def _member(model, member, folder, columns, resolve):
    """The argument of one member's sigmoid: -(a * score + b), or 2 beta * score."""
    resolved = resolve(member.estimator, folder, columns)
    is_scaled = member.method == "temperature"
    # scikit-learn fits what it scales on the positions of the classes.
    known = [model.classes_, np.arange(len(model.classes_))][: 1 + is_scaled]
    for classes in (resolved.classes, member.classes):
        if not any(np.array_equal(classes, labels) for labels in known):
            raise _refusal(model, "holds a classifier with other classes")
    if is_scaled and not hasattr(member.estimator, "decision_function"):
        raise _refusal(
            model,
            "(method='temperature') scales the logarithms of predict_proba where "
            f"there is no decision_function, as of {full_name(member.estimator)}",
        )
    (network, rounding), shift = _score(model, member.estimator, resolved)
    (calibrator,) = member.calibrators
    if is_scaled:
        # softmax of -beta * score and beta * score.
        scale, offset = 2.0 * float(calibrator.beta_), 0.0
    else:
        scale, offset = -float(calibrator.a_), -float(calibrator.b_)
    if not (np.isfinite(scale) and np.isfinite(offset)):
        raise _refusal(model, f"scales scores by {scale} and moves them by {offset}")
    offset += scale * shift
    size = np.abs(scale * shift) + abs(offset) + _ROUNDED
    argument = (
        network.with_output_map([[scale]], [offset]),
        rounding.behind(np.array([scale]), np.array([size])),
    )
    return Resolved(
        *argument,
        model.classes_,
        resolved.columns,
        ties="softmax",
        proba=Proba("sigmoid", lambda: argument),
    )


def _score(model, inner, resolved):
    """What is calibrated, decision_function before predict_proba, and a constant."""
    if hasattr(inner, "decision_function"):
        if resolved.decision is not None:
            return resolved.decision(), 0.0
    elif resolved.proba is not None and resolved.proba.kind == "sigmoid":
        return with_sigmoid(*resolved.proba.score()), 0.0
    elif resolved.proba is not None:
        return resolved.proba.score(), 0.5
    raise _refusal(
        model, f"calibrates scores of {full_name(inner)} that are no network"
    )
