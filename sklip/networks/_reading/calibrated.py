# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Classifiers of two classes whose scores were calibrated by sigmoids.

A sigmoid is monotone: where the calibrated probability passes one half, its argument
changes sign, which is an affine function of the score inside. A falling sigmoid changes
the classes over.
"""

import numpy as np

from sklip._compat import CalibratedMember, SigmoidCalibration
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
    if any(not _is_sigmoid(member) for member in members):
        raise _refusal(
            model,
            f"(method={members[0].method!r}) is known for method='sigmoid' only: steps "
            "of an isotonic regression jump",
        )
    if len(members) == 1:
        return _member(model, members[0], folder, columns, resolve)
    # All get the same X.
    given = columns.shared()
    parts = [_member(model, member, folder, given, resolve) for member in members]
    return soft_vote(model, parts, None, folder, model.classes_)


def _is_sigmoid(member):
    return (
        is_exactly(member, CalibratedMember)
        and member.method == "sigmoid"
        and len(member.calibrators) == 1
        and is_exactly(member.calibrators[0], SigmoidCalibration)
    )


def _refusal(model, why):
    return UnsupportedModelError(
        f"{full_name(model)} {why}. Certify the classifiers inside, "
        "model.calibrated_classifiers_[k].estimator, or two classes with "
        "method='sigmoid'."
    )


def _member(model, member, folder, columns, resolve):
    """The argument of one member's sigmoid: -(a * score + b)."""
    resolved = resolve(member.estimator, folder, columns)
    for classes in (resolved.classes, member.classes):
        if classes is None or not np.array_equal(classes, model.classes_):
            raise _refusal(model, "holds a classifier with other classes")
    (network, rounding), shift = _score(model, member.estimator, resolved)
    (calibrator,) = member.calibrators
    scale, offset = -float(calibrator.a_), -float(calibrator.b_)
    if not (np.isfinite(scale) and np.isfinite(offset)):
        raise _refusal(model, f"has a_ = {-scale} and b_ = {-offset}")
    offset += scale * shift
    size = np.abs(scale * shift) + abs(offset) + _ROUNDED
    argument = (
        network.with_output_map([[scale]], [offset]),
        rounding.behind(np.array([scale]), np.array([size])),
    )
    return Resolved(
        *argument,
        resolved.classes,
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
