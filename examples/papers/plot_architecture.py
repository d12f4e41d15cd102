# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""
Margin, Lipschitz constant and certified accuracy
=================================================

A small Lipschitz constant alone does not make predictions robust: what counts is the
margin it is divided by. Networks of several depths, widths, starts and weight decays
are trained on the digits of scikit-learn; for each one the picture shows its proven
bound :math:`L`, its median margin, and the share of test images that is certified.

The lines are where margin / (√2 L) is constant: along them, certified accuracy hardly
changes, though :math:`L` does by a factor of several.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from sklip import (
    LipschitzRegularizedMLPClassifier,
    certified_accuracy_score,
    lipschitz_bound,
    margins,
)

# The number of epochs is chosen: that they are used up is no news.
warnings.filterwarnings("ignore", category=ConvergenceWarning)
RADIUS = 0.3
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, test_size=0.3, stratify=y, random_state=0
)

# (depth, width, gain of the start, weight decay, epochs)
RUNS = [
    (depth, width, 1.0, decay, 40)
    for depth in (2, 3, 4)
    for width in (32, 128)
    for decay in (0.0, 1e-3, 1e-2)
]
RUNS += [(4, 128, gain, 0.0, 40) for gain in (0.3, 3.0)]
RUNS += [(2, 128, 1.0, 0.0, epochs) for epochs in (5, 15, 120)]


def train(depth, width, gain, decay, epochs):
    """A network trained by plain SGD; decay is lambda / 2 times the squared weights."""
    return LipschitzRegularizedMLPClassifier(
        (width,) * (depth - 1),
        penalty="none",
        solver="sgd",
        learning_rate_init=0.03,
        batch_size=50,
        alpha=50 * decay,
        init_gain=gain,
        max_iter=epochs,
        tol=0,
        n_iter_no_change=epochs,
        certificate=None,
        random_state=0,
    ).fit(X_train, y_train)


# %%
# Every network, measured.

rows = []
for run in RUNS:
    model = train(*run)
    bound = lipschitz_bound(model, method="sequential")
    margin = np.median(margins(model, X_test, y_test))
    certified = certified_accuracy_score(
        model, X_test, y_test, radius=RADIUS, method="sequential"
    )
    rows.append((run[0], float(bound), margin, certified, model.score(X_test, y_test)))
depths, bounds, median_margins, certified, clean = np.array(rows).T

# %%
# Left: margin against bound, coloured by certified accuracy. Right: the quotient orders
# the networks better than either of the two does.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for depth, marker in zip((2, 3, 4), "osD", strict=True):
    of = depths == depth
    dots = left.scatter(
        bounds[of],
        median_margins[of],
        c=certified[of],
        marker=marker,
        vmin=0,
        vmax=1,
        label=f"{depth} layers",
        edgecolor="0.3",
    )
    radii = median_margins[of] / (np.sqrt(2) * bounds[of])
    right.plot(radii, certified[of], marker, color="C0", label=f"{depth} layers, m/√2L")
ends = np.array([bounds.min() * 0.8, bounds.max() * 1.2])
top = 1.5 * median_margins.max()
for radius in (0.001, 0.01, 0.03, 0.1, 0.3):
    left.plot(ends, np.sqrt(2) * radius * ends, color="0.8", zorder=0)
    left.annotate(
        f"{radius}", (0.9 * top / np.sqrt(2) / radius, 0.9 * top), color="0.5"
    )
left.set(xscale="log", yscale="log", xlabel="proven bound L", ylabel="median margin m")
left.set(xlim=ends, ylim=(0.7 * median_margins.min(), top))
left.legend(loc="lower right")
figure.colorbar(dots, ax=left, label=f"certified accuracy at {RADIUS}")
right.plot(1 / bounds, certified, "x", color="C1", label="1 / L")
right.set(xscale="log", xlabel="m / (√2 L), or 1 / L", ylabel="certified accuracy")
right.legend()
plt.show()

# %%
# How well each quantity predicts the order of certified accuracies:


def rank_correlation(a, b):
    """Spearman's coefficient."""
    return np.corrcoef(np.argsort(np.argsort(a)), np.argsort(np.argsort(b)))[0, 1]


for name, value in {
    "1 / L": 1 / bounds,
    "margin": median_margins,
    "margin / L": median_margins / bounds,
    "clean accuracy": clean,
}.items():
    print(f"{name:15s} rank correlation {rank_correlation(value, certified):+.2f}")
