# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The whole job: read, train, certify, attack, report."""

import sys
from dataclasses import dataclass

import torch

from sklip._cli._choices import check_choice, choose, plain
from sklip._cli._data import load_bundled, load_csv
from sklip._cli._errors import JobError
from sklip._cli._measure import attacked_rows, measure
from sklip._cli._models import (
    build,
    default_max_iter,
    final_estimator,
    fit,
    warm_up,
)
from sklip._cli._output import check_outputs, draw, save
from sklip._cli._report import report

__all__ = ["DEFAULT_RADII", "Job", "run"]

DEFAULT_RADII = {
    "classification": (0.25, 0.5, 1.0),
    "regression": (0.05, 0.1, 0.25),
}


@dataclass
class Job:
    """What the command line asks for; None stands for a default that depends.

    Attributes
    ----------
    csv, target : str or None
        File and column; both None for the bundled data.
    task : {"classification", "regression"} or None
        None finds it from the target.
    estimator : {"regularized", "admm", "noise"}
        Which family is trained beside the plain network.
    penalty, lipschitz_weight, lipschitz_bound, noise_std
        Parameters of that family, None where it has none.
    hidden_layer_sizes, max_iter, device, random_state
        As in the estimators.
    radii : list of float or None
        In standard deviations of the features.
    test_size : float
        Share of the rows that is held out.
    plot, save : str or None
        Files to write.
    """

    csv: str | None = None
    target: str | None = None
    task: str | None = None
    estimator: str = "regularized"
    penalty: str | None = None
    lipschitz_weight: float | None = None
    lipschitz_bound: float | None = None
    noise_std: float | None = None
    hidden_layer_sizes: tuple = (64, 64)
    max_iter: int | None = None
    device: str = "cpu"
    random_state: int = 0
    radii: list | None = None
    test_size: float = 0.25
    plot: str | None = None
    save: str | None = None


def run(job):
    """Do the job, print its report, and return what was measured.

    Returns
    -------
    results : list of Measurements
        The chosen model, then the plain one; one item for penalty="none".
    """
    if job.device == "cuda" and not torch.cuda.is_available():
        raise JobError("--device cuda: torch sees no GPU here.")
    check_choice(job)
    check_outputs(job.plot, job.save)
    table = _load(job)
    radii = sorted(set(job.radii or DEFAULT_RADII[table.task]))
    rows = attacked_rows(table, job.random_state)
    models, results = [], []
    warm_up()
    for choice in _choices(job, table):
        model, seconds = _train(job, table, choice)
        network = final_estimator(model)
        say(f"Certifying {len(rows)} test rows.")
        result = measure(
            model,
            network,
            table,
            rows,
            radii,
            seconds,
            name=choice.name,
            seed=job.random_state,
            say=say,
        )
        models.append(model)
        results.append(result)
    print(report(table, results, rows, radii))
    if job.plot is not None:
        draw(job.plot, table, models, results, rows, radii)
        print(f"\nThe picture is in {job.plot}.")
    if job.save is not None:
        print(f"\n{save(job.save, models[0], table)}")
    return results


def say(text):
    """Progress, on stderr: the report alone goes to stdout."""
    print(text, file=sys.stderr, flush=True)


def _load(job):
    if job.csv is None:
        return load_bundled(job.test_size, job.random_state)
    say(f"Reading {job.csv}.")
    return load_csv(job.csv, job.target, job.task, job.test_size, job.random_state)


def _choices(job, table):
    chosen = choose(job, table.task, _max_iter(job, table))
    return [chosen] if chosen == plain() else [chosen, plain()]


def _max_iter(job, table):
    return job.max_iter or default_max_iter(len(table.X_train))


def _train(job, table, choice):
    model = build(
        table,
        choice,
        hidden_layer_sizes=job.hidden_layer_sizes,
        max_iter=_max_iter(job, table),
        device=job.device,
        seed=job.random_state,
    )
    say(f"Training on {len(table.X_train)} rows: {choice.description}.")
    return model, fit(model, table, choice.name, say)
