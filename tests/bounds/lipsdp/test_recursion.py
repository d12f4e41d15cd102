# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The gradient of block elimination by differences."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklip.bounds._chain import chain_of
from sklip.bounds._lipsdp.recursion import Recursion
from sklip.bounds._lipsdp.sequential import normalised, sequential_passes, unscale
from sklip.bounds._z import Z
from sklip.networks import random_network

ACTIVATIONS = ["relu", "gelu", "logistic", "leaky_relu(0.3)", "hardswish"]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradient_is_that_of_the_value(activation):
    network = random_network([3, 6, 5, 4], activation=activation, random_state=0)
    chain = chain_of(network)
    weights, exponents = normalised(chain)
    negated = [-e for e in exponents]
    recursion = Recursion(weights, chain.sectors)
    recursion.barrier, recursion.power = 0.1, 3.0
    rng = np.random.default_rng(0)
    found = unscale(*sequential_passes(chain)[0], negated)
    _, start = Z.of(chain, *found).inflated(1.3)
    x = np.log(0.5 * np.concatenate(start) ** 2) + 0.05 * rng.normal(size=11)
    _, gradient = recursion(x)
    direction = rng.normal(size=11)
    h = 1e-5
    slope = (recursion(x + h * direction)[0] - recursion(x - h * direction)[0]) / 2 / h
    assert_allclose(gradient @ direction, slope, rtol=1e-7)
