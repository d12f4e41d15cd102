# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Whether a classifier is bounded by construction or penalised, where nobody says.

Orthonormal layers prove the most where the classes can be told apart. Few rows of much
noise they learn by heart, as a linear model beside them shows: then trial fits compare
them with penalties, on the slopes and (the L2 term) on all weights, as that model has.
"""

import warnings
from dataclasses import replace

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklip._cli._errors import JobError, one_sentence
from sklip._cli._models import preparation
from sklip._cli._search import folds_of
from sklip._cli._usual import n_folds
from sklip._progress import say
from sklip.certification import certified_radius

__all__ = ["usual_family"]

# More rows are too many to be learnt by heart, fewer of a class cannot be divided.
_MOST_ROWS, _FEWEST_OF_A_CLASS = 4000, 3
# Weights of the L2 term, and the factor of the penalty's beside them: more of either
# alone makes a constant of some networks.
_ALPHAS, _FACTOR = (10.0, 3.0), 3.0
# By how many standard errors, and how much, the linear model has to be ahead in the
# mean of the shares.
_ERRORS, _AHEAD = 2.0, 0.02


def usual_family(bounded, penalised, build, table, threat, radii, seed):
    """The better of a bounded and a penalised Choice, and a sentence if it is another.

    Parameters
    ----------
    bounded : Choice
        Kept unless the linear model is clearly ahead of it.
    penalised : callable
        ``penalised(table)``: the Choice with the usual weight.
    build : callable
        ``build(table, choice)``: the model, not fitted.
    table : Table
        Of a classification; its training rows are used.
    threat, radii : Threat, list of float
        Of the report.
    seed : int
        Of the folds.

    Returns
    -------
    choice : Choice
        With the highest mean of the accuracy and of the certified accuracies at the
        radii, on rows held out.
    note : str
        What was found; empty for ``bounded``.
    """

    def strong(part, alpha):
        choice = penalised(part).scaled(_FACTOR)
        return replace(choice, parameters={**choice.parameters, "alpha": alpha})

    fewest = np.unique(table.y_train, return_counts=True)[1].min()
    if len(table.X_train) > _MOST_ROWS or fewest < _FEWEST_OF_A_CLASS:
        return bounded, ""
    trial = _Trial(table, folds_of(table, seed)[: n_folds(table)], threat, radii)
    say("Training on a part of the rows: bounded layers beside a linear model.")
    own = trial.shares(lambda part: build(part, bounded))
    linear = trial.shares(_linear)
    if not _is_ahead(linear, own):
        return bounded, ""
    own, linear = own.mean(), linear.mean()
    say("Training on a part of the rows: a penalty, since the linear model did better.")
    scores = [
        trial.shares(lambda part, a=a: build(part, strong(part, a))).mean()
        for a in _ALPHAS
    ]
    best = max(scores)
    if best < 0.5 * (own + linear):
        return bounded, ""  # it was not the noise
    choice = strong(table, _ALPHAS[scores.index(best)])
    note = (
        f"The {choice.description} takes the place of bounded layers: on training rows "
        "held out of trial fits the mean of accuracy and certified accuracies was "
        f"{best:.3f}, {own:.3f} with bounded layers, {linear:.3f} of a linear model."
    )
    return choice, note


def _is_ahead(first, second):
    gains = first - second
    error = gains.std() / np.sqrt(len(gains))
    return gains.mean() > max(_AHEAD, _ERRORS * error)


class _Trial:
    """Fits on parts of the training rows."""

    def __init__(self, table, folds, threat, radii):
        self.table, self.folds, self.radii = table, folds, np.array(radii)
        self.setting = {"norm": threat.norm, "feature_eps": threat.eps}
        self.setting["method"] = "sequential" if threat.norm == 2 else "pairwise"

    def shares(self, make):
        """Of each row held out: right, and certified at how many radii, of them all."""
        X, y, shares = self.table.X_train, self.table.y_train, []
        for train, test in self.folds:
            part = replace(self.table, X_train=X.iloc[train], y_train=y[train])
            try:
                with warnings.catch_warnings():
                    # Of convergence, and of columns that these rows leave empty.
                    warnings.simplefilter("ignore")
                    model = make(part).fit(part.X_train, part.y_train)
                    right = model.predict(X.iloc[test]) == y[test]
                    radius = certified_radius(model, X.iloc[test], **self.setting)
            except (ValueError, ArithmeticError) as error:
                raise JobError(
                    f"Training on fewer rows failed: {one_sentence(error)}."
                ) from error
            certified = right & (radius >= self.radii[:, None])
            shares.append(np.mean([right, *certified], axis=0))
        return np.concatenate(shares)


def _linear(part):
    return make_pipeline(preparation(part), LogisticRegression(max_iter=300))
