# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The networks that are compared, and their training with signs of life."""

import io
import time
import warnings
from contextlib import redirect_stdout

import numpy as np
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklip._cli._errors import JobError, one_sentence
from sklip._progress import Progress
from sklip.estimators import LipschitzRegularizedMLPClassifier

__all__ = [
    "build",
    "default_max_iter",
    "final_estimator",
    "fit",
    "preparation",
    "warm_up",
]

_MAX_CATEGORIES = 50
_MANY_ROWS = 5000
_MEDIAN_ENTRIES = 2**20
# A half more gives the same scores on tables of some ten thousand rows.
_ROWS_SEEN = 800_000


def default_max_iter(n_rows):
    """200 epochs, fewer where they see more than 800,000 rows; at least 20."""
    return int(np.clip(_ROWS_SEEN // n_rows, 20, 200))


def _steps(n_rows, estimator):
    """Larger steps on larger tables: as good a score in half the time or less."""
    if n_rows < _MANY_ROWS or estimator == "admm":
        return {}
    rate = {} if estimator == "bounded" else {"learning_rate_init": 2e-3}
    return {"batch_size": 512 if n_rows < 50_000 else 1024, **rate}


def build(table, choice, *, hidden_layer_sizes, max_iter, device, seed):
    """The whole model of a Choice, not fitted."""
    steps = _steps(len(table.X_train), choice.estimator)
    network = choice.make(
        table.task,
        hidden_layer_sizes,
        **steps,
        max_iter=max_iter,
        device=device,
        random_state=seed,
    )
    model = make_pipeline(preparation(table), network)
    if table.task == "classification":
        return model
    return TransformedTargetRegressor(model, transformer=StandardScaler())


def preparation(table):
    """Standardise numbers, one-hot encode the rest; the bundled data has no rest."""
    if table.is_bundled:
        return StandardScaler()
    one_hot = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        max_categories=_MAX_CATEGORIES,
        sparse_output=False,
    )
    kinds = table.kinds
    branches = [
        (f"numbers{k}", SimpleImputer(strategy="median"), StandardScaler(), columns)
        for k, columns in enumerate(_groups(kinds.numeric, len(table.X_train)))
    ] + [
        ("text", SimpleImputer(strategy="most_frequent"), one_hot, kinds.categorical),
        ("flags", "passthrough", one_hot, kinds.flags),
    ]
    return ColumnTransformer(
        [
            (name, make_pipeline(first, second), columns)
            for name, first, second, columns in branches
            if columns
        ]
    )


def _groups(columns, n_rows):
    """Columns by the million of cells: their medians take four times the memory."""
    width = max(1, _MEDIAN_ENTRIES // n_rows)
    return [columns[k : k + width] for k in range(0, len(columns), width)]


def warm_up():
    """Make torch load what its first training loads, which is not training time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        LipschitzRegularizedMLPClassifier((1,), max_iter=1).fit([[0.0], [1.0]], [0, 1])


def final_estimator(model):
    """The fitted network estimator inside the model."""
    return getattr(model, "regressor_", model)[-1]


def fit(model, table, name):
    """Fit the model that the report calls by this name; the seconds it took."""
    pipeline = getattr(model, "regressor", model)
    pipeline[-1].set_params(verbose=True)
    lines = _EpochLines(pipeline[-1].max_iter)
    start = time.perf_counter()
    try:
        with warnings.catch_warnings(), redirect_stdout(lines):
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(table.X_train, table.y_train)
    except (ValueError, ArithmeticError) as error:
        raise JobError(f"Training ({name}) failed: {one_sentence(error)}.") from error
    seconds = time.perf_counter() - start
    for estimator in (pipeline[-1], final_estimator(model)):
        estimator.set_params(verbose=False)
    return seconds


class _EpochLines(io.TextIOBase):
    """Says the epochs of a verbose fit that are done, and the time left."""

    def __init__(self, max_iter):
        self.progress = Progress(max_iter, "epochs at most")

    def write(self, text):
        """Take what the fit prints: a line for each epoch."""
        self.progress.advance(text.count("\n"))
        return len(text)
