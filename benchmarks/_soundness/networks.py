# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Random networks of all activations."""

import numpy as np

from sklip import FeedForward
from sklip.networks import list_activations

__all__ = ["random_net"]

NAMES = [*list_activations(), "leaky_relu(0.4)", "leaky_relu(-0.8)", "leaky_relu(2.0)"]
NAMES += ["elu(0.3)", "elu(2.5)"]


def random_net(rng, n_outputs=None):
    """A network of one to three hidden layers, each with an activation of its own."""
    n_hidden = rng.integers(1, 4)
    n_last = rng.integers(1, 5) if n_outputs is None else n_outputs
    sizes = [rng.integers(1, 9), *rng.integers(2, 13, n_hidden), n_last]
    scale = rng.uniform(0.5, 3.0)
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    weights = [scale * rng.normal(size=s) / np.sqrt(s[1]) for s in shapes]
    biases = [rng.normal(size=s[0]) for s in shapes]
    if rng.random() < 0.3:
        # Scales that cancel: what overflows or vanishes in between does not matter.
        shift = 10.0 ** rng.choice([-100.0, -20.0, 20.0, 100.0])
        weights[0], weights[-1] = weights[0] * shift, weights[-1] / shift
        biases[0], biases[-1] = biases[0] * shift, biases[-1] / shift
    return FeedForward(weights, biases, rng.choice(NAMES, n_hidden).tolist())
