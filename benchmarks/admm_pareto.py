# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Score against certified Lipschitz bound: ADMM beside penalties and weight decay.

    python benchmarks/admm_pareto.py --data FOLDER --output benchmarks/admm_pareto.csv
    python benchmarks/admm_pareto.py --output benchmarks/admm_pareto.csv \
        --figure FILE.png --table FILE.inc

FOLDER holds concrete.csv, power_plant.csv, wine_quality_red.csv, spambase.csv and
ionosphere.csv (UCI; target in the last column); without it they are left out. 30 %
held out (seed 0); pixels over 16, all else standardised. Every method takes the same
number of epochs of Adam, batches of 128, with a step size that falls from 0.01 to zero.
ADMM spends half of them on its start. All its runs have the same settings, whatever the
bound and the net.

"enforce" gets as its bound the certified one of each net trained with weight decay or
a penalty (column strength), once from its own start and once, but for LipSDP's penalty,
from that very net ("enforce, restarted", half as many epochs more). Bounds are
LipSDP's. Training loss: mean cross-entropy, or mean squared error, without any penalty.
Seeds from 3 on are for the pairs from ADMM's own start, with weight decay and the
spectral penalty, alone. Runs that are in the file already are not repeated.

    python benchmarks/admm_pareto.py --data FOLDER --scan --output admm_pareto_rho.csv

does the pairs with each of six fixed rho instead.
"""

import os

import _peers  # noqa: F401, one thread
import numpy as np
from _admm_pareto_tables import draw, print_comparison, write_tables
from _harness import Table, cpu_seconds, parse
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_wine,
)
from sklearn.model_selection import train_test_split
from skorch.callbacks import Callback

from sklip import (
    ADMMLipschitzMLPClassifier,
    ADMMLipschitzMLPRegressor,
    LipschitzRegularizedMLPClassifier,
    LipschitzRegularizedMLPRegressor,
)

STEP_SIZE = 1e-2
# Hidden layers and epochs.
NETS = {
    "digits 64-64-10": ((64,), 240),
    "breast cancer": ((64,), 400),
    "concrete": ((64,), 400),
    "power plant": ((64,), 120),
    "digits 64-128-128-10": ((128, 128), 160),
    "diabetes": ((64,), 400),
    "wine": ((64,), 400),
    "wine quality": ((64,), 240),
    "spambase": ((64,), 120),
    "ionosphere": ((64,), 400),
}
TABLES = {
    "concrete": "concrete.csv",
    "power plant": "power_plant.csv",
    "wine quality": "wine_quality_red.csv",
    "spambase": "spambase.csv",
    "ionosphere": "ionosphere.csv",
}
BUNDLED = {
    "breast cancer": load_breast_cancer,
    "diabetes": load_diabetes,
    "wine": load_wine,
}
REGRESSION = ("concrete", "power plant", "wine quality", "diabetes")
# Method, strengths for classifiers, strengths for regressors.
PENALISED = [
    ("plain", (0.0,), (0.0,)),
    ("weight decay", (1e-3, 1e-2), (1e-4, 1e-2)),
    ("spectral", (0.01, 0.1), (1e-3, 1e-1)),
]
REGULARISED = [("regularise", (1e-4, 1e-3, 1e-2), (1e-3, 1e-2, 1e-1))]
MORE = [
    ("weight decay", (3e-3,), (1e-3,)),
    ("spectral", (0.03,), (1e-2,)),
]
LIPSDP = [("lipsdp", (3e-3,), (3e-3,))]
# Seeds of the runs that are not pairs from ADMM's own start.
MORE_SEEDS = 3
RHOS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
COLUMNS = ["data", "method", "strength", "seed", "train_loss", "score"]
COLUMNS += ["bound", "cpu_s"]


class FallingStepSize(Callback):
    """Step size that falls linearly to zero over the epochs, as ADMM's does."""

    def __init__(self, n_epochs):
        self.n_epochs = n_epochs

    def on_epoch_begin(self, net, **kwargs):
        """Set the step size of the epoch that begins."""
        k = len(net.history) - 1
        for group in net.optimizer_.param_groups:
            group["lr"] = STEP_SIZE * (1.0 - k / self.n_epochs)


