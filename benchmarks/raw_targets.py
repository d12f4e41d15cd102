# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""R2 of regressors with default arguments on targets in their own units.

    python benchmarks/raw_targets.py --data FOLDER --output benchmarks/raw_targets.csv

Columns are standardised, targets are not: the score beside that on standardised
targets, means over five folds, and scikit-learn's perceptron with its defaults. FOLDER
holds concrete.csv and power_plant.csv of UCI, the target last; without it they are left
out. Rows that are there are not measured again.
"""

import warnings
from pathlib import Path

import _peers  # noqa: F401, one thread
import numpy as np
from _harness import Table, parse
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, make_friedman1
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklip

MODELS = {
    "scikit-learn": MLPRegressor,
    "regularised": sklip.LipschitzRegularizedMLPRegressor,
    "ADMM": sklip.ADMMLipschitzMLPRegressor,
    "noise": sklip.NoiseLipschitzRegressor,
}
MOST_ROWS = 4000
COLUMNS = ["table", "model", "mean", "sd", "raw", "standardised"]


def tables(folder):
    """Name -> X and y."""
    X, y = make_friedman1(1000, noise=1.0, random_state=0)
    found = {"diabetes": load_diabetes(return_X_y=True)}
    found |= {"friedman": (X, y), "friedman + 100": (X, y + 100.0)}
    for name in ("concrete", "power_plant") if folder else ():
        table = np.loadtxt(Path(folder) / f"{name}.csv", delimiter=",", skiprows=1)
        table = np.random.default_rng(0).permutation(table)[:MOST_ROWS]
        found[name] = table[:, :-1], table[:, -1]
    return found


def measure(X, y, kind):
    """Mean and deviation of the targets, scores on raw and on standardised ones."""
    model = make_pipeline(StandardScaler(), kind(random_state=0))
    scaled = TransformedTargetRegressor(model, transformer=StandardScaler())
    folds = KFold(5, shuffle=True, random_state=0)
    scores = [cross_val_score(m, X, y, cv=folds).mean() for m in (model, scaled)]
    return [f"{value:.3f}" for value in (y.mean(), y.std(), *scores)]


def main():
    """Measure all models on all tables."""
    options = parse(__doc__, data="")
    warnings.simplefilter("ignore", ConvergenceWarning)
    table = Table(options.output, COLUMNS)
    for name, (X, y) in tables(options.data).items():
        for model, kind in MODELS.items():
            table.fill((name, model), lambda kind=kind, X=X, y=y: measure(X, y, kind))


if __name__ == "__main__":
    main()
