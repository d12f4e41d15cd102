# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What is measured on a fitted model: score, bound, and robustness at the radii."""

from dataclasses import dataclass, field

import numpy as np

from sklip._cli._errors import JobError, one_sentence
from sklip.bounds import LipschitzCertificate, lipschitz_bound
from sklip.certification import (
    adversarial_accuracy_score,
    certified_accuracy_curve,
    certified_interval,
)
from sklip.networks import network_view

__all__ = ["Measurements", "attacked_rows", "measure", "measure_curve"]

_MAX_ATTACKED = 1000


@dataclass
class Measurements:
    """One column of the table.

    Attributes
    ----------
    name : str
        Heading of the column.
    score : float
        Accuracy or R2 on all test rows.
    certificate : LipschitzCertificate
        Of the whole model, each numeric column in its standard deviation.
    fit_seconds : float
        Time of fit.
    n_epochs : int
        Epochs of fit.
    clean : float
        Accuracy on the rows that are attacked.
    certified, adversarial : list of float
        Accuracies on these rows, for each radius.
    widths : list of float
        Regression: mean width of the certified interval, for each radius.
    """

    name: str
    score: float
    certificate: LipschitzCertificate
    fit_seconds: float
    n_epochs: int
    clean: float = np.nan
    certified: list = field(default_factory=list)
    adversarial: list = field(default_factory=list)
    widths: list = field(default_factory=list)


def attacked_rows(table, seed):
    """Positions of the test rows that are attacked, at most a thousand."""
    n = len(table.X_test)
    if table.task == "regression" or n <= _MAX_ATTACKED:
        return np.arange(n)
    chosen = np.random.default_rng(seed).choice(n, _MAX_ATTACKED, replace=False)
    return np.sort(chosen)


def measure(model, network, table, rows, radii, fit_seconds, *, name, seed, say):
    """Measurements of a fitted model; ``network`` is its last step."""
    eps = table.feature_eps
    try:
        bound = lipschitz_bound(network_view(model).with_feature_eps(eps))
    except OverflowError as error:
        raise JobError(f"No finite bound: {one_sentence(error)}.") from error
    result = Measurements(
        name,
        model.score(table.X_test, table.y_test),
        bound,
        fit_seconds,
        network.n_iter_,
    )
    result.certified, result.widths = measure_curve(model, table, rows, radii)
    if table.task == "regression":
        return result
    X, y = table.X_test.iloc[rows], table.y_test[rows]
    result.clean = model.score(X, y)
    for radius in radii:
        say(f"  Attacking {len(rows)} rows at radius {radius:g}.")
        score = adversarial_accuracy_score(
            model, X, y, radius=radius, feature_eps=eps, random_state=seed
        )
        result.adversarial.append(float(score))
    return result


def measure_curve(model, table, rows, radii):
    """(certified accuracies, interval widths) at the radii; one of the two is empty."""
    X, y, eps = table.X_test.iloc[rows], table.y_test[rows], table.feature_eps
    if table.task == "classification":
        curve = certified_accuracy_curve(model, X, y, radii, feature_eps=eps)
        return curve.tolist(), []
    ends = [certified_interval(model, X, radius=r, feature_eps=eps) for r in radii]
    return [], [float(np.mean(upper - lower)) for lower, upper in ends]
