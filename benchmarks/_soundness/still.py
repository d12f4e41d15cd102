# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Branches that see no moving column, and targets behind a curved monotone map."""

import numpy as np
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MinMaxScaler,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
)

from . import parts
from .cases import case_of, fitted, kind, steps_of, suit_selection
from .tables import random_table


@kind
def still(rng):
    """A branch that nothing bounds, of columns that stay."""
    table, latent = random_table(rng, form=rng.choice(["array", "frame"]))
    n = table.values.shape[1]
    moving = np.sort(rng.permutation(n)[: int(rng.integers(1, n + 1))])
    rest = np.setdiff1d(np.arange(n), moving)
    names = np.array(table.names or range(n), dtype=object)
    curved = [
        lambda: KBinsDiscretizer(3, encode="onehot-dense", subsample=None),
        PolynomialFeatures,
        lambda: SplineTransformer(3),
        PowerTransformer,
    ][rng.integers(4)]
    branches = [("moves", StandardScaler(), list(names[moving]))]
    if len(rest):
        after = make_pipeline(MinMaxScaler(), curved(), StandardScaler())
        branches.insert(int(rng.integers(2)), ("stays", after, list(names[rest])))
    classify = bool(rng.integers(2))
    last = parts.network(rng, classify)
    model = make_pipeline(ColumnTransformer(branches), last)
    case = fitted(rng, model, table, latent, classify)
    case.moving = moving
    return case


def _logarithm(y):
    return np.log1p(y)


def _exponential(y):
    return np.expm1(y)


@kind
def curved_target(rng):
    """A regressor of the logarithm, power or quantiles of a target."""
    table, latent = random_table(rng)
    score = latent @ rng.standard_normal(latent.shape[1])
    table.y = np.exp(np.clip(score, -6.0, 6.0)) * 10.0 ** rng.uniform(-2, 2)
    inner = make_pipeline(*steps_of(rng, table), parts.network(rng, False))
    way = rng.integers(3)
    if way == 0:
        model = TransformedTargetRegressor(
            inner, func=_logarithm, inverse_func=np.expm1, check_inverse=False
        )
        if rng.random() < 0.5:
            model.set_params(func=np.log, inverse_func=np.exp)
    elif way == 1:
        kinds = ["yeo-johnson", "box-cox"]
        transformer = PowerTransformer(kinds[rng.integers(2)])
        model = TransformedTargetRegressor(inner, transformer=transformer)
    else:
        outputs = ["uniform", "normal"][rng.integers(2)]
        transformer = QuantileTransformer(n_quantiles=20, output_distribution=outputs)
        model = TransformedTargetRegressor(inner, transformer=transformer)
    suit_selection(model, False)
    model.fit(table.X, table.y)
    return case_of(rng, model, table, False)
