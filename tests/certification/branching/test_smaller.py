# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Networks without neurons that are zero: the same function where the ends hold."""

import numpy as np
import pytest

from sklip.certification._branching.smaller import without_zeros
from sklip.networks import random_network


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "tanh"])
def test_it_is_the_same_function_there(activation):
    network = random_network([3, 9, 8, 2], activation=activation, random_state=1)
    points = 0.3 * np.random.default_rng(0).uniform(-1, 1, size=(300, 3))
    hidden, values = [], points
    for k in range(2):
        hidden.append(values @ network.weights[k].T + network.biases[k])
        values = network.activations[k].function(hidden[-1])
    z = np.concatenate(hidden, axis=1)
    smaller, kept = without_zeros(network, np.stack([z.min(axis=0), z.max(axis=0)]))
    if activation == "relu":
        np.testing.assert_array_equal(kept, z.max(axis=0) > 0.0)
        assert smaller.layer_sizes == (3, kept[:9].sum(), kept[9:].sum(), 2)
        assert 0 < kept.sum() < 17
    else:
        assert kept.all()
    found, expected = smaller.forward(points), network.forward(points)
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-14)


def test_a_layer_of_zeros_keeps_one_neuron():
    network = random_network([3, 4, 2], random_state=0)
    smaller, kept = without_zeros(network, np.full((2, 4), -1.0))
    assert smaller.layer_sizes == (3, 1, 2)
    np.testing.assert_array_equal(kept, [True, False, False, False])
