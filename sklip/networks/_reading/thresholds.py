# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Decision thresholds of binary classifiers, as shifts of the score they compare."""

import numpy as np
from sklearn.model_selection import FixedThresholdClassifier

from sklip.exceptions import UnsupportedModelError
from sklip.networks._reading.resolved import Resolved

__all__ = ["shift_threshold", "threshold_rule"]


def shift_threshold(model, inner, resolved):
    """The score of the classifier inside, moved to change sign at the threshold.

    Parameters
    ----------
    model : FixedThresholdClassifier or TunedThresholdClassifierCV
        Fitted.
    inner : object
        The classifier inside. How its own predict decides plays no part: a threshold
        in it is not applied.
    resolved : Resolved
        What it was resolved to.

    Returns
    -------
    shifted : Resolved
        Its margin is zero where the score reaches the threshold.

    Raises
    ------
    UnsupportedModelError
        If the score is not known, or the threshold decides every sample alike.
    """
    name = type(model).__name__
    if resolved.classes is None or len(resolved.classes) != 2:
        raise UnsupportedModelError(f"{name} needs a classifier of two classes.")
    threshold, positive, of_proba = threshold_rule(model, inner, resolved.classes)
    if of_proba:
        score = _proba_score(name, inner, resolved.proba)
        shift, size = _proba_shift(name, resolved.proba.kind, threshold, positive)
    elif resolved.decision is None:
        raise UnsupportedModelError(
            f"{name} compares decision_function of {type(inner).__name__}, which is no "
            "known network. Use response_method='predict_proba'."
        )
    else:
        score = resolved.decision
        shift, size = (threshold if positive else -threshold), 1.0
    network, rounding = score()
    return Resolved(
        network.with_output_map([[1.0]], [-shift]),
        rounding.behind(np.ones(1), np.array([abs(shift) * (1.0 + size) + size])),
        resolved.classes,
        resolved.columns,
        # The threshold itself belongs to the positive class.
        ties="last" if positive else "first",
        decision=resolved.decision,
        proba=resolved.proba,
    )


def _proba_score(name, inner, proba):
    if proba is None:
        raise UnsupportedModelError(
            f"{name} compares predict_proba of {type(inner).__name__}, which is no "
            "known function of its logit. Use response_method='decision_function'."
        )
    return proba.score


def _proba_shift(name, kind, threshold, positive):
    """Where the score of a probability is to be zero, and the size of its rounding."""
    if kind == "shifted":
        return (threshold if positive else 1.0 - threshold) - 0.5, 1.0
    if not 0.0 < threshold < 1.0:
        raise UnsupportedModelError(
            f"{name} with the threshold {threshold} on a probability decides every "
            "sample alike."
        )
    # 1 - p >= threshold is p <= 1 - threshold.
    shift = np.log(threshold) - np.log1p(-threshold)
    # A rounded probability is compared: in logits that is off by u / (p (1 - p)).
    size = 1.0 / threshold + 1.0 / (1.0 - threshold)
    return (shift if positive else -shift), size


def threshold_rule(model, inner, classes):
    """Threshold, whether it is for the second class, and whether on probabilities."""
    if type(model) is FixedThresholdClassifier:
        threshold, label = model.threshold, model.pos_label
    else:
        threshold, label = model.best_threshold_, model._curve_scorer._get_pos_label()
    if label is not None and label not in classes.tolist():
        raise UnsupportedModelError(
            f"{type(model).__name__} has the positive label {label!r}, which is none "
            f"of its classes {classes.tolist()}."
        )
    of_proba = model.response_method == "predict_proba" or (
        model.response_method == "auto" and hasattr(inner, "predict_proba")
    )
    if isinstance(threshold, str) and threshold == "auto":
        threshold = 0.5 if of_proba else 0.0
    positive = label is None or bool(label == classes[1])
    return float(threshold), positive, of_proba