def _load(name, folder):
    """X, and labels from 0 on or numbers."""
    if name.startswith("digits"):
        return load_digits(return_X_y=True)
    if name in BUNDLED:
        return BUNDLED[name](return_X_y=True)
    path = os.path.join(folder, TABLES[name])
    table = np.loadtxt(path, delimiter=",", skiprows=1, dtype=str)
    if name in REGRESSION:
        return table[:, :-1].astype(float), table[:, -1].astype(float)
    return table[:, :-1].astype(float), np.unique(table[:, -1], return_inverse=True)[1]


class Problem:
    """One data set, split and scaled."""

    def __init__(self, name, folder):
        self.name = name
        self.hidden, self.epochs = NETS[name]
        self.classify = name not in REGRESSION
        X, y = _load(name, folder)
        X, X_test, y, y_test = train_test_split(
            X,
            y,
            test_size=0.3,
            stratify=y if self.classify else None,
            random_state=0,
        )
        shift, scale = X.mean(axis=0), X.std(axis=0)
        scale[scale == 0.0] = 1.0
        if name.startswith("digits"):
            shift, scale = 0.0, 16.0
        self.X, self.X_test = (
            ((a - shift) / scale).astype(np.float32) for a in (X, X_test)
        )
        shift, scale = (0, 1) if self.classify else (y.mean(), y.std())
        self.y, self.y_test = (y - shift) / scale, (y_test - shift) / scale
        if self.classify:
            self.y, self.y_test = y, y_test

    def train_loss(self, model):
        """Mean loss of the training samples, without any penalty."""
        outputs = model.network_.forward(self.X.astype(float))
        if not self.classify:
            return float(np.mean((outputs.ravel() - self.y) ** 2))
        outputs = outputs - outputs.max(axis=1, keepdims=True)
        logs = outputs - np.log(np.exp(outputs).sum(axis=1, keepdims=True))
        return float(-np.mean(logs[np.arange(len(self.y)), self.y]))

    def fit(self, model, **start):
        """Fitted model, and the columns of results."""
        seconds = cpu_seconds(lambda: model.fit(self.X, self.y, **start))
        results = [self.train_loss(model), model.score(self.X_test, self.y_test)]
        results += [model.lipschitz_bound_, seconds]
        return model, [f"{value:.6g}" for value in results]


def common(problem, seed):
    """Parameters that every method shares."""
    return {
        "hidden_layer_sizes": problem.hidden,
        "batch_size": 128,
        "learning_rate_init": STEP_SIZE,
        "learning_rate": "constant",  # FallingStepSize and ADMM let it fall
        "tol": 0,
        "n_iter_no_change": 10**6,
        "certificate": "lipsdp",
        "random_state": seed,
    }


def penalised(problem, method, strength, seed):
    """Unfitted estimator with a penalty."""
    is_decay = method in ("plain", "weight decay")
    kind = LipschitzRegularizedMLPRegressor
    if problem.classify:
        kind = LipschitzRegularizedMLPClassifier
    epochs = problem.epochs
    return kind(
        **common(problem, seed),
        penalty="none" if is_decay else method,
        lipschitz_weight=strength,
        # alpha is divided by the number of samples.
        alpha=strength * len(problem.X) if is_decay else 0.0,
        max_iter=epochs,
        callbacks=[FallingStepSize(epochs)],
    )


