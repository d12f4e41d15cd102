# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""From the training's units to the network that is deployed, and back.

Also tests of ``training/_bounded/deploy.py`` and ``training/_bounded/net.py``.
"""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from sklip.bounds import lipschitz_bound
from sklip.networks import FeedForward
from sklip.training import BoundedMLP, units_of
from sklip.training._bounded.deploy import bounded_head, logit_scale
from sklip.training._bounded.manifold import polar_factor

RNG = np.random.default_rng(0)
X = 50.0 + 7.0 * RNG.normal(size=(30, 5))
Y = 1e3 + 20.0 * RNG.normal(size=(30, 3))


def _module(hidden, bound=None):
    units = units_of(X, Y, lipschitz_bound=bound)
    generator = torch.Generator().manual_seed(0)
    module = BoundedMLP(
        (5, *hidden, 3),
        units,
        lipschitz_bound=bound,
        temperature=8.0,
        generator=generator,
    )
    for bias in module.biases:
        bias.copy_(0.1 * torch.randn(bias.shape, generator=generator))
    return module


@pytest.mark.parametrize("hidden", [(), (4,), (8, 6)])
@pytest.mark.parametrize("bound", [None, 0.3, 50.0])
def test_deployed_network_is_the_trained_function(hidden, bound):
    module = _module(hidden, bound)
    network = module.to_feedforward()
    with torch.no_grad():
        trained = module(torch.from_numpy(X)).numpy()
    outputs = network.forward(X)
    if bound is None:  # logits are scaled as one
        factor = np.linalg.norm(outputs) / np.linalg.norm(trained)
        assert_allclose(outputs, factor * trained, rtol=1e-9, atol=1e-9)
    else:
        assert_allclose(outputs, trained, rtol=1e-11)
        assert float(lipschitz_bound(network, method="product")) <= bound
    for weight in network.weights[:-1]:
        short = weight if len(weight) <= weight.shape[1] else weight.T
        assert_allclose(short @ short.T, np.eye(len(short)), atol=1e-13)


@pytest.mark.parametrize("hidden", [(), (4,), (8, 6)])
@pytest.mark.parametrize("bound", [None, 0.3])
def test_a_deployed_network_can_be_taken_back(hidden, bound):
    network = _module(hidden, bound).to_feedforward()
    again = _module(hidden, bound)
    again.flat.zero_()
    again.load_feedforward(network)
    network_again = again.to_feedforward()
    for a, b in zip(
        (*network.weights, *network.biases),
        (*network_again.weights, *network_again.biases),
        strict=True,
    ):
        assert_allclose(a, b, rtol=1e-10, atol=1e-10)


def test_a_margin_of_one_unit_is_worth_the_temperature():
    head = RNG.normal(size=(4, 6))
    scaled = head * logit_scale(head, 8.0)
    squares = [((a - b) ** 2).sum() for a in scaled for b in scaled]
    assert np.sqrt(np.sum(squares) / 12) == pytest.approx(8.0)
    assert logit_scale(np.ones((4, 6)), 8.0) == 1.0


@pytest.mark.parametrize("bound", [5e-324, 1e-300, 0.1, 1.0, 1e300])
def test_heads_are_scaled_below_any_bound(bound):
    hidden = [polar_factor(RNG.normal(size=(6, 4)))]
    head = polar_factor(RNG.normal(size=(2, 6)))
    for size in (bound, 3.0 * bound, 0.5 * bound):
        found = bounded_head(hidden, size * head, bound)
        network = [*hidden, found]
        proven = lipschitz_bound(
            FeedForward(network, activation="abs"), method="product"
        )
        assert float(proven) <= bound
        if 1e-200 < bound and size >= bound:
            assert float(proven) > bound * (1.0 - 1e-9)
