# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""
ADMM beside weight decay, at equal Lipschitz bounds
===================================================

Weight decay makes every weight smaller, whether it matters to the Lipschitz constant or
not. ADMM constrains the constant itself. Here each network trained with weight decay
lends its certified bound to ADMM, which then reaches a lower training loss and a higher
accuracy with it.
"""

# %%
# Weight decay first: the stronger it is, the smaller the bound, the larger the loss.
# All networks are trained for the same 120 epochs, converged or not.
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from sklip import ADMMLipschitzMLPClassifier, LipschitzRegularizedMLPClassifier

warnings.simplefilter("ignore", ConvergenceWarning)
X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)
common = {
    "hidden_layer_sizes": (64,),
    "learning_rate_init": 5e-3,
    "batch_size": 128,
    "tol": 0,
    "n_iter_no_change": 1000,
    "random_state": 0,
}


def results(model):
    """Bound, training loss and accuracy of a fitted model."""
    loss = log_loss(y, model.predict_proba(X))
    return model.lipschitz_bound_, loss, model.score(X_test, y_test)


decayed = []
for strength in (3e-4, 1e-3, 3e-3, 1e-2):
    model = LipschitzRegularizedMLPClassifier(
        penalty="none", alpha=strength * len(X), max_iter=120, **common
    )
    decayed.append(results(model.fit(X, y)))

# %%
# Then ADMM, with the bounds that weight decay ended at and as many epochs.
admm = []
for bound, _, _ in decayed:
    model = ADMMLipschitzMLPClassifier(
        lipschitz_bound=bound,
        alpha=0,
        init_alpha=1e-3,
        max_iter=30,
        max_admm_iter=30,
        epochs_per_iter=3,
        refresh_multipliers=10,
        admm_tol=0,
        **common,
    )
    admm.append(results(model.fit(X, y)))

# %%
# No bound that was asked for is exceeded, and the training loss is lower at each.
for (bound, loss, _), (found, lower, _) in zip(decayed, admm, strict=True):
    print(f"L <= {bound:6.3f}: {loss:.3f} with weight decay, {lower:.3f} with ADMM")
    assert found <= bound and lower < loss

figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
for found, label in ((decayed, "weight decay"), (admm, "ADMM, enforced bound")):
    bounds, losses, scores = np.transpose(found)
    axes[0].plot(bounds, losses, "o-", label=label)
    axes[1].plot(bounds, scores, "o-", label=label)
axes[0].set(xscale="log", yscale="log", ylabel="training loss")
axes[1].set(xscale="log", ylabel="test accuracy")
for ax in axes:
    ax.set_xlabel("certified Lipschitz bound")
axes[1].legend()
plt.show()
