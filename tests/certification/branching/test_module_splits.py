# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Specifications of torch modules against the same function as a dense network."""

import numpy as np
import pytest
import torch
from torch import nn

from sklip import FeedForward, Specification, verify_specification
from sklip.certification._branching import specification as module
from sklip.exceptions import UnsupportedModelError


def convolution_and_dense(seed, dtype=torch.float64):
    """A module for images of 3 x 3, and the same function of their 9 entries."""
    torch.manual_seed(seed)
    first, last = nn.Conv2d(1, 2, 2), nn.Linear(8, 3)
    cnn = nn.Sequential(first, nn.ReLU(), nn.Flatten(), last).to(dtype).eval()
    with torch.no_grad():
        images = torch.eye(9, dtype=dtype).reshape(9, 1, 3, 3)
        bias = first(torch.zeros_like(images[:1])).flatten()
        weight = (first(images).flatten(1) - bias).T
    weights = [weight.numpy(), last.weight.detach().numpy()]
    biases = [bias.numpy(), last.bias.detach().numpy()]
    return cnn, FeedForward(weights, biases)


def random_specification(dense, seed, n_moving):
    rng = np.random.default_rng(seed)
    lower = rng.normal(size=9)
    upper = lower.copy()
    upper[rng.permutation(9)[:n_moving]] += rng.uniform(0.5, 1.5, n_moving)
    # Near what the middle of the box gives, so that both answers occur.
    middle = dense.forward(0.5 * (lower + upper)[None])[0]
    clauses = []
    for k in rng.integers(1, 3, size=rng.integers(1, 4)):
        rows = rng.normal(size=(k, 3))
        clauses.append((rows, rows @ middle - rng.uniform(0.0, 0.5, size=k)))
    return Specification(lower, upper, clauses)


def least_sampled(dense, case, seed):
    """Over random points, the least of what the best row of a polyhedron exceeds."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(case.lower, case.upper, (4000, 9))
    outputs = dense.forward(points)
    return min((outputs @ a.T - b).max(axis=1).min() for a, b in case.clauses)


@pytest.mark.parametrize("seed", range(12))
def test_agrees_with_the_dense_network(seed):
    cnn, dense = convolution_and_dense(seed)
    case = random_specification(dense, seed, n_moving=3)
    found = verify_specification(cnn, case, time_limit=20.0)
    assert found.status == verify_specification(dense, case, time_limit=20.0).status
    if found.status == "verified":
        assert 0.0 < found.lower <= least_sampled(dense, case, seed)
    else:
        with torch.no_grad():
            outputs = cnn(torch.from_numpy(found.point).reshape(1, 1, 3, 3)).numpy()
        assert case.is_violated(found.point[None], outputs)[0]


def test_both_answers_occur():
    statuses = set()
    for seed in range(12):
        cnn, dense = convolution_and_dense(seed)
        case = random_specification(dense, seed, n_moving=3)
        statuses.add(verify_specification(cnn, case).status)
    assert statuses == {"verified", "falsified"}


def test_many_inputs_are_bounded_once(monkeypatch):
    monkeypatch.setattr(module, "_FEW_INPUTS", 0)
    for seed in range(6):
        cnn, dense = convolution_and_dense(seed)
        case = random_specification(dense, seed, n_moving=6)
        found = verify_specification(cnn, case)
        assert found.n_parts <= 1
        if found.status != "falsified":
            assert (found.status == "verified") == (found.lower > 0.0)
            assert found.lower <= least_sampled(dense, case, seed)


def test_a_set_that_is_touched_is_never_verified():
    cnn, _ = convolution_and_dense(0)
    with torch.no_grad():
        for layer, value in ((cnn[0], 1.0), (cnn[3], 0.0)):
            layer.weight.fill_(value)
            layer.bias.zero_()
        cnn[3].weight[0, 0] = 1.0
    # The first output is the positive part of the sum of four entries: at most 4.
    lower, upper = np.zeros(9), np.ones(9)
    above = [[-1.0, 0.0, 0.0]]
    touched = Specification(lower, upper, [(above, [-4.0])])
    assert verify_specification(cnn, touched, time_limit=1.0).status == "falsified"
    beyond = Specification(lower, upper, [(above, [-4.0 - 1e-15])])
    assert verify_specification(cnn, beyond, time_limit=1.0).status != "verified"
    clear = Specification(lower, upper, [(above, [-4.0 - 1e-9])])
    assert verify_specification(cnn, clear, time_limit=1.0).status == "verified"


def test_what_cannot_be_proven_is_refused():
    case = random_specification(convolution_and_dense(0)[1], 0, n_moving=2)
    single, _ = convolution_and_dense(0, torch.float32)
    with pytest.raises(UnsupportedModelError, match="float32"):
        verify_specification(single, case)
    cnn, _ = convolution_and_dense(0)
    rises = Specification.monotone(case.lower, case.lower + 1.0, 0, n_outputs=3)
    with pytest.raises(UnsupportedModelError, match="fully connected"):
        verify_specification(cnn, rises)
    with pytest.raises(ValueError, match="5 inputs|shape"):
        verify_specification(cnn, Specification([0.0] * 5, [1.0] * 5, case.clauses))
