# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What paper 000 printed, the settings to run, and the two side by side."""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
from _harness import Table
from scipy.stats import spearmanr

__all__ = [
    "FIG4",
    "PAPER",
    "RADII",
    "RUNS",
    "Results",
    "fig2_settings",
    "print_all",
    "run_name",
]

RADII = (0.1, 0.25, 0.5, 1.0)


def _printed():
    """Table -> (layers, width, gain, decay) -> accuracy, certified at 1, L."""
    tables = defaultdict(lambda: defaultdict(tuple))
    path = Path(__file__).with_name("paper000_printed.csv")
    with open(path, newline="", encoding="utf-8") as file:
        for table, layers, width, gain, decay, _, value in list(csv.reader(file))[1:]:
            run = (int(layers), int(width), float(gain), float(decay))
            tables[f"Table {table}"][run] += (float(value),)
    return tables


PAPER = _printed()
WIDTHS = (128, 256, 512)
FIG4 = [(2, 128, 1.0, 0.0), (4, 128, 1.0, 0.0)]
RUNS = sorted(set().union(*PAPER.values()), key=lambda r: (r[1], r))

_KEY = ["experiment", "layers", "width", "gain", "decay", "seed", "group"]
_COLUMNS = [*_KEY, "quantity", "value"]


def fig2_settings():
    """(figure, layers, width, gain): the paper's fixed values, our ranges."""
    yield from (("2a", layers, 256, 2.0) for layers in range(2, 9))
    yield from (("2b", 4, width, 2.0) for width in (32, 64, 128, 256, 512, 1024))
    yield from (("2c", 4, 256, gain) for gain in (0.5, 1.0, 1.5, 2.0, 2.5, 3.0))


def run_name(run):
    """Name of a run in the cache."""
    return "-".join(f"{value:g}" for value in run)


class Results:
    """One CSV, a row for each number; groups that are in it are not made again."""

    def __init__(self, path):
        self.table = Table(path, _COLUMNS, echo=False)
        self.values = defaultdict(dict)
        for row in self.table.rows:
            key = self._key(row[name] for name in _KEY)
            self.values[key][row["quantity"]] = float(row["value"])

    @staticmethod
    def _key(parts):
        name, layers, width, gain, decay, seed, group = parts
        head = (str(name), int(layers), int(width), float(gain), float(decay))
        return (*head, int(seed), str(group))

    def fill(self, key, compute):
        """Compute and append a group of numbers unless it is there."""
        key = self._key(key)
        if key in self.values:
            return
        found = {name: float(value) for name, value in compute()}
        self.table.add(*[[*key, n, f"{v:.6g}"] for n, v in found.items()])
        self.values[key] = found

    def over_seeds(self, experiment, run, quantity):
        """Values of one quantity, one for each seed."""
        head = (experiment, *map(float, run))
        return np.array(
            [
                found[quantity]
                for key, found in self.values.items()
                if (key[0], *map(float, key[1:5])) == head and quantity in found
            ]
        )


def spread(values, digits=3):
    """Mean and standard deviation as text."""
    if len(values) == 0:
        return "-"
    return f"{np.mean(values):.{digits}f}±{np.std(values):.{digits}f}"


def print_all(results):
    """Everything in the file, the paper's rows beside ours."""
    for figure in ("2a", "2b", "2c"):
        print(f"\nFig. {figure}: layers, width, alpha: formulas, measured (10 trials)")
        for name, *run in fig2_settings():
            if name == figure:
                _print_fig2(results, figure, (*run, 0.0))
    for title, table in PAPER.items():
        print(f"\n{title}: paper's acc, certified, L | our acc, L, |J| mean and max, ")
        print(
            "  certified (IBP, CROWN, sequential), attacked at "
            + ", ".join(map(str, RADII))
        )
        for run, printed in table.items():
            if len(results.over_seeds("trained", run, "accuracy")):
                print(_table_row(results, run, printed))

    _print_orderings(results)
    print("\nAfter training (A18, A19): gains, |J|, corrected, free, bound, rows,")
    print("  columns, kurtosis, edge")
    for run in RUNS:
        print(_after_training(results, run))
    _print_margins(results)
    print("\nFig. 4: bound, clean and certified accuracy at 0.1 after epochs")
    for run in FIG4:
        for epoch in (1, 2, 5, 10, 20, 40):
            names = (f"{name}_epoch{epoch}" for name in ("bound", "clean", "certified"))
            values = [results.over_seeds("trained", run, name) for name in names]
            print(f"{run[0]} x {run[1]} epoch {epoch:2d}: ", *map(spread, values))


