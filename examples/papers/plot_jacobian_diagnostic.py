# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""
Is a Jacobian a random matrix?
==============================

Estimating a Lipschitz constant from the variance of the Jacobian's entries supposes
that they are independent and equally distributed. The paper that does so leaves the
test of this to future work; here it is, before and after training on digits.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from sklip import (
    JacobianDiagnosticDisplay,
    LipschitzRegularizedMLPClassifier,
    expected_lipschitz,
    lipschitz_bound,
    measured_gain,
)
from sklip.networks import random_network

# The number of epochs is chosen: that they are used up is no news.
warnings.filterwarnings("ignore", category=ConvergenceWarning)
X, y = load_digits(return_X_y=True)
X = X / 16
trained = LipschitzRegularizedMLPClassifier(
    (128, 128), penalty="none", max_iter=40, tol=0, n_iter_no_change=40, random_state=0
).fit(X, y)
networks = {
    "one random matrix": random_network([64, 10], random_state=0),
    "random 64-128-128-10": random_network([64, 128, 128, 10], random_state=0),
    "trained 64-128-128-10": trained,
}

# %%
# Quantiles of the standardised entries: heavier tails than the normal law bend away
# from the line. The number "edge" is the largest singular value over what independent
# entries of the same variance would have.

figure, axes = plt.subplots(1, 3, figsize=(12, 4.2), layout="constrained", sharey=True)
for ax, (name, network) in zip(axes, networks.items(), strict=True):
    display = JacobianDiagnosticDisplay.from_estimator(
        network, X[:100], name=name, ax=ax, random_state=0
    )
    found = display.diagnostic
    print(f"{name}: against the assumption: {', '.join(found.violated) or 'nothing'}")
plt.show()

# %%
# Even at random weights the entries of a product are dependent, and the formula that
# supposes otherwise falls short; "free" does not suppose it. After training the layers
# are aligned with each other and with the data, and every estimate that knows no more
# than the sizes of the weights falls short. The bound is proven throughout.

for name, network in networks.items():
    gains = measured_gain(network)
    sizes = getattr(network, "network_", network).layer_sizes
    jacobians = getattr(network, "network_", network).jacobian(X[:200])
    norm = np.linalg.norm(jacobians, 2, axis=(1, 2)).mean()
    estimates = ", ".join(
        f"{method} {float(expected_lipschitz(sizes, gain=gains, method=method)):.2f}"
        for method in ("corrected", "free")
    )
    bound = float(lipschitz_bound(network))
    print(f"{name}: measured {norm:.2f}; {estimates}; bound {bound:.2f}")
