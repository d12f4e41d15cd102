# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""
Architecture and robustness on MNIST
====================================

The experiments of Abuduweili and Liu, drawn from ``benchmarks/paper000.csv``: ten
random networks for each point of Fig. 2, three training runs on MNIST for each network
of Tables 1 to 3 and Figs 3 and 4. Making the file takes hours, drawing it a second; the
settings stand at the top of ``benchmarks/paper000.py``, the numbers in
:doc:`/architecture`. Run this example in a checkout of the repository.
"""

import csv
from collections import defaultdict
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sklip import TrainingCurveDisplay

# The gallery runs in this file's folder, others may run it in the repository's root.
PLACES = (Path("../../benchmarks"), Path("benchmarks"))
FOLDER = next(p for p in PLACES if p.is_dir())

# (experiment, layers, width, gain, decay) and quantity -> one value for each seed.
values = defaultdict(list)
with open(FOLDER / "paper000.csv", newline="") as file:
    for row in csv.DictReader(file):
        run = tuple(float(row[k]) for k in ("layers", "width", "gain", "decay"))
        values[row["experiment"], *run, row["quantity"]].append(float(row["value"]))


def draw(ax, x, runs, quantity, style="o-", **kwargs):
    """Mean of a quantity over the seeds, with one standard deviation."""
    found = [values[(*run, quantity)] for run in runs]
    means, spreads = np.array([(np.mean(v), np.std(v)) for v in found]).T
    ax.errorbar(x, means, spreads, fmt=style, capsize=2, **kwargs)


# %%
# Fig. 2: what the formulas say of random networks with 784 inputs and 10 outputs, and
# what is measured and proven. "In a ball" is a proven bound in a ball around one input,
# "everywhere" one of the Lipschitz constant itself.

FIG2 = {
    "number of layers M": [("2a", m, 256, 2.0, 0.0) for m in range(2, 9)],
    "hidden width d": [("2b", 4, 2**k, 2.0, 0.0) for k in range(5, 11)],
    "gain α": [("2c", 4, 256, g / 2, 0.0) for g in range(1, 7)],
}
LINES = {
    "sequential": ("s-", "C3", "proven everywhere"),
    "propagated": ("^-", "C4", "proven in a ball"),
    "jacobian": ("ko", None, "measured ‖J(x)‖₂"),
    "free": ("-", "C2", "free"),
    "corrected": ("--", "C1", "corrected"),
    "paper": (":", "C0", "as printed"),
}
figure, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
for position, (ax, (label, runs)) in enumerate(zip(axes, FIG2.items(), strict=True)):
    x = [run[1:4][position] for run in runs]
    for quantity, (style, color, name) in LINES.items():
        draw(ax, x, runs, quantity, style, color=color, markersize=4, label=name)
    ax.set(xlabel=label, yscale="log")
axes[0].set_ylabel("norm or constant")
axes[1].set_xscale("log", base=2)
axes[2].legend(fontsize="small")
plt.show()

# %%
# Fig. 3, after training: depth raises the bound and lowers certified accuracy, width
# does a little of the opposite. The right panel is at the paper's radius, 1. What the
# paper calls certified lies far above what an attack leaves, so no certificate can
# reach it; what is proven here lies below.

PRINTED = {
    128: (0.864, 0.806, 0.582),
    256: (0.866, 0.814, 0.582),
    512: (0.871, 0.816, 0.593),
}
DEPTHS = (2, 3, 4)
figure, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
for color, (width, printed) in zip(("C0", "C1", "C2"), PRINTED.items(), strict=True):
    runs = [("trained", m, width, 1.0, 0.0) for m in DEPTHS]
    draw(axes[0], DEPTHS, runs, "sequential", color=color, label=f"width {width}")
    draw(
        axes[1], DEPTHS, runs, "certified_0.25", color=color, label=f"{width}, ε = .25"
    )
    draw(
        axes[1], DEPTHS, runs, "certified_0.5", "o--", color=color, label=f"{width}, .5"
    )
    axes[2].plot(DEPTHS, printed, "x:", color=color, label=f"{width}, as printed")
    draw(axes[2], DEPTHS, runs, "attacked_1.0", color=color, label=f"{width}, attacked")
    draw(axes[2], DEPTHS, runs, "certified_1.0", "o--", color=color)
axes[0].set(ylabel="proven bound L", ylim=(0, None))
axes[1].set(ylabel="certified accuracy", ylim=(0, 1))
axes[2].set(ylabel="accuracy at radius 1 (dashed: certified)", ylim=(-0.02, 1))
for ax in axes:
    ax.set(xlabel="number of layers M", xticks=DEPTHS)
    ax.legend(fontsize="small", ncols=2 if ax is axes[1] else 1)
axes[1].set_ylim(0, 1.25)
plt.show()

# %%
# Tables 2 and 3: the gain of the start and the weight decay of a network of four layers
# of width 128.

SWEEPS = {
    "gain α of the start": [("trained", 4, 128, g, 0.0) for g in (0.3, 1.0, 3.0)],
    "weight decay λ": [
        ("trained", 4, 128, 1.0, decay) for decay in (0.0, 1e-4, 1e-3, 1e-2)
    ],
}
figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for ax, (label, runs) in zip(axes, SWEEPS.items(), strict=True):
    ticks = [f"{run[3] if 'gain' in label else run[4]:g}" for run in runs]
    for name in ("accuracy", "certified_0.1", "certified_0.25", "certified_0.5"):
        legend = name.replace("certified_0", "certified at 0")
        draw(ax, range(len(runs)), runs, name, label=legend)
    bound = ax.twinx()
    draw(bound, range(len(runs)), runs, "sequential", "ks:", label="L (right)")
    bound.set(yscale="log", ylabel="proven bound L")
    ax.set_xticks(range(len(runs)), ticks)
    ax.set(xlabel=label, ylabel="accuracy", ylim=(-0.02, 1.02))
lines = [part.get_legend_handles_labels() for part in (ax, bound)]
handles, labels = (a + b for a, b in zip(*lines, strict=True))
figure.legend(handles, labels, loc="outside lower center", ncols=5)
plt.show()

# %%
# Fig. 4: two and four layers during training, mean of three runs, on 2000 held-out
# images; certified at radius .1.

axes = None
NAMES = {
    "accuracy": "clean",
    "certified_accuracy": "certified",
    "lipschitz_bound": "bound",
}
epochs = np.arange(1, 41)
for layers in (2, 4):
    run = ("trained", layers, 128, 1.0, 0.0)
    curves = {
        curve: (epochs, [np.mean(values[(*run, f"{name}_epoch{e}")]) for e in epochs])
        for curve, name in NAMES.items()
    }
    display = TrainingCurveDisplay(curves=curves, estimator_name=f"{layers} layers")
    axes = display.plot(ax=axes).axes_
plt.show()

# %%
# All 42 trained networks by margin and bound. Certified accuracy is high where their
# quotient is; where the bound is large, a margin of any size comes too late.

trained = sorted({key[:5] for key in values if key[0] == "trained"})
margin, bound, certified = (
    np.concatenate([values[(*run, quantity)] for run in trained])
    for quantity in ("margin", "sequential", "certified_0.25")
)
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for radius in (0.03, 0.1, 0.3, 1.0):
    ends = np.array([margin.min(), margin.max()])
    ax.plot(ends / np.sqrt(2) / radius, ends, color="0.85", zorder=0)
    ax.annotate(f"{radius:g}", (ends[1] / np.sqrt(2) / radius, ends[1]), color="0.5")
dots = ax.scatter(bound, margin, c=certified, vmin=0, vmax=1, edgecolor="0.3")
ax.set(xscale="log", yscale="log", xlabel="proven bound L", ylabel="median margin")
figure.colorbar(dots, label="certified accuracy at .25; lines: margin / (√2 L)")
plt.show()
