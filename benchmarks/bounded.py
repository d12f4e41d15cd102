# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Networks bounded by construction beside penalties and ADMM, in one table.

    python benchmarks/bounded.py --output benchmarks/bounded.csv \
        --data FOLDER --mnist mnist.npz --peers \
        --tables FILE.inc --figure FILE.png

Classification: share of the test rows that is right, and right with a certified l2
radius of at least eps, in percent. digits: pixels over 16, 64-128-128-10, 30 % held out
(stratified), "digits" the split of seed 0 and three seeds of the network, "digits
splits" four random splits. cancer, wine and, with ``--data``, ionosphere and spambase:
standardised, 64 hidden units, five splits. mnist: pixels over 255, the first 8,000
training images and all test images, 784-256-256-10, 12 epochs, temperature 8 / radius,
with and without 128 principal components in front (whose matrix is part of the network
that is certified; in float64).

Regression (``--data`` has concrete.csv and power_plant.csv): X and y standardised by
the training part, 64-64, five splits with 30 % held out (networks bounded by
construction on concrete: three seeds of each); R^2 of the test rows among
networks that are proven to have at most the Lipschitz constant in "setting": the bound
enforced (bounded, on concrete with noise on the inputs or a smaller step size, chosen
on validation parts, and ADMM), or the smallest weight of the spectral penalty, by
bisection, that is proven to keep it.

