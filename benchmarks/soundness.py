# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Hunt for violations: random models of every kind against every claim.

    python benchmarks/soundness.py --points 1000000 --output benchmarks/soundness.csv

Case k is drawn from seed k; its kind is the k-th in turn (networks, linear models,
Pipelines, encoders, ensembles, thresholds, searches, torch modules, ...; see
``_soundness/models.py``). Certified radii and intervals of several methods in all three
norms, answers of meta-estimators and Lipschitz bounds are attacked by random, steepest
and corner moves through the model's own predict. A violation is a point inside a claim
that contradicts it. A hunt goes on where the CSV ends (``--seconds`` limits one call);
``--case K`` repeats one case and says what was contradicted.
"""

import argparse
import csv
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from _soundness.claims import Report, examine
from _soundness.models import KINDS, describe

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


def _done(path):
    if path is None or not Path(path).exists():
        return []
    with open(path, newline="") as file:
        return list(csv.reader(file))[1:]


def hunt(options):
    """Go on until there are enough points or the time is over."""
    rows, end = _done(options.output), time.monotonic() + options.seconds
    n_points = sum(int(row[5]) for row in rows)
    number = 1 + max((int(row[0]) for row in rows), default=options.first - 1)
    while n_points < options.points and time.monotonic() < end:
        row = run_case(number)
        if options.output:
            is_new = not Path(options.output).exists()
            with open(options.output, "a", newline="") as file:
                csv.writer(file).writerows([COLUMNS, row] if is_new else [row])
        rows.append(row)
        n_points, number = n_points + row[5], number + 1
    return rows


def summary(rows):
    """Counts by kind and in all."""
    print(f"{'kind':16} cases  claims   points  violations  failed")
    for name in [*KINDS, "all"]:
        chosen = [row for row in rows if name in ("all", row[1])]
        counts = [sum(int(row[k]) for row in chosen) for k in (4, 5, 6)]
        failed = sum("FAILED" in row[7] for row in chosen)
        print(f"{name:16} {len(chosen):5d} {counts[0]:7d} {counts[1]:8d} ", end="")
        print(f"{counts[2]:11d} {failed:7d}")


def main():
    """Hunt, or repeat one case."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=np.inf)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--case", type=int, default=None, help="repeat this one alone")
    parser.add_argument("--output", default=None, help="CSV to write, or to go on with")
    options = parser.parse_args()
    if options.case is not None:
        for name, value in zip(COLUMNS, run_case(options.case), strict=True):
            print(f"{name}: {str(value).replace(' | ', chr(10) + '  ')}")
        return
    summary(hunt(options))


if __name__ == "__main__":
    main()
