# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""
Bounded by construction: choosing the radius
============================================

:class:`~sklip.LipschitzBoundedMLPClassifier` has one knob, the ``radius`` that its
predictions should withstand, in the units of X. A large one costs accuracy near by; a
small one leaves little that is certified farther out. Which is best for the radius that
you care about is a question for a search, scored by the certified accuracy itself.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline

from sklip import (
    LipschitzBoundedMLPClassifier,
    OneStandardError,
    certified_radius,
    make_certified_accuracy_scorer,
)

X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)  # pixels in [0, 1], trained in float32
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.3, stratify=y, random_state=0
)

# %%
# The requirement: digits should stay what they are when the pixels change by 0.4 in all
# (l2). ``method="pairwise"`` is nearly exact for these networks and costs nothing. The
# grid begins with the largest radius: of all that are as good as the best, up to one
# standard error, ``OneStandardError(..., bound=None)`` takes the first.
model = LipschitzBoundedMLPClassifier(
    (64,), input_noise=0.05, max_iter=25, random_state=0
)
search = GridSearchCV(
    model,
    {"radius": [2.0, 1.4, 1.0, 0.7, 0.5, 0.35, 0.2]},
    scoring={
        "accuracy": "accuracy",
        "certified": make_certified_accuracy_scorer(radius=0.4, method="pairwise"),
    },
    refit=OneStandardError("certified", bound=None),
    cv=3,
)
search.fit(X_train, y_train)
print(f"radius chosen: {search.best_params_['radius']}")

# %%
# What each radius gives up near by and gains far out, on rows that no fit has seen.
radii = np.linspace(0.0, 1.5, 61)
_, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
for radius in (0.2, search.best_params_["radius"], 2.0):
    fitted = model.set_params(radius=radius).fit(X_train, y_train)
    reached = certified_radius(fitted, X_test, y_test, method="pairwise")
    curve = [np.mean((reached > 0) & (reached >= r)) for r in radii]
    ax.plot(radii, curve, label=f"trained for radius {radius:g}")
ax.axvline(0.4, color="0.7", linewidth=1)
ax.set(xlabel="radius (l2 norm over all pixels)", ylabel="certified accuracy")
ax.legend()

# %%
# Wide inputs
# -----------
# Principal components in front of the network (without whitening) have orthonormal
# rows: they stretch no distance, so little robustness is lost, and the training is
# shorter. In a Pipeline they are folded into the first layer, whose exact norm is part
# of the proof: radii are in pixels still.
best = search.best_params_["radius"]
pipeline = make_pipeline(PCA(24, random_state=0), model.set_params(radius=best)).fit(
    X_train, y_train
)
whole = certified_radius(search.best_estimator_, X_test, y_test, method="pairwise")
folded = certified_radius(pipeline, X_test, y_test, method="pairwise")
for name, reached in [("64 pixels", whole), ("24 components", folded)]:
    print(f"{name}: {np.mean(reached >= 0.4):.1%} certified at 0.4")
plt.show()
