# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""
What training does to the bound
===============================

A callback scores the network after every epoch: its proven Lipschitz bound, its
accuracy and the accuracy that is certified at a radius. The bound grows all the time;
certified accuracy rises while margins grow faster than the bound does, then falls. A
shallow and a deeper network are compared (Fig. 4 of Abuduweili and Liu), and the deeper
one again with a penalty on its layers' norms.
"""

import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from sklip import (
    LipschitzBoundsDisplay,
    LipschitzHistory,
    LipschitzRegularizedMLPClassifier,
    TrainingCurveDisplay,
)

# The number of epochs is chosen: that they are used up is no news.
warnings.filterwarnings("ignore", category=ConvergenceWarning)
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, test_size=0.3, stratify=y, random_state=0
)


def fit(depth, penalty="none"):
    """A network with its history on the test images."""
    return LipschitzRegularizedMLPClassifier(
        (64,) * (depth - 1),
        penalty=penalty,
        lipschitz_weight=0.05,
        max_iter=60,
        tol=0,
        n_iter_no_change=60,
        learning_rate_init=3e-3,
        callbacks=[LipschitzHistory(X_test, y_test, radius=0.2)],
        random_state=0,
    ).fit(X_train, y_train)


models = {
    "2 layers": fit(2),
    "4 layers": fit(4),
    "4 layers, spectral": fit(4, "spectral"),
}

# %%
# The displays share their panels: give the first one's axes to the next.

axes = None
for name, model in models.items():
    display = TrainingCurveDisplay.from_estimator(model, name=name, ax=axes)
    axes = display.axes_
for panel in axes:
    panel.legend(fontsize="x-small", loc="upper center", bbox_to_anchor=(0.5, -0.16))
axes[2].set_yscale("log")
display.figure_.set_size_inches(12, 4.8)
plt.show()

# %%
# At the end: how far the methods get below the product of norms, and what a search for
# a steep pair of inputs reaches.

ax = None
for name in ("2 layers", "4 layers"):
    ladder = LipschitzBoundsDisplay.from_estimator(
        models[name], X_train, name=name, ax=ax, random_state=0
    )
    ax = ladder.ax_
plt.show()
