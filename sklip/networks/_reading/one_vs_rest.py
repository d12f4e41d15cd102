# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""One classifier for each class: their scores side by side are one network.

predict compares what the members give before it is divided by its sum, so that nothing
but their own scores decides: decision_function, or without one the probability of the
class.
"""

from dataclasses import replace

import numpy as np

from sklip.exceptions import UnsupportedModelError
from sklip.networks._folding import concatenate
from sklip.networks._reading.models import need_equal_labels
from sklip.networks._reading.parallel import side_by_side, with_sigmoid
from sklip.networks._reading.resolved import Resolved
from sklip.networks._trust import full_name

__all__ = ["one_vs_rest"]


def one_vs_rest(model, folder, columns, resolve):
    """What a fitted OneVsRestClassifier predicts by; arguments as for ``calibrated``.

    Returns
    -------
    resolved : Resolved
        An output for each class; of two classes the score of the second, less the
        threshold.

    Raises
    ------
    UnsupportedModelError
        If labels are sets, or the score of a member is no network.
    """
    binarizer, members = model.label_binarizer_, model.estimators_
    classes = need_equal_labels(model, binarizer.classes_)
    kind, n = binarizer.y_type_, len(members)
    if kind.startswith("multilabel"):
        raise UnsupportedModelError(
            f"{full_name(model)} of sets of labels decides each by a classifier of its "
            "own: certify those, model.estimators_[k]."
        )
    untouched = (binarizer.neg_label, binarizer.pos_label) == (0, 1)
    if kind != ("binary" if n == 1 else "multiclass") or not (
        untouched and len(classes) == (2 if n == 1 else n)
    ):
        raise UnsupportedModelError(
            f"{full_name(model)} holds {n} classifiers for the classes "
            f"{classes.tolist()} ({kind}): it was fitted on one class, or changed "
            "after fit."
        )
    # All get the same X.
    found = [
        resolve(m, folder, columns.shared() if n > 1 else columns) for m in members
    ]
    scores = [_score(model, m, r) for m, r in zip(members, found, strict=True)]
    if n == 1:
        return _two_classes(found[0], *scores[0], classes)
    parts = zip(*[score for score, _ in scores], strict=True)
    network, rounding = side_by_side(*parts, type(model).__name__)
    inputs = concatenate([r.columns for r in found], folder.n_coordinates)
    return Resolved(network, rounding, classes, inputs)


def _score(model, member, resolved):
    """What predict compares, as a network, and the threshold of two classes."""
    if resolved.classes is None:
        if resolved.network.n_outputs == 1 and resolved.target is None:
            return (resolved.network, resolved.rounding), 0.5
    elif hasattr(member, "decision_function"):
        if resolved.decision is not None:
            return resolved.decision(), 0.0
    elif resolved.proba is not None:
        network, rounding = resolved.proba.score()
        if resolved.proba.kind == "sigmoid":
            return with_sigmoid(network, rounding), 0.5
        half = np.array([0.5])
        moved = network.with_output_map([[1.0]], half)
        return (moved, rounding.behind(np.ones(1), 1.0 + half)), 0.5
    raise UnsupportedModelError(
        f"{full_name(model)} compares scores of {full_name(member)} that are no known "
        "network."
    )


def _two_classes(resolved, score, threshold, classes):
    network, rounding = score
    shift = np.array([threshold])
    return replace(
        resolved,
        network=network.with_output_map([[1.0]], -shift),
        rounding=rounding.behind(np.ones(1), 2.0 * shift),
        classes=classes,
        # Only what is above the threshold is of the second class.
        ties="first",
        proba=None,
    )
