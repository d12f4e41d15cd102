# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The whole job: read, train, certify, attack, report."""

from dataclasses import replace

import torch

from sklip._cli._baselines import measure_baselines
from sklip._cli._choices import choose, plain
from sklip._cli._data import load_bundled, load_csv
from sklip._cli._description import describe
from sklip._cli._errors import JobError, counted
from sklip._cli._explain import explain
from sklip._cli._family import usual_family
from sklip._cli._measure import measure, measured_rows
from sklip._cli._models import (
    build,
    default_max_iter,
    final_estimator,
    fit,
    warm_up,
)
from sklip._cli._output import check_outputs, check_report, draw, save, write_report
from sklip._cli._read import Layout
from sklip._cli._report import report, wrapped
from sklip._cli._rows import describe_rows
from sklip._cli._search import search
from sklip._cli._selection import Selection
from sklip._cli._threat import threat_of
from sklip._cli._usual import usual_factor
from sklip._progress import say

__all__ = ["run"]

_RADII = {"classification": (0.25, 0.5, 1.0), "regression": (0.05, 0.1, 0.25)}
# Shares of stated tolerances, whatever the task.
_RADII_OF_TOLERANCES = (0.25, 0.5, 1.0)


def run(job):
    """Do the job, print its report, and return what was measured.

    Returns
    -------
    results : list of Measurements
        The chosen network, the plain one (if it is another), then the baselines.
    """
    if job.device == "cuda" and not torch.cuda.is_available():
        raise JobError("--device cuda: torch sees no GPU here.")
    check_outputs(job.plot, job.save)
    check_report(job.report)
    table = _load(job)
    if job.explain and table.task == "regression":
        raise JobError("--explain is for classification: a regression has no flip.")
    threat = threat_of(job.tolerance, job.norm, table.kinds.numeric, table.spread)
    usual = _RADII_OF_TOLERANCES if threat.stated else _RADII[table.task]
    radii = sorted(set(job.radii or usual))
    rows = measured_rows(table, job.random_state)
    models, results = [], []
    warm_up()
    choices = _choices(job, table, threat, radii)
    for choice in choices:
        model, seconds = _train(job, table, choice)
        say(f"Certifying {counted(len(rows), 'test row')}.")
        options = {"name": choice.name, "seed": job.random_state}
        result = measure(model, table, threat, rows, radii, seconds, **options)
        result.n_epochs = final_estimator(model).n_iter_
        models.append(model)
        results.append(result)
    if job.baselines:
        say("Fitting a linear model and boosted trees.")
        results += measure_baselines(table, threat, rows, radii, job.random_state)
    print(report(table, threat, results, rows, radii, job.group))
    if job.explain:
        print()
        _print_flips(job, models[0], results[0], table, threat, rows)
    if job.plot is not None:
        draw(job.plot, table, threat, models, results, rows, radii)
        print(f"\nThe picture is in {job.plot}.")
    if job.report is not None:
        _write_rows(job, models[0], table, threat, radii)
    if job.save is not None:
        about = describe(table, threat, radii, results, choices[0])
        print(f"\n{save(job.save, models[0], table, about, threat)}")
    return results


def _print_flips(job, model, result, table, threat, rows):
    X, y = table.X_test.iloc[rows], table.y_test[rows]
    say(f"Looking for the nearest flips of {counted(len(rows), 'test row')}.")
    for text in explain(model, X, y, threat, result.certificate, job.explain):
        print("\n".join(wrapped(text)))


def _write_rows(job, model, table, threat, radii):
    X, y, task = table.X_test, table.y_test, table.task
    say(f"Describing {counted(len(X), 'test row')}.")
    rows = describe_rows(model, X, y, threat, radii, task)
    write_report(job.report, rows)
    print(f"\n{counted(len(rows), 'test row')}, one line each, are in {job.report}.")


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
        Selection(layout, *lists, job.group),
    )


def _choices(job, table, threat, radii):
    chosen, note = _usual(job, table, threat, radii)
    if job.search:
        radius = radii[len(radii) // 2]
        chosen, note = search(
            chosen,
            lambda choice: _build(job, table, choice),
            table,
            threat,
            radius,
            job.random_state,
        )
    table.notes += [note] if note else []
    return [chosen] if chosen == plain() else [chosen, plain()]


def _usual(job, table, threat, radii):
    """The choice without a search, and what is to be said of it."""

    def usual(table, job=job):
        return choose(job, table, threat, _max_iter(job, table), radii)

    def build(part, choice):
        return _build(job, part, choice)

    chosen = usual(table)
    if table.task == "regression" and chosen.usual is not None:
        factor, note = usual_factor(
            chosen.usual,
            lambda factor, part: build(part, usual(part).scaled(factor)),
            table,
            job.random_state,
        )
        return chosen.scaled(factor), note
    if chosen.estimator == "bounded" and job.estimator is None:
        other = replace(job, estimator="regularized")
        return usual_family(
            chosen,
            lambda part: usual(part, other),
            build,
            table,
            threat,
            radii,
            job.random_state,
        )
    return chosen, ""


def _max_iter(job, table):
    return job.max_iter or default_max_iter(len(table.X_train))


def _build(job, table, choice):
    return build(
        table,
        choice,
        hidden_layer_sizes=job.hidden_layer_sizes,
        max_iter=_max_iter(job, table),
        device=job.device,
        seed=job.random_state,
    )


def _train(job, table, choice):
    model = _build(job, table, choice)
    say(f"Training on {len(table.X_train)} rows: {choice.description}.")
    return model, fit(model, table, choice.name)
