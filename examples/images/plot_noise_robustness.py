# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""
Training that withstands noise
==============================

:class:`~sklip.NoiseLipschitzClassifier` penalises how far the logits move where
Gaussian noise moves the inputs (paper 002). Two convolutional networks for the 8 × 8
digits, one with that term and one without, under noise of growing size.

This is robustness that is measured, not proven: :doc:`/noise` says what the term is and
what it is not.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import LearningCurveDisplay, train_test_split

from sklip import NoiseLipschitzClassifier, make_noise_accuracy_scorer
from sklip.inspection import NoiseRobustnessDisplay

X, y = load_digits(return_X_y=True)
X = X / 16  # pixels from 0 to 1: the noise is in the same units
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.4, stratify=y, random_state=0
)

# %%
# Rows of 64 pixels are taken as square images. ``lipschitz_weight=0`` is the standard
# training.
common = {
    "hidden_layer_sizes": (64,),
    "module": "cnn",
    "learning_rate_init": 3e-3,
    "tol": 3e-3,
    "random_state": 0,
}
standard = NoiseLipschitzClassifier(lipschitz_weight=0, **common)
proposed = NoiseLipschitzClassifier(
    noise_std=0.4, lipschitz_weight=3.0, lipschitz_target=0.1, **common
)
standard.fit(X_train, y_train)
proposed.fit(X_train, y_train)

# %%
# Mean and spread over ten draws of the noise.
_, ax = plt.subplots(figsize=(6, 4), layout="constrained")
NoiseRobustnessDisplay.from_estimator(
    {"standard": standard, "with the noise term": proposed},
    X_test,
    y_test,
    n_repeats=10,
    ax=ax,
)

# %%
# The proven bound says the same less clearly. It is far above what noise does to the
# logits, so the radius that it proves is small for both.
for name, model in (("standard", standard), ("with the noise term", proposed)):
    print(
        f"{name}: Lipschitz constant proven to be at most {model.lipschitz_bound_:.1f}"
    )

# %%
# How much of the data is needed? scikit-learn's learning curve, scored under noise.
_, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for name, model in (("standard", standard), ("with the noise term", proposed)):
    display = LearningCurveDisplay.from_estimator(
        model,
        X_train,
        y_train,
        train_sizes=[0.3, 0.6, 1.0],
        cv=2,
        score_type="test",
        scoring=make_noise_accuracy_scorer(noise_std=0.3),
        ax=ax,
    )
    display.lines_[0].set_label(name)
ax.set(ylabel="accuracy under noise of 0.3")
ax.legend()
plt.show()