"fit_cpu_s" and "plain_cpu_s": CPU seconds of the fit, and of a plain loop in torch of
the same sizes, batches and epochs, one after the other. "violations": flips found
inside certified balls by random points, by PGD and by a search for the nearest flip,
among the points tried. "memory": how much a fit on all 60,000 training images adds to
the process at its peak, over the size of the array given (Linux). Rows that are in the
file already are not measured again; "--only" names the data sets.
"""

import warnings
from dataclasses import replace

import numpy as np
from _bounded_data import classification_tasks, regression_tasks
from _bounded_memory import peak_copies
from _bounded_models import classifiers, plain_loop, regressors
from _bounded_peers import peers
from _bounded_tables import MEMORY, draw, means_of, write_tables
from _harness import Table, cpu_seconds, parse, timed
from sklearn.exceptions import ConvergenceWarning

from sklip import certified_radius, minimum_norm_attack
from sklip.certification import adversarial_accuracy_score

RADII = (0.141, 0.282, 0.424, 0.5, 1.0)
COLUMNS = ["data", "model", "setting", "split", "seed", "score", "bound"]
COLUMNS += [f"certified_{radius}" for radius in RADII]
COLUMNS += ["fit_cpu_s", "plain_cpu_s", "points", "violations"]
_OPTIONS = {
    "data": {"metavar": "FOLDER", "help": "has the tables as CSV"},
    "mnist": {"metavar": "FILE", "help": "npz: x_train, y_train, x_test, y_test"},
    "peers": {"action": "store_true", "help": "deel-torchlip, orthogonium, if there"},
    "only": {"nargs": "*", "help": "names of data sets; all without"},
    "tables": {"metavar": "FILE", "help": "write the tables of the documentation"},
    "figure": {"metavar": "FILE", "help": "draw certified accuracy over the radius"},
}
# Rows that are attacked by gradients, and random points in all balls together.
_ATTACKED, _POINTS = 100, 100_000


def main():
    """Measure what is missing, then print the means."""
    options = parse(__doc__, "bounded.csv", **_OPTIONS)
    table = Table(options.output, COLUMNS)
    warnings.simplefilter("ignore", ConvergenceWarning)
    for task in _chosen(
        classification_tasks(options.mnist, options.data), options.only
    ):
        models = classifiers(task) + (peers(task) if options.peers else [])
        for model in models:
            key = (task.data, model.name, model.setting, task.split, task.seed)
            table.fill(key, lambda t=task, m=model: _classify(t, m))
    for task in _chosen(regression_tasks(options.data), options.only):
        for model in regressors(task):
            key = (task.data, model.name, model.setting, task.split, task.seed)
            table.fill(key, lambda t=task, m=model: _regress(t, m))
    if options.mnist and (options.only is None or "memory" in options.only):
        empty = [""] * (len(COLUMNS) - 6)
        table.fill(MEMORY, lambda: [f"{peak_copies(options.mnist):.3f}", *empty])
    _print_means(table.rows)
    if options.tables is not None:
        write_tables(table.rows, RADII, options.tables)
    if options.figure is not None:
        draw(table.rows, RADII, options.figure)


def _chosen(tasks, names):
    return (task for task in tasks if names is None or task.data in names)


def _classify(task, model):
    """Scores, times and violations of one classifier."""
    plain_loop(replace(task, epochs=1))  # what a process loads once is no one's time
    fitted, seconds = timed(lambda: model.fit(task))
    plain = cpu_seconds(lambda: plain_loop(task))
    right = model.predict(fitted, task.X_test) == task.y_test
    radii = model.radii(fitted, task)
    scores = [np.mean(right & (radii >= radius)) for radius in RADII]
    counted = _violations(task, fitted) if model.name == "bounded" else ("", "")
    bound = getattr(fitted, "lipschitz_bound_", None)
    return [
        f"{100 * np.mean(right):.2f}",
        "" if bound is None else f"{bound:.4f}",
        *(f"{100 * score:.2f}" for score in scores),
        f"{seconds:.2f}",
        f"{plain:.2f}",
        *counted,
    ]


def _regress(task, model):
    """R^2 and bound of one regressor."""
    plain_task = replace(task, hidden=model.hidden or task.hidden)
    plain_loop(replace(plain_task, epochs=1))
    fitted, seconds = timed(lambda: model.fit(task))
    plain = cpu_seconds(lambda: plain_loop(plain_task))
    score = f"{fitted.score(task.X_test, task.y_test):.4f}"
    bound = f"{fitted.lipschitz_bound_:.6f}"
    times = f"{seconds:.2f}", f"{plain:.2f}"
    return [score, bound, *[""] * len(RADII), *times, "", ""]


def _violations(task, model):
    """Points tried inside certified balls, and how many of them flip the prediction."""
    X = np.asarray(task.X_test, dtype=float)
    X = X[: 10 * _ATTACKED]
    radii = certified_radius(model, X, method="pairwise")
    labels, rng = model.predict(X), np.random.default_rng(task.seed)
    n_points = n_flips = 0
    for _ in range(-(-_POINTS // len(X))):
        # On the sphere: inside of it the margins are larger.
        steps = rng.standard_normal(X.shape)
        steps *= (radii / np.linalg.norm(steps, axis=1))[:, None]
        n_flips += int(np.sum(model.predict(X + steps) != labels))
        n_points += len(X)
    some, some_radii = X[:_ATTACKED], radii[:_ATTACKED]
    _, distances = minimum_norm_attack(model, some, random_state=task.seed)
    n_flips += int(np.sum(distances < some_radii))
    for radius in np.quantile(some_radii, [0.25, 0.5, 0.75]):
        inside = some_radii >= radius
        kept = adversarial_accuracy_score(
            model, some[inside], labels[:_ATTACKED][inside], radius=radius
        )
        n_flips += round((1.0 - kept) * int(inside.sum()))
    return n_points + 4 * len(some), n_flips


def _print_means(rows):
    """One line for each data set, model and setting."""
    for (data, model, setting), found in means_of(rows).items():
        if data == MEMORY[0]:
            print(f"peak memory of a fit: {found['score']:.3f} copies of the data")
            continue
        certified = "/".join(
            f"{found[f'certified_{r}']:.1f}" for r in RADII if f"certified_{r}" in found
        )
        ratio = found["fit_cpu_s"] / found["plain_cpu_s"]
        print(
            f"{data:14s} {model:11s} {setting:18s} {found['score']:8.4f}  "
            f"{certified:28s} {found['fit_cpu_s']:6.2f} s, {ratio:.2f} x plain; "
            f"{found['violations']} violations in {found['points']} points"
        )


if __name__ == "__main__":
    main()
