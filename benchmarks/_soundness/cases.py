# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Cases of the hunt: a fitted model, rows to ask about, and how both are drawn."""

from dataclasses import dataclass

import numpy as np
from sklearn.feature_selection import SelectKBest, f_classif, f_regression

from sklip import FeedForward

from . import parts
from .tables import Table

__all__ = [
    "KINDS",
    "N_ROWS",
    "Case",
    "case_of",
    "describe",
    "fitted",
    "inner_steps",
    "kind",
    "steps_of",
    "suit_selection",
    "target_of",
]

KINDS = {}
N_ROWS = 8


@dataclass
class Case:
    """A fitted model and rows to attack.

    Attributes
    ----------
    model : object
        The model.
    table : Table
        Rows.
    classify : bool
        Whether it decides, or predicts numbers.
    judge : object or None
        Who predicts in place of the model, if its claims are about another program.
    moving : ndarray of int or None
        Numeric columns that move; all if None.
    """

    model: object
    table: Table
    classify: bool
    judge: object = None
    moving: np.ndarray | None = None

    @property
    def judged(self):
        """Who predicts."""
        return self.model if self.judge is None else self.judge


def kind(function):
    """Add a kind of model under the function's name."""
    KINDS[function.__name__] = function
    return function


def target_of(rng, latent, classify, n_classes=None):
    score = latent @ rng.standard_normal(latent.shape[1])
    score += 0.3 * rng.standard_normal(len(score))
    if not classify:
        score = score * 10.0 ** rng.uniform(-2, 3)
        # Some regressors have two targets.
        return np.column_stack([score, -np.abs(score)]) if n_classes == "two" else score
    n_classes = n_classes or int(rng.choice([2, 2, 3, 4]))
    ends = np.quantile(score, np.arange(1, n_classes) / n_classes)
    labels = np.digitize(score, ends)
    return np.array(list("pqrs"))[labels] if rng.random() < 0.3 else labels


def fitted(rng, model, table, latent, classify, n_classes=None):
    table.y = target_of(rng, latent, classify, n_classes)
    suit_selection(model, classify)
    model.fit(table.X, table.y)
    return case_of(rng, model, table, classify)


def suit_selection(model, classify):
    """Let selections of columns score what is predicted."""
    for step in inner_steps(model):
        if isinstance(step, SelectKBest):
            step.score_func = f_classif if classify else f_regression


def inner_steps(model):
    found = model.get_params().values() if hasattr(model, "get_params") else ()
    return [value for value in found if hasattr(value, "fit")]


def case_of(rng, model, table, classify):
    index = rng.choice(len(table.values), N_ROWS, replace=False)
    return Case(model, table.rows(np.sort(index)), classify)


def steps_of(rng, table, n_steps=None):
    n = table.values.shape[1]
    n_steps = int(rng.integers(1, 4)) if n_steps is None else n_steps
    # A later step may see fewer columns than X has: those take any number.
    return [
        parts.transformer(rng, table.form, n if k == 0 else 1) for k in range(n_steps)
    ]


def describe(model):
    """The names of the classes in a model, outermost first."""
    if isinstance(model, FeedForward):
        return "-".join(map(str, model.layer_sizes)) + " " + "/".join(model.activation)
    inner = [type(part).__name__ for part in inner_steps(model)]
    return " ".join([type(model).__name__, *dict.fromkeys(inner)])
