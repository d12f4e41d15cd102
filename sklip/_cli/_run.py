# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The whole job: read, train, certify, attack, report."""

import sys

import torch

from sklip._cli._choices import choose, plain
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
from sklip._cli._read import Layout
from sklip._cli._report import report
from sklip._cli._selection import Selection

__all__ = ["DEFAULT_RADII", "run"]

DEFAULT_RADII = {
    "classification": (0.25, 0.5, 1.0),
    "regression": (0.05, 0.1, 0.25),
}


def run(job):
    """Do the job, print its report, and return what was measured.

    Returns
    -------
    results : list of Measurements
        The chosen model, then the plain one; one item for penalty="none".
    """
    if job.device == "cuda" and not torch.cuda.is_available():
        raise JobError("--device cuda: torch sees no GPU here.")
    check_outputs(job.plot, job.save)
    table = _load(job)
    radii = sorted(set(job.radii or DEFAULT_RADII[table.task]))
    rows = attacked_rows(table, job.random_state)
    models, results = [], []
    warm_up()
    for choice in _choices(job, table, radii):
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
    layout = Layout(job.sep, job.decimal, job.encoding, not job.no_header)
    lists = tuple(map(tuple, (job.drop, job.columns, job.categorical)))
    return load_csv(
        job.csv,
        job.target,
        job.task,
        job.test_size,
        job.random_state,
        Selection(layout, *lists),
    )


def _choices(job, table, radii):
    chosen = choose(job, table.task, _max_iter(job, table), radii)
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
