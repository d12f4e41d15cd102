# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""
Intervals that hold under perturbation
======================================

A sensor reads its input with an error of up to .1, on purpose or not. Two questions:
where can the prediction be (certified interval), and where is the target (conformal
interval)? :class:`~sklip.CertifiedIntervalRegressor` answers both.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.frozen import FrozenEstimator

from sklip import (
    CertifiedIntervalRegressor,
    LipschitzRegularizedMLPRegressor,
    adversarial_interval,
    certified_interval,
)

RADIUS = 0.1
rng = np.random.default_rng(0)


def draw(n_samples):
    """A wave with noise."""
    X = rng.uniform(-3.0, 3.0, size=(n_samples, 1))
    return X, np.sin(2.0 * X[:, 0]) + 0.15 * rng.standard_normal(n_samples)


X, y = draw(600)
X_test, y_test = draw(500)

# %%
# Without ``conformal`` the interval contains the prediction at every point within the
# radius. One constant for the whole line is too pessimistic where the wave is flat;
# bounds inside the ball of each sample are not. ``method="best"``, the default, takes
# the tightest of all.
network = LipschitzRegularizedMLPRegressor(
    (16, 16),
    "tanh",
    solver="lbfgs",
    lipschitz_weight=1e-3,
    max_iter=2000,
    random_state=0,
)
certified = CertifiedIntervalRegressor(network, radius=RADIUS).fit(X, y)
network = FrozenEstimator(certified.estimator_)

low, high = adversarial_interval(network, X_test, radius=RADIUS, random_state=0)
print(f"width reached by an attack: {np.median(high - low):.3f}")
for method in ("product", "lipsdp", "best"):
    lower, upper = certified_interval(network, X_test, radius=RADIUS, method=method)
    print(f"certified width, {method}: {np.median(upper - lower):.3f}")

# %%
# With ``conformal`` it contains the target too, nine times in ten on the average over
# calibrations, whatever happened to the input. The network is fitted already, so all
# samples that ``fit`` is given calibrate it; they are new to it.
#
# An attack drives the prediction as far as it can. An interval counts if it covers the
# target at both ends. The naive one is conformal too, but for clean inputs only.


def coverage(radius, n_repeats=20):
    """Share of targets that are covered at the attacked points."""
    shares = []
    for _ in range(n_repeats):
        model = CertifiedIntervalRegressor(network, radius=radius, conformal=True)
        model.fit(*draw(300))
        X_new, y_new = draw(200)
        *_, low, high = adversarial_interval(
            network, X_new, radius=RADIUS, random_state=0, return_points=True
        )
        inside = np.ones(len(y_new), dtype=bool)
        for points in (low, high):
            lower, upper = model.predict_interval(points)
            inside &= (lower <= y_new) & (y_new <= upper)
        shares.append(inside.mean())
    return np.mean(shares)


print(f"asked for 0.900, under attack {coverage(RADIUS):.3f}")
print(f"conformal for clean inputs only: {coverage(0.0):.3f}")

conformal = CertifiedIntervalRegressor(network, radius=RADIUS, conformal=True)
conformal.fit(*draw(300))

# %%
grid = np.linspace(-3.0, 3.0, 400)[:, None]
_, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.plot(X[:200, 0], y[:200], ".", color="gray", markersize=3, label="samples")
ax.plot(grid, certified.predict(grid), color="C0", label="prediction")
for model, color, label in (
    (conformal, "C1", "conformal: the target, 90 %"),
    (certified, "C0", "certified: the prediction"),
):
    ax.fill_between(
        grid[:, 0], *model.predict_interval(grid), color=color, alpha=0.3, label=label
    )
ax.set(xlabel="input x", ylabel="target y")
ax.legend(loc="upper center", ncols=2, fontsize="small")
ax.set_ylim(-1.8, 2.2)
plt.show()
