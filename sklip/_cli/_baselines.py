# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the networks are held against: a linear model, boosted trees, the majority."""

import time
import warnings

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklip._cli._measure import measure, only_score
from sklip._cli._models import preparation

__all__ = ["FITTED_ROWS", "measure_baselines"]

# Both are fitted on no more rows, which costs them little.
FITTED_ROWS = 20_000


def measure_baselines(table, threat, rows, radii, seed):
    """Measurements of the linear model, then those of the boosted trees."""
    linear, boosting = _linear(table.task), _boosting(table.task, seed)
    model, seconds = _fit(linear, table, seed)
    options = {"name": "linear", "seed": seed}
    yield measure(model, table, threat, rows, radii, seconds, **options)
    yield only_score(*_with_table(_fit(boosting, table, seed), table), name="boosting")


def _with_table(fitted, table):
    model, seconds = fitted
    return model, table, seconds


def _fit(estimator, table, seed):
    model = make_pipeline(preparation(table), estimator)
    if table.task == "regression":
        model = TransformedTargetRegressor(model, transformer=StandardScaler())
    X, y = table.X_train, table.y_train
    if len(X) > FITTED_ROWS:
        chosen = _chosen(y, table.task, seed)
        X, y = X.iloc[chosen], y[chosen]
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    return model, time.perf_counter() - start


def _chosen(y, task, seed):
    """Rows drawn at random; of every class some."""
    order = np.random.default_rng(seed).permutation(len(y))
    if task == "regression":
        return order[:FITTED_ROWS]
    _, first = np.unique(y[order], return_index=True)
    return np.unique(np.concatenate([order[first], order[:FITTED_ROWS]]))


def _linear(task):
    from sklearn.linear_model import LogisticRegression, Ridge

    return Ridge() if task == "regression" else LogisticRegression(max_iter=300)


def _boosting(task, seed):
    # Imported here: it takes long.
    from sklearn.ensemble import (
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
    )

    kinds = HistGradientBoostingClassifier, HistGradientBoostingRegressor
    # Under ten thousand rows no early stopping, by scikit-learn's rule.
    return kinds[task == "regression"](random_state=seed, max_iter=50)
