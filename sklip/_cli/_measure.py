# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What is measured on a fitted model: score, bound, and robustness at the radii."""

from dataclasses import dataclass, field

import numpy as np
from sklearn.metrics import balanced_accuracy_score

from sklip._cli._errors import JobError, one_sentence
from sklip._cli._holding import Holding, hold
from sklip._progress import Progress
from sklip.bounds import LipschitzCertificate, lipschitz_bound
from sklip.certification import certified_accuracy_curve, certified_interval
from sklip.networks import network_view

__all__ = ["Measurements", "measure", "measure_curve", "measured_rows", "only_score"]

# A mean width needs fewer rows than a share.
_MAX_ROWS = {"classification": 1000, "regression": 500}
_BLOCK_ROWS = 500


@dataclass
class Measurements:
    """One column of the table."""

    name: str  # heading of the column
    # score, balanced: accuracy or R2 on all test rows; balanced accuracy there.
    score: float
    fit_seconds: float  # time of fit
    balanced: float = np.nan
    # Of the whole model, in the units of the threat; None for what has none.
    certificate: LipschitzCertificate | None = None
    n_epochs: int | None = None  # epochs of fit, where there are any
    # Classification: what holds on the rows that are measured.
    holding: Holding | None = None
    # Regression: mean width of the certified interval there, for each radius.
    widths: list[float] = field(default_factory=list)

    @property
    def clean(self):
        """Accuracy on the rows that are measured."""
        return self.holding.correct.mean()

    @property
    def certified(self):
        """Share of them that is proven to stay right, for each radius."""
        return [] if self.holding is None else list(self.holding.certified.mean(axis=1))

    @property
    def adversarial(self):
        """Share of them that the attack leaves right, for each radius."""
        return [] if self.holding is None else list(self.holding.unharmed.mean(axis=1))


def measured_rows(table, seed):
    """Positions of the test rows that are certified, at most a thousand."""
    n, most = len(table.X_test), _MAX_ROWS[table.task]
    if n <= most:
        return np.arange(n)
    chosen = np.random.default_rng(seed).choice(n, most, replace=False)
    return np.sort(chosen)


def only_score(model, table, fit_seconds, *, name):
    """Measurements of a model that nothing is proven about."""
    score, balanced = _scores(model, table)
    return Measurements(name, score, fit_seconds, balanced)


def measure(model, table, threat, rows, radii, fit_seconds, *, name, seed):
    """Measurements of a fitted model."""
    result = only_score(model, table, fit_seconds, name=name)
    view = network_view(model).with_feature_eps(threat.eps)
    try:
        result.certificate = lipschitz_bound(view, norm=threat.norm)
    except OverflowError as error:
        raise JobError(f"No finite bound: {one_sentence(error)}.") from error
    X, y = table.X_test.iloc[rows], table.y_test[rows]
    progress = Progress(len(rows), "rows certified")
    if table.task == "regression":
        widths = _widths(model, X, threat, radii, progress)
        result.widths = list(map(float, widths))
        return result
    result.holding = hold(
        model,
        X,
        y,
        threat,
        radii,
        result.certificate,
        seed=seed,
        progress=progress,
    )
    return result


def measure_curve(model, table, threat, rows, radii):
    """(certified accuracies, interval widths) at the radii; one of the two is empty."""
    X, y = table.X_test.iloc[rows], table.y_test[rows]
    if table.task == "classification":
        setting = {"norm": threat.norm, "feature_eps": threat.eps, "effort": 0}
        return certified_accuracy_curve(model, X, y, radii, **setting).tolist(), []
    progress = Progress(len(rows), "rows certified")
    return [], _widths(model, X, threat, radii, progress).tolist()


def _scores(model, table):
    if table.task == "regression":
        return model.score(table.X_test, table.y_test), np.nan
    predicted = model.predict(table.X_test)
    accuracy = np.mean(predicted == table.y_test)
    return float(accuracy), float(balanced_accuracy_score(table.y_test, predicted))


def _widths(model, X, threat, radii, progress):
    """Mean width of the certified interval at each radius."""
    total = np.zeros(len(radii))
    for start in range(0, len(X), _BLOCK_ROWS):
        block = X.iloc[start : start + _BLOCK_ROWS]
        for k, radius in enumerate(radii):
            lower, upper = certified_interval(
                model, block, radius=radius, norm=threat.norm, feature_eps=threat.eps
            )
            total[k] += np.sum(upper - lower)
        progress.advance(len(block))
    return total / len(X)
