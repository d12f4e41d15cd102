# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Calibrated probabilities: sigmoids and isotonic steps behind scores."""

import numpy as np
from sklearn.isotonic import IsotonicRegression

from sklip.exceptions import UnsupportedModelError
from sklip.networks._trust import full_name

__all__ = ["calibrated_proba"]


def calibrated_proba(graph, member, heads):
    """Name of the probabilities, (n_samples, n_classes), of one calibrated classifier.

    ``member`` is one of a CalibratedClassifierCV's ``calibrated_classifiers_``; the
    heads are those of the classifier inside.
    """
    n_classes = len(member.classes)
    if member.method not in ("sigmoid", "isotonic"):
        raise UnsupportedModelError(
            f"CalibratedClassifierCV(method={member.method!r}) is not exported to "
            "ONNX; with 'sigmoid' or 'isotonic' it is."
        )
    if len(heads.classes) != n_classes:
        raise UnsupportedModelError(
            "CalibratedClassifierCV with a classifier inside that has not seen all "
            "classes is not exported to ONNX."
        )
    scores = _scores(graph, heads, n_classes)
    columns = [
        _calibrated(graph, calibrator, scores, k)
        for k, calibrator in enumerate(member.calibrators)
    ]
    if n_classes == 2:
        (second,) = columns
        proba = graph.add("Concat", graph.add("Sub", 1.0, second), second, axis=1)
    else:
        proba = _normalized(graph, graph.add("Concat", *columns, axis=1), n_classes)
    return graph.add("Min", proba, 1.0)


def _scores(graph, heads, n_classes):
    """What is calibrated: decision_function, or else probabilities."""
    if heads.decision is not None:
        return heads.decision
    if n_classes > 2:
        return heads.proba
    return graph.add("Gather", heads.proba, graph.indices([1]), axis=1)


def _calibrated(graph, calibrator, scores, k):
    score = graph.add("Gather", scores, graph.indices([k]), axis=1)
    if type(calibrator) is IsotonicRegression:
        return _interpolated(
            graph, score, calibrator.X_thresholds_, calibrator.y_thresholds_
        )
    if not (hasattr(calibrator, "a_") and hasattr(calibrator, "b_")):
        raise UnsupportedModelError(
            f"The calibrator {full_name(calibrator)} is not exported to ONNX."
        )
    scaled = graph.add("Mul", score, float(calibrator.a_))
    power = graph.add("Exp", graph.add("Add", scaled, float(calibrator.b_)))
    return graph.add("Div", 1.0, graph.add("Add", power, 1.0))


def _interpolated(graph, score, x, y):
    """Linear between thresholds, constant outside: a sum over the pieces."""
    if len(x) == 1:
        return graph.add("Add", graph.add("Mul", score, 0.0), float(y[0]))
    share = graph.add("Div", graph.add("Sub", score, x[None, :-1]), np.diff(x)[None])
    share = graph.add("Min", graph.add("Max", share, 0.0), 1.0)
    rise = graph.add("MatMul", share, np.diff(y)[:, None])
    return graph.add("Add", rise, float(y[0]))


def _normalized(graph, proba, n_classes):
    """Divided by their sum; equal shares where all are zero."""
    total = graph.add("ReduceSum", proba, graph.indices([1]), keepdims=1)
    is_zero = graph.add("Equal", total, 0.0)
    divided = graph.add("Div", proba, graph.add("Where", is_zero, 1.0, total))
    return graph.add("Where", is_zero, 1.0 / n_classes, divided)
