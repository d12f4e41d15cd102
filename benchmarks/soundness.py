# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Hunt for violations: random models of every kind against every claim.

    python benchmarks/soundness.py --points 1000000 --output benchmarks/soundness.csv

Case k is drawn from seed k; its kind is the k-th in turn (networks, linear models,
Pipelines, encoders, ensembles, thresholds, searches, torch modules, ...; see
``_soundness/kinds.py``). Certified radii and intervals of several methods in all three
norms, answers of meta-estimators and Lipschitz bounds are attacked by random, steepest
and corner moves through the model's own predict. A violation is a point inside a claim
that contradicts it. A hunt goes on where the CSV ends (``--seconds`` limits one call);
``--case K`` repeats one case and says what was contradicted.
"""

import time
import warnings

import numpy as np
import torch
from _harness import Table, parse
from _soundness.claims import examine
from _soundness.kinds import KINDS, describe
from _soundness.report import Report

COLUMNS = ["case", "kind", "model", "table", "claims", "points", "violations", "notes"]


def run_case(number):
    """One row of the table."""
    name = list(KINDS)[number % len(KINDS)]
    rng = np.random.default_rng(number)
    torch.manual_seed(number)
    case, report = None, Report()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            case = KINDS[name](rng)
            examine(case, rng, report)
        except Exception as error:
            report.notes.append(f"FAILED {type(error).__name__}: {error}")
    shown = ["", ""]
    if case is not None:
        n_columns = case.table.values.shape[1]
        shown = [describe(case.model), f"{case.table.form} {n_columns}"]
    counts = [report.claims, report.points, report.violations]
    notes = " | ".join(" ".join(note.split()) for note in report.notes)
    return [number, name, *shown, *counts, notes]


def hunt(options):
    """Go on until there are enough points or the time is over."""
    table = Table(options.output, COLUMNS, echo=False)
    end = time.monotonic() + options.seconds
    n_points = sum(int(row["points"]) for row in table.rows)
    number = 1 + max(
        (int(row["case"]) for row in table.rows), default=options.first - 1
    )
    while n_points < options.points and time.monotonic() < end:
        row = run_case(number)
        table.add(row)
        n_points, number = n_points + row[5], number + 1
    return table.rows


def summary(rows):
    """Counts by kind and in all."""
    print(f"{'kind':16} cases  claims    points  violations  failed")
    for name in [*KINDS, "all"]:
        chosen = [row for row in rows if name in ("all", row["kind"])]
        counts = [sum(int(row[k]) for row in chosen) for k in COLUMNS[4:7]]
        failed = sum("FAILED" in row["notes"] for row in chosen)
        print(f"{name:16} {len(chosen):5d} {counts[0]:7d} {counts[1]:9d} ", end="")
        print(f"{counts[2]:11d} {failed:7d}")


def main():
    """Hunt, or repeat one case."""
    options = parse(
        __doc__,
        points=1_000_000,
        seconds=np.inf,
        first={"type": int, "default": 0, "help": "number of the first case"},
        case={"type": int, "default": None, "help": "repeat this one alone"},
    )
    if options.case is None:
        summary(hunt(options))
        return
    for name, value in zip(COLUMNS, run_case(options.case), strict=True):
        print(f"{name}: {str(value).replace(' | ', chr(10) + '  ')}")


if __name__ == "__main__":
    main()
