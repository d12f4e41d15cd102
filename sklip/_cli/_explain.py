# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The rows that are nearest to flipping, in words."""

import numpy as np

from sklip._cli._report import round_down
from sklip.certification import certified_radius, nearest_flip

__all__ = ["explain"]

# So many times the rows asked for are attacked: those with the smallest radii.
_CANDIDATES = 3
_MOST_CHANGES = 4


def explain(model, X, y, threat, certificate, n):
    """Sentences about the n rows that a small change flips.

    Parameters
    ----------
    model : fitted classifier
        The model.
    X, y : DataFrame and ndarray
        Rows and what they are.
    threat : Threat
        What may change, and in which units.
    certificate : LipschitzCertificate or ndarray
        Of the model in these units, or radii of the rows that are proven: finds those
        that are worth a look.
    n : int
        Number of rows.
    """
    setting = {"norm": threat.norm, "feature_eps": threat.eps}
    rough = certificate
    if not isinstance(certificate, np.ndarray):
        rough = certified_radius(model, X, method=certificate, **setting)
    rows = np.argsort(rough, kind="stable")[: _CANDIDATES * n]
    X, y = X.iloc[rows], y[rows]
    # In the sum of the changes few columns have to move.
    flips = nearest_flip(model, X, norm=1, feature_eps=threat.eps).rows
    reach = np.array([_reach(X.iloc[k], flips.iloc[k], threat) for k in range(len(X))])
    predicted, flipped = model.predict(X), model.predict(flips)
    reach[predicted == flipped] = np.inf
    nearest = np.argsort(reach, kind="stable")[:n]
    nearest = nearest[np.isfinite(reach[nearest])]
    if len(nearest) == 0:
        return ["No change that flips a row was found."]
    proven = certified_radius(model, X.iloc[nearest], **setting)
    return [
        f"Row {X.index[k]}, {str(predicted[k])!r}{_truth(y[k], predicted[k])}: "
        f"{_changes(X.iloc[k], flips.iloc[k], threat)} would flip it to "
        f"{str(flipped[k])!r} (radius {reach[k]:.3g}); nothing below "
        f"{round_down(radius)} can."
        for k, radius in zip(nearest, proven, strict=True)
    ]


def _truth(label, predicted):
    return "" if label == predicted else f" (in truth {str(label)!r})"


def _steps(row, flip, threat):
    """Columns that change, and by how many of their units; none that is missing."""
    for name, eps in threat.eps.items():
        change = float(flip[name]) - float(row[name])
        if change == change and change != 0.0:
            down, up = eps if isinstance(eps, tuple) else (eps, eps)
            yield name, change / (up if change > 0.0 else down)


def _reach(row, flip, threat):
    steps = [step for _, step in _steps(row, flip, threat)]
    return float(np.linalg.norm(steps, threat.norm)) if steps else np.inf


def _changes(row, flip, threat):
    """The columns that move most, before and after."""
    steps = sorted(_steps(row, flip, threat), key=lambda pair: -abs(pair[1]))
    words = [
        f"{name} {_number(row[name])} -> {_number(flip[name])}"
        for name, _ in steps[:_MOST_CHANGES]
    ]
    more = len(steps) - _MOST_CHANGES
    return ", ".join(words) + (f" and {more} smaller changes" if more > 0 else "")


def _number(value):
    return f"{float(value):.5g}"
