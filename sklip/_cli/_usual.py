# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a knob of regressions is by default: chosen on rows that trial fits left out.

How steep a function the rows can tell from noise depends on the noise, of which nothing
but a trial says how much there is: small tables of much noise ask for thirty times the
weight of others.
"""

import warnings
from dataclasses import replace

import numpy as np

from sklip._cli._errors import JobError, one_sentence
from sklip._cli._search import folds_of
from sklip._progress import say

__all__ = ["n_folds", "usual_factor"]

# Of the usual value; the most robust first.
_FACTORS = {
    "lipschitz_weight": (30.0, 10.0, 3.0, 1.0),
    "lipschitz_bound": (0.5, 1.0, 2.0, 4.0),
}
# Rows that tell the values apart, and cells beyond which one fold has to do.
_ENOUGH, _MOST_CELLS = 500, 300_000
_FEWEST_ROWS = 9  # three for each fold


def usual_factor(knob, make, table, seed):
    """Factor of a knob's usual value that predicts held-out rows best, and a sentence.

    Parameters
    ----------
    knob : {"lipschitz_weight", "lipschitz_bound"}
        Parameter of the estimator.
    make : callable
        ``make(factor, table)``: the model for a smaller table, not fitted.
    table : Table
        Of a regression; its training rows are used, at most two thousand.
    seed : int
        Of the folds.

    Returns
    -------
    factor : float
        The best of those tried, from the most robust on until they no longer get
        better.
    note : str
        What was found; empty where the rows are too few for a choice.
    """
    if len(table.X_train) < _FEWEST_ROWS:
        return 1.0, ""
    folds = folds_of(table, seed)[: n_folds(table)]
    say(f"Training on a part of the rows, for {knob}.")
    scores = {}
    for factor in _FACTORS[knob]:
        scores[factor] = _score(factor, make, table, folds)
        if scores[factor] < max(scores.values()):
            break
    best = max(scores, key=scores.get)
    tried = ", ".join(f"{factor:g}: {score:.3f}" for factor, score in scores.items())
    times = "the usual one" if best == 1.0 else f"{best:g} times the usual one"
    note = (
        f"{knob} is {times}, which predicted training rows best that were held out of "
        f"trial fits (R2 by factor: {tried})."
    )
    return best, note


def n_folds(table):
    """How many of the folds hold out enough rows to tell models apart."""
    n_rows, n_columns = table.X_train.shape
    if n_rows * n_columns > _MOST_CELLS:
        return 1
    return int(np.ceil(3 * _ENOUGH / n_rows))


def _score(factor, make, table, folds):
    """R^2 of the predictions of all rows held out."""
    X, y = table.X_train, table.y_train
    errors, spread = 0.0, 0.0
    for train, test in folds:
        part = replace(table, X_train=X.iloc[train], y_train=y[train])
        try:
            with warnings.catch_warnings():
                # Of convergence, and of columns that the rows chosen leave empty.
                warnings.simplefilter("ignore")
                model = make(factor, part).fit(part.X_train, part.y_train)
                predicted = model.predict(X.iloc[test])
        except (ValueError, ArithmeticError) as error:
            raise JobError(
                f"Training on fewer rows failed: {one_sentence(error)}."
            ) from error
        errors += np.sum((y[test] - predicted) ** 2)
        spread += np.sum((y[test] - y[train].mean()) ** 2)
    return 1.0 - errors / spread if spread > 0.0 else 0.0
