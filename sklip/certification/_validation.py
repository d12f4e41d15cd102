# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Labels as the positions of the classes that a model knows."""

import numpy as np
from sklearn.utils import column_or_1d

from sklip._arguments import refuse_masked

__all__ = ["encode_labels"]


def encode_labels(y, classes, n_samples):
    """Position of each label in classes; ValueError for a label not among them."""
    refuse_masked(y, "y")
    y = column_or_1d(y)
    if len(y) != n_samples:
        raise ValueError(f"X has {n_samples} samples, but y has {len(y)} labels.")
    position = {label: k for k, label in enumerate(np.asarray(classes).tolist())}
    encoded = [position.get(label, -1) for label in y.tolist()]
    if -1 in encoded:
        raise ValueError(_unknown_labels(y, position))
    return np.array(encoded, dtype=np.intp)


def _unknown_labels(y, position):
    """What is wrong with y; labels that only look like the classes are told apart."""
    unknown = {label for label in y.tolist() if label not in position}
    alike = {*map(str, unknown)} <= {*map(str, position)}
    form = repr if alike else str
    said = (
        "y contains labels the model does not know: "
        f"{', '.join(sorted(map(form, unknown))[:5])}. "
        f"Its classes are {', '.join(map(form, position))}"
    )
    if not alike:
        return f"{said}."
    kinds = [
        ", ".join(sorted({type(label).__name__ for label in labels}))
        for labels in (unknown, position)
    ]
    return (
        f"{said}, of the type {kinds[1]} instead of {kinds[0]}: convert y, as by "
        "y.astype(model.classes_.dtype)."
    )
