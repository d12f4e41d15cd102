# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Tables and pictures that the benchmarks' own scripts make from their CSV files."""

import csv
import sys
from pathlib import Path

import numpy as np

__all__ = ["draw_families", "write_generated"]

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import _admm_pareto_tables  # noqa: E402
import _bounded_tables  # noqa: E402
import _tables_report  # noqa: E402
import _which_tables  # noqa: E402

# penalty, weight in certified_digits.csv; what the picture calls it; column of radii.
_FAMILIES = [
    ("bounded", "0.5", "bounded by construction", "o-"),
    ("enforce", "2.7", "ADMM, bound enforced", "s--"),
    ("spectral", "0.1", "spectral penalty", "^-."),
    ("none", "0.0", "no penalty", "x:"),
]


def write_generated(folder):
    """Write what pages include, and the pictures they show, into ``folder``."""
    import matplotlib

    matplotlib.use("agg")
    folder.mkdir(exist_ok=True)
    tables, which = _rows("tables"), _rows("which_estimator")
    bounded, pareto = _rows("bounded"), _rows("admm_pareto")
    radii = [n.removeprefix("certified_") for n in bounded[0] if "certified_" in n]
    radii = [float(radius) for radius in radii]
    _tables_report.write_report(tables, folder / "tables.inc")
    _which_tables.write_tables(which, _which_tables.RADII, folder / "which.inc")
    _which_tables.draw(which, _which_tables.RADII, folder / "which.png")
    _bounded_tables.write_tables(bounded, radii, folder / "bounded.inc")
    _bounded_tables.draw(bounded, radii, folder / "bounded.png")
    _admm_pareto_tables.write_tables(pareto, folder / "admm_pareto.inc")
    _admm_pareto_tables.draw(pareto, folder / "admm_pareto.png")
    draw_families(folder / "families.png")


def _rows(name):
    with open(BENCHMARKS / f"{name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def draw_families(path, **options):
    """Certified accuracy over the radius of four ways to train one network."""
    from matplotlib.figure import Figure

    rows = _rows("certified_digits")
    radii = [name for name in rows[0] if name.startswith("best_")]
    ax = Figure(figsize=(6.4, 3.6), dpi=150, layout="constrained").add_subplot()
    for penalty, weight, label, style in _FAMILIES:
        own = [r for r in rows if (r["penalty"], r["weight"]) == (penalty, weight)]
        heights = [np.mean([float(r[n]) for r in own]) for n in ("accuracy", *radii)]
        places = [0.0, *(float(name.removeprefix("best_")) for name in radii)]
        ax.plot(places, heights, style, label=label)
    ax.set(xlabel="radius (l2; pixels from 0 to 1)", ylabel="certified accuracy in %")
    ax.set_ylim(0.0, 100.0)
    ax.legend()
    ax.figure.savefig(path, **options)
