# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""How the default weight of the spectral penalty should fall with the number of rows.

    python benchmarks/auto_weight.py --data FOLDER --output benchmarks/auto_weight.csv

Tables of several sizes, drawn or cut from a larger one, whose other rows are for tests
(4,000 of them). The weight of a model is a share of the one that small tables have:
none, all of it, or ``most / rows`` beyond ``most`` rows (1,500 is the default of
``lipschitz_weight="auto"``). "score" is the accuracy, or R2, "noisy" the same at inputs
with normal noise of a quarter of the columns' deviation, both in percent; "bound" is
the certified Lipschitz constant. Columns and targets are standardised. FOLDER holds
adult.csv and power_plant.csv of UCI, the target last; without it they are left out.
Rows that are there are not measured again.
"""

from functools import partial
from pathlib import Path

import _peers  # noqa: F401, one thread
import numpy as np
from _harness import Table, parse
from sklearn import datasets
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from sklip import (
    LipschitzRegularizedMLPClassifier,
    LipschitzRegularizedMLPRegressor,
)

SIZES = (300, 1500, 5000, 15_000)
MOST = (500, 1500, 5000)
NOISE, TEST = 0.25, 4000
WHOLE = {
    True: (LipschitzRegularizedMLPClassifier, 0.03),
    False: (LipschitzRegularizedMLPRegressor, 0.003),
}
ROWS = max(SIZES) + TEST
COLUMNS = ["table", "rows", "seed", "weight", "score", "noisy", "bound"]


def drawn():
    """Name -> (function of a seed that gives X and y, whether of classes)."""
    classes = partial(datasets.make_classification, ROWS, 20, n_informative=10)
    return {
        "many clusters": (
            lambda seed: classes(n_clusters_per_class=8, random_state=seed),
            True,
        ),
        "noisy labels": (lambda seed: classes(flip_y=0.2, random_state=seed), True),
        "spheres": (
            lambda seed: datasets.make_hastie_10_2(ROWS, random_state=seed),
            True,
        ),
        "friedman": (
            lambda seed: datasets.make_friedman1(ROWS, noise=1.0, random_state=seed),
            False,
        ),
    }


def stored(folder):
    """As drawn, of the tables in a folder."""
    import pandas as pd

    def load(name, seed):
        frame = pd.read_csv(Path(folder) / f"{name}.csv").sample(
            frac=1.0, random_state=seed
        )
        X, y = pd.get_dummies(frame.iloc[:, :-1], dtype=float), frame.iloc[:, -1]
        if not pd.api.types.is_numeric_dtype(y):
            y = np.unique(y, return_inverse=True)[1]
        return X.to_numpy(dtype=float), np.asarray(y)

    found = {"adult": True, "power_plant": False} if folder else {}
    return {name: (partial(load, name), kind) for name, kind in found.items()}


def shares(n_rows):
    """Name of a rule -> share of the whole weight on so many rows."""
    rules = {f"{most}": min(1.0, most / n_rows) for most in MOST}
    return {"none": 0.0, "whole": 1.0} | rules


def measure(load, classify, n_rows, seed):
    """Rows of one table, size and seed, one for each rule."""
    X, y = load(seed)
    rows, test = train_test_split(np.arange(len(X)), test_size=TEST, random_state=seed)
    rows = rows[:n_rows]
    X = StandardScaler().fit(X[rows]).transform(X)
    if not classify:
        y = (y - y[rows].mean()) / y[rows].std()
    noise = np.random.default_rng(seed).normal(0.0, NOISE, X[test].shape)
    kind, whole = WHOLE[classify]
    known = {}
    for rule, share in shares(n_rows).items():
        if share not in known:
            model = kind(lipschitz_weight=whole * share, random_state=seed)
            model.fit(X[rows], y[rows])
            scores = [100 * model.score(X[test] + z, y[test]) for z in (0.0, noise)]
            known[share] = *scores, model.lipschitz_bound_
        yield [rule, *(f"{value:.2f}" for value in known[share])]


def main():
    """Measure all tables and sizes."""
    options = parse(__doc__, repeats=5, data="")
    table = Table(options.output, COLUMNS)
    for name, (load, classify) in (drawn() | stored(options.data)).items():
        available = len(load(0)[0]) - TEST
        for n_rows in (n for n in SIZES if n <= available):
            for seed in range(options.repeats):
                work = partial(measure, load, classify, n_rows, seed)
                table.fill_group((name, str(n_rows), str(seed)), work)


if __name__ == "__main__":
    main()