def _print_fig2(results, figure, run):
    measured = results.over_seeds(figure, run, "jacobian")
    names = ("paper", "corrected", "free")
    formulas = {name: results.over_seeds(figure, run, name) for name in names}
    errors = "  ".join(
        f"{name} {value[0]:8.3f} ({100 * (value[0] / measured.mean() - 1):+.0f} %)"
        for name, value in formulas.items()
        if len(value) and len(measured)
    )
    line = f"{run[0]} {run[1]:4d} {run[2]:3}: {errors}  |J| {spread(measured)}"
    for name in ("propagated", "sequential"):
        values = results.over_seeds(figure, run, name)
        line += f"  {name} {spread(values, 2)}"
    print(line)


def _table_row(results, run, printed):
    def numbers(quantity, digits=3):
        return spread(results.over_seeds("trained", run, quantity), digits)

    layers, width, gain, decay = run
    line = f"{layers} x {width:3d} alpha {gain:g} lambda {decay:g}: "
    line += "{:.3f} {:.3f} {:6.1f} | ".format(*printed)
    line += f"{numbers('accuracy')} L {numbers('sequential', 1)} "
    line += f"|J| {numbers('jacobian', 1)} {numbers('jacobian_max', 1)}"
    for kind in ("ibp", "crown", "certified", "attacked"):
        line += f"\n      {kind:9s} " + "  ".join(
            numbers(f"{kind}_{eps}") for eps in RADII
        )
    return line


def _after_training(results, run):
    gains = [results.over_seeds("trained", run, f"gain{k + 1}") for k in range(run[0])]
    names = ("jacobian", "expected_corrected", "expected_free", "sequential")
    names += tuple(
        f"diagnostic_{name}"
        for name in ("row_correlation", "column_spread", "kurtosis", "edge")
    )
    values = [np.mean(results.over_seeds("trained", run, name)) for name in names]
    text = " ".join(f"{np.mean(gain):.2f}" for gain in gains if len(gain))
    return f"{run_name(run)}: {text} | " + " ".join(f"{v:.2f}" for v in values)


def _print_orderings(results):
    """In how many seeds L rises and certified accuracy falls along each table."""
    chains = {
        f"depth, width {d}": [(k, d, 1.0, 0.0) for k in (2, 3, 4)] for d in WIDTHS
    }
    chains["weight decay falls"] = list(PAPER["Table 3"])[::-1]
    print("\nOrderings: seeds (of 3) in which L rises at every step, certified falls")
    for name, runs in chains.items():
        bounds = [results.over_seeds("trained", run, "sequential") for run in runs]
        line = f"{name}: L {np.all(np.diff(bounds, axis=0) > 0, axis=0).sum()}"
        for eps in RADII[:3]:
            shares = [
                results.over_seeds("trained", run, f"certified_{eps}") for run in runs
            ]
            falls = np.all(np.diff(shares, axis=0) < 0, axis=0).sum()
            line += f", certified at {eps} {falls}"
        print(line)


def _print_margins(results):
    """How 1 / L, the margin and their quotient order the certified accuracies."""
    quantities = ("sequential", "margin", "margin_over_L", "accuracy", "certified_0.25")
    bound, margin, quotient, clean, certified = (
        np.concatenate([results.over_seeds("trained", run, name) for run in RUNS])
        for name in quantities
    )
    print(f"\nRank correlation with certified accuracy at .25, {len(bound)} networks")
    for name, values in {
        "1 / L": -bound,
        "margin": margin,
        "margin / L": quotient,
        "clean accuracy": clean,
    }.items():
        print(f"  {name}: {spearmanr(values, certified).statistic:.2f}")
    print(f"  L from {bound.min():.1f} to {bound.max():.0f}, ", end="")
    print(f"median margin from {margin.min():.1f} to {margin.max():.1f}")
