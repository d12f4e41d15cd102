# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Decision thresholds of binary classifiers, as shifts of their logit."""

from dataclasses import replace

import numpy as np
from sklearn.model_selection import (
    FixedThresholdClassifier,
    TunedThresholdClassifierCV,
)

from sklip.exceptions import UnsupportedModelError

__all__ = ["THRESHOLD_MODELS", "shift_threshold"]

THRESHOLD_MODELS = (FixedThresholdClassifier, TunedThresholdClassifierCV)


def shift_threshold(model, resolved, inner):
    """The logits of ``inner``, moved so that they change sign at the threshold.

    Parameters
    ----------
    model : FixedThresholdClassifier or TunedThresholdClassifierCV
        Fitted.
    resolved : Resolved
        What ``inner`` was resolved to.
    inner : object
        The classifier inside.

    Returns
    -------
    shifted : Resolved
        Its margin is zero where the score reaches the threshold.

    Raises
    ------
    UnsupportedModelError
        If the score is not a known function of the logit, or the threshold decides
        every sample alike.
    """
    name = type(model).__name__
    if resolved.classes is None or len(resolved.classes) != 2:
        raise UnsupportedModelError(f"{name} needs a classifier of two classes.")
    threshold, positive, of_proba = _rule(model, inner)
    if not of_proba:
        shift, size = (threshold if positive else -threshold), 1.0
    elif resolved.proba == "sigmoid":
        if not 0.0 < threshold < 1.0:
            raise UnsupportedModelError(
                f"{name} with the threshold {threshold} on a probability decides every "
                "sample alike."
            )
        # 1 - p >= threshold is p <= 1 - threshold.
        shift = np.log(threshold) - np.log1p(-threshold)
        shift = shift if positive else -shift
        # A rounded probability is compared: in logits that is off by u / (p (1 - p)).
        size = 1.0 / threshold + 1.0 / (1.0 - threshold)
    elif resolved.proba == "shifted":
        shift, size = (threshold if positive else 1.0 - threshold) - 0.5, 1.0
    else:
        raise UnsupportedModelError(
            f"{name} compares predict_proba of {type(inner).__name__}, which is no "
            "known function of its logit. Use response_method='decision_function'."
        )
    offset = -shift * np.eye(resolved.network.n_outputs)[-1]
    rounding = resolved.rounding.behind(
        np.ones(len(offset)), np.abs(offset) * (1.0 + size) + size
    )
    n_outputs = resolved.network.n_outputs
    network = resolved.network.with_output_map(np.eye(n_outputs), offset)
    return replace(resolved, network=network, rounding=rounding, proba=None)


def _rule(model, inner):
    """Threshold, whether it is for the second class, and whether on probabilities."""
    if type(model) is FixedThresholdClassifier:
        threshold, label = model.threshold, model.pos_label
    else:
        threshold, label = model.best_threshold_, model._curve_scorer._get_pos_label()
    of_proba = model.response_method == "predict_proba" or (
        model.response_method == "auto" and hasattr(inner, "predict_proba")
    )
    if threshold == "auto":
        threshold = 0.5 if of_proba else 0.0
    positive = label is None or bool(label == model.classes_[1])
    return float(threshold), positive, of_proba
