# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What entries of an affine layer lose together: never less than any signs reach.

Also tests of ``bounds/_layers/pairs.py``.
"""

import itertools
from fractions import Fraction

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from sklip import certified_radius
from sklip.bounds import ModuleNetwork, ModulePropagation
from sklip.bounds._layers import pairs as module_of_pairs
from sklip.bounds._layers import propagation as module_of_layers

SHAPE = (2, 5, 4)


def _layers(convolution, *, norm=2, scale=1.0, shares=None):
    """Propagation of a convolution in front of an activation, and its matrix."""
    torch.manual_seed(0)
    module = nn.Sequential(convolution, nn.ReLU(), nn.Flatten()).double()
    with torch.no_grad():
        convolution.weight.mul_(scale)
        identity = torch.eye(40).double().reshape(-1, *SHAPE)
        constants = convolution(torch.zeros(1, *SHAPE).double())
        matrix = (convolution(identity) - constants).flatten(1).T.numpy()
    moving = np.arange(40) % 7 != 0
    network = ModuleNetwork(module, SHAPE)
    layers = ModulePropagation(network, norm, moving, shares=shares)
    sides = moving if shares is None else np.maximum(*shares) * moving
    k = next(node.inputs[0] for node in layers.nodes if node.kind == "slope")
    return layers, k, matrix * sides


@pytest.mark.parametrize("scale", [1.0, 1e-170, 1e150])
@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3},
        {"kernel_size": 2, "stride": 2, "groups": 2},
        {"kernel_size": 3, "padding": 1, "padding_mode": "reflect"},
    ],
)
def test_it_is_the_root_of_the_quadratic_form(options, scale, monkeypatch):
    monkeypatch.setattr(module_of_pairs, "_BLOCK", 5)  # several blocks, of all widths
    shares = np.random.default_rng(1).uniform(0.1, 1.0, size=(2, 40))
    layers, k, matrix = _layers(
        nn.Conv2d(2, 4, bias=False, **options), scale=scale, shares=shares
    )
    weights = np.random.default_rng(0).exponential(size=(3, 2, len(matrix)))
    weights *= np.random.default_rng(0).uniform(size=weights.shape) < 0.5
    weights[1] *= 1e-100
    weights[2, 1] = 0.0
    found = layers.pairs(k).longest(torch.from_numpy(weights)).numpy()
    near = np.abs((matrix / scale) @ (matrix / scale).T)
    expected = np.sqrt(np.einsum("abi,ij,abj->ab", weights, near, weights)) * scale
    assert (found >= expected * (1.0 - 1e-13)).all()
    assert_allclose(found, expected, rtol=1e-9, atol=1e-140 * scale)


def test_no_signs_reach_more_in_exact_arithmetic():
    layers, k, _ = _layers(nn.Conv2d(2, 2, (4, 4)))
    size = layers.nodes[k].size
    rows, _ = layers.affine_rows(k, torch.arange(size))
    exact = [[Fraction(x) for x in row] for row in rows.tolist()]
    weights = np.random.default_rng(0).exponential(size=(4, size))
    found = layers.pairs(k).longest(torch.from_numpy(weights)[None])[0].tolist()
    moving = [j for j in range(layers.n_inputs) if layers.mutable[j] > 0.0]
    for bound, its in zip(found, weights.tolist(), strict=True):
        reached = []
        for signs in itertools.product((-1, 1), repeat=size):
            terms = [s * Fraction(w) for s, w in zip(signs, its, strict=True)]
            pairs = list(zip(terms, exact, strict=True))
            sums = [sum(t * row[j] for t, row in pairs) for j in moving]
            reached.append(sum(x * x for x in sums))
        assert max(reached) <= Fraction(bound) ** 2


def test_radii_gain_by_pairs_and_hold(monkeypatch):
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(1, 6, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(96, 3)
    ).double()
    X = np.random.default_rng(0).normal(size=(6, 1, 9, 9))
    found = certified_radius(module, X, method="local")
    with torch.no_grad():
        labels = module(torch.from_numpy(X)).argmax(1)
        for _ in range(200):
            step = torch.randn(6, 1, 9, 9).double()
            step *= (torch.from_numpy(found) / step.flatten(1).norm(dim=1))[
                :, None, None, None
            ]
            for sign in (-1.0, 1.0):
                moved = module(torch.from_numpy(X) + sign * step)
                assert (moved.argmax(1) == labels).all()
    monkeypatch.setattr(module_of_layers.Pairs, "fit", lambda *_: False)
    without = certified_radius(module, X, method="local")
    assert (found >= without * (1.0 - 2e-3)).all()
    assert found.mean() > 1.01 * without.mean()
