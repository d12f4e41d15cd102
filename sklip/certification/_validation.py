# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Labels as the positions of the classes that a model knows."""

import numpy as np

from sklip._arguments import check_labels

__all__ = ["encode_labels"]


def encode_labels(y, classes, n_samples, predicted=None):
    """Position of each label in classes.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels.
    classes : array-like of shape (n_classes,)
        Labels that the model knows.
    n_samples : int
        Number of labels that are needed.
    predicted : ndarray of int of shape (n_samples,), default=None
        Positions of the predicted classes. With them a label that the model does not
        know counts as a wrong prediction, as it must in a score: the position of a
        class that is not the predicted one stands for it. Without them it is an error.

    Returns
    -------
    positions : ndarray of int of shape (n_samples,)
        One for each label.
    """
    y = check_labels(y)
    if len(y) != n_samples:
        raise ValueError(f"X has {n_samples} samples, but y has {len(y)} labels.")
    position = {label: k for k, label in enumerate(np.asarray(classes).tolist())}
    encoded = [position.get(label, -1) for label in y.tolist()]
    encoded = np.array(encoded, dtype=np.intp)
    strangers = encoded < 0
    if strangers.any():
        _check_unknown(
            {*y[strangers].tolist()}, position, tolerated=predicted is not None
        )
        encoded[strangers] = (predicted[strangers] + 1) % len(position)
    return encoded


def _check_unknown(unknown, position, tolerated):
    """What is wrong with y; labels that only look like the classes are told apart."""
    if any(label is None or label != label for label in unknown):
        raise ValueError("y contains missing labels: leave their rows out.")
    alike = {*map(str, unknown)} <= {*map(str, position)}
    if tolerated and not alike:
        return
    form = repr if alike else str
    said = (
        "y contains labels the model does not know: "
        f"{', '.join(sorted(map(form, unknown))[:5])}. "
        f"Its classes are {', '.join(map(form, position))}"
    )
    if not alike:
        raise ValueError(f"{said}.")
    kinds = [
        ", ".join(sorted({type(label).__name__ for label in labels}))
        for labels in (unknown, position)
    ]
    raise ValueError(
        f"{said}, of the type {kinds[1]} instead of {kinds[0]}: convert y, as by "
        "y.astype(model.classes_.dtype)."
    )
