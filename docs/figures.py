# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Pictures of pages that are drawn from the measurements in ``benchmarks``."""

import csv

import numpy as np

__all__ = ["draw_families"]

# penalty, weight in certified_digits.csv; what the picture calls it; column of radii.
_FAMILIES = [
    ("bounded", "0.5", "bounded by construction", "o-"),
    ("enforce", "2.7", "ADMM, bound enforced", "s--"),
    ("spectral", "0.1", "spectral penalty", "^-."),
    ("none", "0.0", "no penalty", "x:"),
]


def draw_families(benchmarks, path):
    """Certified accuracy over the radius of four ways to train one network."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib.figure import Figure

    with open(benchmarks / "certified_digits.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
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
    path.parent.mkdir(exist_ok=True)
    ax.figure.savefig(path)
