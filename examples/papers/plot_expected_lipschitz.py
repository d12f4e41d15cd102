# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""
How steep a network is before training
======================================

The architecture alone says how large the Jacobian of a freshly initialised network is.
Three formulas, against measurements on random networks with 784 inputs and 10 outputs:
the printed (13) of Abuduweili and Liu, the same with the right variance of the entries,
and the edge of the spectrum of the product of random matrices that the Jacobian is.

All three are *estimates* of a typical :math:`\\|J(x)\\|_2`. They bound nothing, and
:func:`~sklip.certification.certified_radius` refuses them.
"""

import matplotlib.pyplot as plt
import numpy as np

from sklip import certified_radius, expected_lipschitz
from sklip.networks import random_network

METHODS = ("paper", "corrected", "free")
N_TRIALS = 20


def measured(sizes, gain):
    """Mean norm of the Jacobian over random networks."""
    rng = np.random.default_rng(0)
    norms = []
    for seed in range(N_TRIALS):
        network = random_network(sizes, gain=gain, random_state=seed)
        jacobians = network.jacobian(rng.standard_normal((1, sizes[0])))
        norms.append(np.linalg.norm(jacobians[0], 2))
    return np.mean(norms)


def sizes_of(depth, width):
    """784 inputs, 10 outputs, hidden layers of one width."""
    return [784] + [width] * (depth - 1) + [10]


# %%
# Depth, width and gain are varied one at a time around the paper's settings: gain 2,
# width 256, four layers (Fig. 2 of the paper).

PANELS = {
    "number of layers M": [(k, sizes_of(k, 256), 2.0) for k in range(2, 9)],
    "hidden width d": [
        (d, sizes_of(4, d), 2.0) for d in (2, 4, 8, 16, 32, 64, 128, 256, 512)
    ],
    "gain α": [(g, sizes_of(4, 256), g) for g in (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)],
}

figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
for ax, (label, settings) in zip(axes, PANELS.items(), strict=True):
    x = [setting[0] for setting in settings]
    norms = [measured(sizes, gain) for _, sizes, gain in settings]
    ax.plot(x, norms, "ko", label="measured ‖J‖₂")
    for method, style in zip(METHODS, (":", "--", "-"), strict=True):
        estimates = [
            float(expected_lipschitz(sizes, gain=gain, method=method))
            for _, sizes, gain in settings
        ]
        ax.plot(x, estimates, style, label=method)
    ax.set(xlabel=label, yscale="log")
axes[0].set_ylabel("norm of the Jacobian")
axes[1].set_xscale("log", base=2)
axes[0].legend()
plt.show()

# %%
# With gain 2 the printed formula is constant in depth, because it takes the variance of
# the slope for its mean square; measured norms grow tenfold from two to eight layers.
# The middle panel shows where the claim "width lowers the Lipschitz constant" ends:
# it rises with the width up to some twenty units, and falls from there on.
#
# An estimate never becomes a radius:

network = random_network([784, 64, 10], random_state=0)
try:
    certified_radius(
        network, np.zeros((1, 784)), method=expected_lipschitz(network.layer_sizes)
    )
except TypeError as error:
    print(error)
