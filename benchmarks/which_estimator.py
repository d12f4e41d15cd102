# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""All four families on the same tables: what each turn of their knob buys.

    python benchmarks/which_estimator.py --output benchmarks/which_estimator.csv
    python benchmarks/which_estimator.py --output benchmarks/which_estimator.csv \
        --tables FILE.inc \
        --figure FILE.png

breast cancer, wine and diabetes standardised, digits with pixels over 16; 30 % held
out, three splits whose number is the seed as well. Two hidden layers of 64 units, the
families' own defaults but for the knob. "knob" is lipschitz_weight (regularised: the
spectral penalty; ADMM; noise), lipschitz_bound (ADMM enforced; bounded regressor) or
radius (bounded classifier). "weight 0" is plain training.

Classification: shares of the test rows in percent, right and right with a certified l2
radius of at least eps, in units of the scaled columns; constants of pairs of classes by
LipSDP, or by the norms of the difference of two output rows for the bounded family,
where they say all. Regression: R^2, and the certified Lipschitz constant. "fit_cpu_s":
CPU seconds of one thread, certificate included. Rows that are in the file already are
not measured again.
"""

import _peers  # noqa: F401, one thread
import numpy as np
from _harness import Table, parse, timed
from _which_tables import RADII, draw, write_tables
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils._testing import ignore_warnings

from sklip import (
    ADMMLipschitzMLPClassifier,
    ADMMLipschitzMLPRegressor,
    LipschitzBoundedMLPClassifier,
    LipschitzBoundedMLPRegressor,
    LipschitzRegularizedMLPClassifier,
    LipschitzRegularizedMLPRegressor,
    NoiseLipschitzClassifier,
    NoiseLipschitzRegressor,
    certified_radius,
)

HIDDEN = (64, 64)
DATA = {
    "breast cancer": load_breast_cancer,
    "wine": load_wine,
    "digits": load_digits,
    "diabetes": load_diabetes,
}
# Radii at which rows are counted.
WEIGHTS = (0.01, 0.03, 0.1, 0.3, 1.0)
NOISE_WEIGHTS = (0.1, 1.0, 10.0, 100.0)
# Family -> knob, classifier with its values, regressor with its values.
FAMILIES = {
    "regularised": (
        "lipschitz_weight",
        (LipschitzRegularizedMLPClassifier, (0.0, *WEIGHTS)),
        (LipschitzRegularizedMLPRegressor, (0.0, 0.001, 0.003, *WEIGHTS)),
    ),
    "ADMM, penalised": (
        "lipschitz_weight",
        (ADMMLipschitzMLPClassifier, WEIGHTS),
        (ADMMLipschitzMLPRegressor, (0.001, 0.003, *WEIGHTS)),
    ),
    "ADMM, enforced": (
        "lipschitz_bound",
        (ADMMLipschitzMLPClassifier, (0.5, 1.0, 2.0, 4.0)),
        (ADMMLipschitzMLPRegressor, (0.25, 0.5, 1.0, 2.0)),
    ),
    "noise": (
        "lipschitz_weight",
        (NoiseLipschitzClassifier, NOISE_WEIGHTS),
        (NoiseLipschitzRegressor, NOISE_WEIGHTS),
    ),
    "bounded": (
        "radius",
        (LipschitzBoundedMLPClassifier, (0.25, 0.5, 1.0, 2.0)),
        (LipschitzBoundedMLPRegressor, (0.25, 0.5, 1.0, 2.0)),
    ),
}
COLUMNS = ["data", "family", "knob", "split", "score", "bound"]
COLUMNS += ["certified_1", "certified_2", "certified_3", "certified_4", "fit_cpu_s"]


def split(data, seed):
    """Training and test part, scaled."""
    X, y = DATA[data](return_X_y=True)
    is_regression = data not in RADII
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.3, stratify=None if is_regression else y, random_state=seed
    )
    shift, scale = X.mean(axis=0), X.std(axis=0)
    if data == "digits":
        shift, scale = 0.0, 16.0
    if is_regression:
        y, y_test = (y - y.mean()) / y.std(), (y_test - y.mean()) / y.std()
    X, X_test = ((a - shift) / scale for a in (X, X_test))
    return X.astype(np.float32), y, X_test, y_test


@ignore_warnings(category=ConvergenceWarning)
def measure(data, family, value, seed):
    """The results of one fit."""
    X, y, X_test, y_test = split(data, seed)
    knob, *kinds = FAMILIES[family]
    kind, _ = kinds[data not in RADII]
    if data not in RADII and family == "bounded":
        knob = "lipschitz_bound"
    model, seconds = timed(
        lambda: kind(HIDDEN, random_state=seed, **{knob: value}).fit(X, y)
    )
    score, shares = model.score(X_test, y_test), [""] * 4
    if data in RADII:
        method = "pairwise" if family == "bounded" else "lipsdp"
        radii = certified_radius(model, X_test, y_test, method=method)
        shares = [f"{100 * np.mean(radii >= r):.2f}" for r in RADII[data]]
        score *= 100
    return [f"{score:.4f}", f"{model.lipschitz_bound_:.4f}", *shares, f"{seconds:.3f}"]


def main():
    """Measure what is missing, then write tables and figure."""
    options = parse(
        __doc__,
        output="which_estimator.csv",
        only={"nargs": "*", "default": list(DATA), "help": "names of data sets"},
        splits=3,
        tables={"metavar": "FILE", "help": "write the tables of the documentation"},
        figure={"metavar": "FILE", "help": "draw score over certified share"},
    )
    table = Table(options.output, COLUMNS)
    if options.tables is None and options.figure is None:
        for seed in range(options.splits):
            for data in options.only:
                for family, (_, *kinds) in FAMILIES.items():
                    for value in kinds[data not in RADII][1]:
                        key = (data, family, f"{value:g}", seed)
                        table.fill(key, lambda k=key, v=value: measure(*k[:2], v, k[3]))
    if options.tables is not None:
        write_tables(table.rows, RADII, options.tables)
    if options.figure is not None:
        draw(table.rows, RADII, options.figure)


if __name__ == "__main__":
    main()
