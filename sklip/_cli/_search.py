# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The knob of an estimator, chosen by cross-validation under the certified score."""

import warnings
from dataclasses import replace

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, StratifiedKFold

from sklip._cli._errors import JobError, one_sentence
from sklip._progress import Progress, say
from sklip.metrics import make_certified_accuracy_scorer, make_certified_error_scorer
from sklip.model_selection import OneStandardError

__all__ = ["folds_of", "search"]

# Rows that are used, and rows of each fold that are certified.
_MOST_ROWS, _MOST_SCORED = 2000, 200
_N_FOLDS = 3
# Of the usual value; the most robust first, which wins where scores are as good.
_FACTORS = {
    "lipschitz_weight": (10.0, 3.0, 1.0, 0.3, 0.1),
    "lipschitz_bound": (0.25, 0.5, 1.0, 2.0, 4.0),
    "radius": (2.0, 1.4, 1.0, 0.7, 0.5),
}


def search(choice, make, table, threat, radius, seed):
    """The choice with the best knob, and a sentence about how it was found.

    Parameters
    ----------
    choice : Choice
        With the usual value.
    make : callable
        ``make(choice)``: the model, not fitted.
    table : Table
        Its training rows are used, at most two thousand.
    threat, radius : Threat, float
        Of the certified score.
    seed : int
        Of the folds.
    """
    knob = next((name for name in _FACTORS if name in choice.parameters), None)
    if knob is None or not choice.parameters[knob]:
        raise JobError(f"--search: {choice.name} has nothing to choose.")
    values = [factor * choice.parameters[knob] for factor in _FACTORS[knob]]
    candidates = [_with(choice, knob, value) for value in values]
    name, scorer = _scorer(table.task, threat, radius)
    folds = folds_of(table, seed)
    say(f"Searching {knob}: {len(values)} values, {len(folds)} folds.")
    progress = Progress(len(values) * len(folds), "fits")
    scores = np.empty((len(values), len(folds)))
    for i, candidate in enumerate(candidates):
        for k, fold in enumerate(folds):
            scores[i, k] = _score(make(candidate), table, fold, scorer)
            progress.advance()
    results = {f"split{k}_test_score": scores[:, k] for k in range(len(folds))}
    results["mean_test_score"] = scores.mean(axis=1)
    best = OneStandardError("score", bound=None)(results)
    tried = ", ".join(
        f"{value:g}: {score:.3f}"
        for value, score in zip(values, scores.mean(axis=1), strict=True)
    )
    note = (
        f"--search chose {knob} {values[best]:g}, the most robust within one standard "
        f"error of the best {name} at radius {radius:g} in {len(folds)} folds "
        f"({tried})."
    )
    return candidates[best], note


def _with(choice, knob, value):
    return replace(choice, parameters={**choice.parameters, knob: value})


def _scorer(task, threat, radius):
    setting = {"radius": radius, "norm": threat.norm, "feature_eps": threat.eps}
    if task == "regression":
        return "certified R2", make_certified_error_scorer(loss="r2", **setting)
    return "certified accuracy", make_certified_accuracy_scorer(**setting, effort=0)


def folds_of(table, seed):
    """Pairs of rows to train on and rows to score."""
    rows = np.random.default_rng(seed).permutation(len(table.X_train))[:_MOST_ROWS]
    y = table.y_train[rows]
    n_folds, kind = _N_FOLDS, KFold
    if table.task == "classification":
        counts = np.unique(y, return_counts=True)[1]
        n_folds, kind = min(_N_FOLDS, counts.min()), StratifiedKFold
    if n_folds < 2:
        raise JobError("--search needs at least two training rows of each class.")
    folds = kind(n_folds, shuffle=True, random_state=seed).split(rows, y)
    return [(rows[train], rows[test]) for train, test in folds]


def _score(model, table, fold, scorer):
    (train, test), X, y = fold, table.X_train, table.y_train
    test = test[:_MOST_SCORED]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X.iloc[train], y[train])
        return scorer(model, X.iloc[test], y[test])
    except (ValueError, ArithmeticError) as error:
        raise JobError(f"--search failed: {one_sentence(error)}.") from error