def admm(problem, seed, **parameters):
    """Unfitted estimator of ADMM."""
    kind = ADMMLipschitzMLPRegressor
    if problem.classify:
        kind = ADMMLipschitzMLPClassifier
    # Epochs between two projections: one, or as many as have six batches.
    per_iter = -(-6 // -(-len(problem.X) // 128))
    return kind(
        **{
            **common(problem, seed),
            "alpha": 0.0,
            "max_iter": problem.epochs // 2,
            "max_admm_iter": problem.epochs // 2 // per_iter,
            "epochs_per_iter": per_iter,
            "admm_tol": 0.0,
            **parameters,
        }
    )


def compare(table, problem, method, strength, seed, name="enforce", **parameters):
    """A penalised net, and ADMM with that net's bound."""
    key = (problem.name, method, f"{strength:g}", str(seed))
    other_key = (problem.name, name, f"{method} {strength:g}", str(seed))
    done = table.find(*key)
    if done and (method == "plain" or table.find(*other_key)):
        return
    start = {}
    if done and name != "enforce, restarted":
        # As it is written, and never above what it was before that.
        bound = float(done[0]["bound"]) * (1.0 - 1e-6)
    else:
        net, results = problem.fit(penalised(problem, method, strength, seed))
        bound = net.lipschitz_bound_
        if not done:
            table.add([*key, *results])
    if method == "plain":
        return
    if name == "enforce, restarted":
        start = {"coef_init": net.coefs_, "intercept_init": net.intercepts_}
        parameters["max_admm_iter"] = problem.epochs // 2
        parameters["epochs_per_iter"] = 1
        parameters["learning_rate_init"] = 0.3 * STEP_SIZE
    model = admm(problem, seed, lipschitz_bound=bound, **parameters)
    table.add([*other_key, *problem.fit(model, **start)[1]])


def restarted(table, problem, method, strength, seed):
    """ADMM from the penalised net itself."""
    if method != "plain":
        compare(table, problem, method, strength, seed, "enforce, restarted")


def scanned(table, problem, method, strength, seed):
    """ADMM with fixed rho."""
    for rho in RHOS if method != "plain" else ():
        name, options = f"enforce, rho {rho:g}", {"rho": rho, "refresh_multipliers": 15}
        compare(table, problem, method, strength, seed, name, **options)


def regularised(table, problem, method, strength, seed):
    """ADMM without a bound, which is compared by the figure only."""
    key = (problem.name, method, f"{strength:g}", str(seed))
    if not table.find(*key):
        options = {"lipschitz_weight": strength, "refresh_multipliers": 15}
        model = admm(problem, seed, **options)
        table.add([*key, *problem.fit(model)[1]])


def run_all(table, problems, n_seeds, scan):
    """Everything that is missing in the file, the most telling runs first."""
    pairs, few = PENALISED + MORE, min(n_seeds, MORE_SEEDS)
    stages = [
        (compare, pairs, n_seeds),
        (regularised, REGULARISED, few),
        (restarted, pairs, few),
        (compare, LIPSDP, few),
    ]
    if scan:
        stages = [(compare, pairs, 1), (scanned, pairs, 1)]
    for run, methods, last in stages:
        for seed in range(last):
            for problem in problems:
                for method, *strengths in methods:
                    for strength in strengths[0 if problem.classify else 1]:
                        run(table, problem, method, strength, seed)


def main():
    """Run what is missing, then print or draw what is in the file."""
    options = parse(
        __doc__,
        output="admm_pareto.csv",
        data={"help": "folder of the two tables"},
        only={"nargs": "*", "default": list(NETS), "help": "names of nets"},
        seeds=5,
        scan={"action": "store_true", "help": "fixed rho, one seed"},
        table={"help": "only write tables to this file"},
        figure={"help": "only draw this file"},
    )
    table = Table(options.output, COLUMNS)
    if options.table is None and options.figure is None:
        names = [n for n in options.only if options.data or n not in TABLES]
        problems = [Problem(name, options.data) for name in names]
        run_all(table, problems, options.seeds, options.scan)
    if options.figure is not None:
        draw(table.rows, options.figure)
    if options.table is not None:
        write_tables(table.rows, options.table)
    print_comparison(table.rows)


if __name__ == "__main__":
    main()
