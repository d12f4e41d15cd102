# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the columns of X are like, as the fitted steps tell."""

from dataclasses import dataclass, field

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
)

from sklip.networks._export.encoders import are_text
from sklip.networks._folding import acting, is_drop, pipeline_steps
from sklip.networks._reading import THRESHOLD_MODELS, unwrap_search

__all__ = ["Columns", "survey"]

_OF_POSITIVE = (np.log, np.log1p, np.sqrt)
# Where nothing is known.
_LOW, _HIGH = -2.0, 2.0


@dataclass
class Columns:
    """What is known of columns of X, by position."""

    # Of int to (float, float): of columns of numbers.
    ranges: dict = field(default_factory=dict)
    # Of int to ndarray: values of columns that an encoder reads.
    categories: dict = field(default_factory=dict)
    text: set = field(default_factory=set)  # of int: columns of strings
    # Of int to object: what stands for a missing value in columns where it is replaced.
    imputed: dict = field(default_factory=dict)

    def draw(self, n_columns, n_rows, seed=0):
        """Rows within and around the ranges, missing values where they are imputed."""
        rng = np.random.default_rng(seed)
        X = np.empty((n_rows, n_columns), dtype=object)
        for j in range(n_columns):
            if j in self.categories:
                values = self.categories[j]
                X[:, j] = values[rng.integers(len(values), size=n_rows)]
            else:
                low, high = self.ranges.get(j, (_LOW, _HIGH))
                middle, half = (low + high) / 2.0, (high - low) / 2.0
                X[:, j] = middle + 1.3 * half * rng.uniform(-1.0, 1.0, size=n_rows)
            missing = self.imputed.get(j)
            if missing is not None and isinstance(missing, str) == (j in self.text):
                X[rng.uniform(size=n_rows) < 0.2, j] = missing
        return X if self.text else X.astype(np.float64)


def survey(model, n_columns):
    """What the first steps of a fitted model tell of the columns of X.

    Parameters
    ----------
    model : object
        The fitted model.
    n_columns : int
        Number of columns of X.

    Returns
    -------
    columns : Columns
        What is known.
    """
    columns = Columns()
    _look(model, list(range(n_columns)), columns)
    return columns


def _look(step, positions, columns):
    """Note what a step tells; True if what is behind it sees the same columns."""
    step = unwrap_search(step) if hasattr(step, "predict") else acting(step)
    if step is None:
        return True
    kind = type(step)
    steps = pipeline_steps(step)
    if steps is not None:
        return all(_look(inner, positions, columns) for _, inner in steps)
    if kind is ColumnTransformer:
        for name, inner, _ in step.transformers_:
            chosen = step._transformer_to_input_indices[name]
            if not is_drop(inner):
                _look(inner, [positions[i] for i in chosen], columns)
    elif kind is FeatureUnion:
        for _, inner in step.transformer_list:
            if not is_drop(inner):
                _look(inner, positions, columns)
    elif kind is TransformedTargetRegressor:
        _look(step.regressor_, positions, columns)
    elif kind in (VotingClassifier, VotingRegressor):
        for inner in step.estimators_:
            _look(inner, positions, columns)
    elif kind in (BaggingClassifier, BaggingRegressor):
        for inner, chosen in zip(
            step.estimators_, step.estimators_features_, strict=True
        ):
            _look(inner, [positions[j] for j in chosen], columns)
    elif kind is CalibratedClassifierCV:
        _look(step.calibrated_classifiers_[0].estimator, positions, columns)
    elif kind in THRESHOLD_MODELS:
        _look(getattr(step, "estimator_", step.estimator), positions, columns)
    elif kind is SimpleImputer:
        return _look_at_imputer(step, positions, columns)
    elif kind in (OneHotEncoder, OrdinalEncoder):
        for j, categories in zip(positions, step.categories_, strict=True):
            _note_categories(step, j, categories, columns)
    else:
        found = _ranges(step)
        if found is not None:
            for j, low, high in zip(positions, *found, strict=False):
                columns.ranges.setdefault(j, (float(low), float(high)))
    return False


def _look_at_imputer(step, positions, columns):
    is_nan = type(step.missing_values).__name__ in ("NAType", "NoneType")
    missing = np.nan if is_nan else step.missing_values
    columns.imputed.update(dict.fromkeys(positions, missing))
    for j, fill in zip(positions, step.statistics_, strict=True):
        if isinstance(fill, str):
            columns.text.add(j)
    same = len(positions) == len(step.get_feature_names_out())
    if not same:
        for j, fill in zip(positions, step.statistics_, strict=True):
            if not isinstance(fill, str) and np.isfinite(fill):
                columns.ranges.setdefault(j, (fill - 1.0, fill + 1.0))
    return same


def _note_categories(step, j, categories, columns):
    is_text = are_text(categories, type(step).__name__)
    if is_text:
        columns.text.add(j)
        categories = np.array([c for c in categories if isinstance(c, str)], object)
    columns.categories.setdefault(j, categories)


def _ranges(step):
    """Lower and upper ends of the columns; None if the step does not tell."""
    kind = type(step)
    if kind is StandardScaler and step.mean_ is not None:
        spread = 3.0 * (step.scale_ if step.scale_ is not None else 1.0)
        return step.mean_ - spread, step.mean_ + spread
    if kind is MinMaxScaler:
        return step.data_min_, step.data_max_
    if kind is MaxAbsScaler:
        return -step.max_abs_, step.max_abs_
    if kind is RobustScaler and step.center_ is not None:
        spread = 2.0 * (step.scale_ if step.scale_ is not None else 1.0)
        return step.center_ - spread, step.center_ + spread
    if kind is PCA:
        spread = 3.0 * np.sqrt(
            np.sum(step.explained_variance_[:, None] * step.components_**2, axis=0)
        )
        return step.mean_ - spread, step.mean_ + spread
    if kind is PowerTransformer and step.method == "box-cox":
        n = len(step.lambdas_)
        return np.full(n, 1.0), np.full(n, 4.0)
    if kind is FunctionTransformer and step.func in _OF_POSITIVE:
        n = getattr(step, "n_features_in_", 0)
        return np.full(n, 1.0), np.full(n, 4.0)
    if kind is KBinsDiscretizer:
        ends = [(edges[0], edges[-1]) for edges in step.bin_edges_]
        return tuple(map(np.array, zip(*ends, strict=True)))
    return None
