# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Certificates through whole Pipelines, in raw units: tightness, cost, zero flips.

Three parts, each a few rows of the CSV (part, case, quantity, value):

- ``folded``: breast cancer, StandardScaler and a network of 16: LipSDP of the folded
  Pipeline over the network's own bound times the largest 1/sigma; ten splits and seeds.
- ``adult``: fit on 30162 rows of adult.csv (a table with the columns age,
  education-num, capital-gain, capital-loss, hours-per-week and income, the others
  categories), certify 15060 in boxes of tolerances per column, draw. CPU seconds of
  the process and its peak memory.
- ``flips``: ten Pipelines; 1e5 random perturbations in raw units and gradient ascent
  inside the certified tolerances, judged by predict; the same within three times the
  tolerances, to show that the hunt finds flips where there are some.

OMP_NUM_THREADS=1 python benchmarks/pipelines.py --data adult.csv \
    --output benchmarks/pipelines.csv

The CSV has the rows of ``--parts adult --hidden 64`` from a process of its own besides.
"""

import io
import resource
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from _harness import Table, parse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklip import (
    LipschitzRegularizedMLPClassifier,
    certified_radius,
    lipschitz_bound,
    lipschitz_lower_bound,
)
from sklip.inspection import CertifiedAccuracyDisplay, FeatureSlopesDisplay

sys.path.insert(0, str(Path(__file__).parent))
from _pipelines import PIPELINES, hunt  # noqa: E402

TOLERANCES = {
    "age": 2,
    "education-num": 1,
    "capital-gain": 500,
    "capital-loss": 100,
    "hours-per-week": 5,
}
N_TRAIN = 30162
PARTS = ("folded", "adult", "flips")


def folded(args):
    """Bound of the Pipeline in raw units beside the naive one, over ten splits."""
    X, y = load_breast_cancer(return_X_y=True)
    nets = {
        "MLPClassifier": MLPClassifier((16,), max_iter=1000),
        "LipschitzRegularizedMLP": LipschitzRegularizedMLPClassifier((16,)),
    }
    for name, net in nets.items():
        ratios, reached = [], []
        for seed in range(10):
            X_train, _, y_train, _ = train_test_split(
                X, y, stratify=y, random_state=seed
            )
            model = make_pipeline(
                StandardScaler(), clone(net).set_params(random_state=seed)
            ).fit(X_train, y_train)
            whole = float(lipschitz_bound(model, method="lipsdp"))
            alone = float(lipschitz_bound(model[-1], method="lipsdp"))
            ratios.append(whole / (alone * np.max(1.0 / model[0].scale_)))
            lower = lipschitz_lower_bound(model, X_train, random_state=0)
            reached.append(float(lower) / whole)
        yield name, "folded bound / naive bound, median of 10", np.median(ratios)
        yield name, "smallest", min(ratios)
        yield name, "largest", max(ratios)
        yield name, "slope reached / folded bound, median", np.median(reached)


def adult_case(args):
    """Name of the network in the CSV."""
    return f"{args.hidden} hidden units"


def adult(args):
    """Fit, certify and draw a table of 45 thousand rows."""
    if args.data is None:
        return
    start = time.process_time()
    X = pd.read_csv(args.data)
    y = X.pop("income")
    X = X.drop(columns="fnlwgt", errors="ignore")
    text = [name for name in X if not pd.api.types.is_numeric_dtype(X[name])]
    model = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False), text),
            remainder=StandardScaler(),
        ),
        LipschitzRegularizedMLPClassifier(
            (args.hidden,), lipschitz_weight=0.01, max_iter=20, random_state=0
        ),
    ).fit(X[:N_TRAIN], y[:N_TRAIN])
    fitted = time.process_time()
    rows, labels = X[N_TRAIN:], y[N_TRAIN:]
    radius = certified_radius(model, rows, norm=np.inf, feature_eps=TOLERANCES)
    certified = time.process_time()
    draw(model, rows, labels, radius, args)
    drawn = time.process_time()
    correct = model.predict(rows) == labels
    case = adult_case(args)
    yield case, "rows certified", len(rows)
    yield case, "accuracy", float(correct.mean())
    for size in (0.5, 1.0, 2.0):
        share = float((correct & (radius >= size)).mean())
        yield case, f"certified within {size:g} tolerances", share
    yield case, "seconds to read and fit", fitted - start
    yield case, "seconds to certify", certified - fitted
    yield case, "seconds to draw", drawn - certified
    yield case, "seconds of the process", drawn
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    yield case, "peak GiB", peak


def draw(model, rows, labels, radius, args):
    """Certified accuracy and slopes, into a file if one is named."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    CertifiedAccuracyDisplay.from_predictions(
        labels, model.predict(rows), radius, norm=np.inf, name="adult", ax=axes[0]
    )
    axes[0].set_xlabel("perturbation in tolerances of the columns")
    FeatureSlopesDisplay.from_estimator(
        model, rows, feature_eps=TOLERANCES, name="adult", ax=axes[1]
    )
    figure.savefig(io.BytesIO() if args.picture is None else args.picture)
    pyplot.close(figure)


def flips(args):
    """Hunts in ten Pipelines, inside the certified tolerances and beyond."""
    for name, make in PIPELINES.items():
        case = make()
        inside = hunt(case, np.random.default_rng(0), n_random=args.n_random)
        yield from ((name, quantity, value) for quantity, value in inside.items())
        beyond = hunt(case, np.random.default_rng(0), n_random=3000, scale=3.0)
        for kind in ("random flips", "ascent flips"):
            yield name, f"{kind} at three times the radius", beyond[kind]


def main():
    """Run the parts that are asked for."""
    args = parse(
        __doc__,
        data={"help": "path of adult.csv; without it, left out"},
        hidden={"type": int, "default": 32, "help": "units for adult"},
        picture={"help": "file of the picture of adult"},
        parts={"nargs": "+", "choices": PARTS, "default": PARTS},
        n_random=100_000,
    )
    warnings.simplefilter("ignore", ConvergenceWarning)
    table = Table(args.output, ["part", "case", "quantity", "value"], form=written)
    for part in args.parts:
        done = table.find(part, adult_case(args)) if part == "adult" else []
        if done or (part != "adult" and table.find(part)):
            continue
        table.add(*[[part, *row] for row in globals()[part](args)])


def written(value):
    """A cell, numbers to four decimals."""
    return str(round(value, 4) if isinstance(value, float) else value)


if __name__ == "__main__":
    main()
