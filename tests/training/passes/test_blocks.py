# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Passes over all samples by blocks of rows are those of one batch."""

import numpy as np
import pytest
import torch
from sklearn.datasets import make_classification

from sklip import LipschitzRegularizedMLPClassifier
from sklip.training import (
    PENALTIES,
    Backprop,
    FlatMLP,
    NoiseBackprop,
    NoiseTerm,
    TensorData,
    _data,
)


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of four rows."""
    monkeypatch.setattr(_data, "_BLOCK_ROWS", 4)
    monkeypatch.setattr(_data, "_FEWEST_ROWS", 1)


def _samples(weighted):
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(11, 4, generator=generator, dtype=torch.float64)
    targets = torch.randn(11, 3, generator=generator, dtype=torch.float64)
    weight = torch.rand(11, generator=generator, dtype=torch.float64)
    weight[4:8] = 0.0  # a block that weighs nothing
    module = FlatMLP((4, 7, 3), "tanh", generator=generator)
    return module, TensorData(X, targets, weight if weighted else None)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("alpha", [0.0, 0.3])
def test_loss_and_gradient(small_blocks, weighted, alpha):
    module, data = _samples(weighted)
    backprop = Backprop(module, "squared_error", alpha)
    with torch.no_grad():
        whole = backprop.loss_and_grad(data.X, data.targets, data.sample_weight)
        whole, gradient = float(whole), module.flat_grad.clone()
        outputs = backprop.forward(data.X).clone()
        assert float(backprop.full_loss_and_grad(data)) == pytest.approx(whole)
        torch.testing.assert_close(module.flat_grad, gradient)
        torch.testing.assert_close(backprop.full_outputs(data.X), outputs)
    assert backprop.alpha == alpha


def test_noise_is_the_same_in_each_pass_and_differs_between_blocks(small_blocks):
    module, data = _samples(False)
    same = data.X[:1].repeat(8, 1)
    data = TensorData(same, data.targets[:1].repeat(8, 1))
    noise = NoiseTerm(0.5, 1.0, 0.0)
    backprop = NoiseBackprop(module, "squared_error", noise=noise)
    backprop.restart(torch.Generator().manual_seed(0), fresh=False)
    noisy = []
    backprop.source.write_noisy, write = (
        lambda X, both: (write(X, both), noisy.append(both.clone()))[0],
        backprop.source.write_noisy,
    )
    with torch.no_grad():
        losses = [float(backprop.full_loss_and_grad(data)) for _ in range(2)]
    assert losses[0] == losses[1]
    assert torch.equal(noisy[0], noisy[2])
    assert not torch.equal(noisy[0][4:], noisy[1][4:])


@pytest.mark.parametrize("weighted", [False, True])
def test_jacobian_penalty(small_blocks, weighted):
    module, data = _samples(weighted)
    penalty = PENALTIES["jacobian"](module, 0.7)
    module.flat_grad.zero_()
    whole = penalty.add_gradient(data.X, data.sample_weight)
    gradient = module.flat_grad.clone()
    module.flat_grad.zero_()
    value = penalty.add_exact_gradient(data.X, data.sample_weight)
    assert value == pytest.approx(whole)
    torch.testing.assert_close(module.flat_grad, gradient)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_scores_of_held_out_samples(request):
    X, y = make_classification(60, random_state=0)
    weight = np.random.default_rng(0).uniform(size=60)
    model = LipschitzRegularizedMLPClassifier(
        (8,), early_stopping=True, validation_fraction=0.4, max_iter=2, random_state=0
    )
    names = ("valid_loss", "valid_score")
    whole = model.fit(X, y, weight).history_[:, names]
    request.getfixturevalue("small_blocks")
    blocks = model.fit(X, y, weight).history_[:, names]
    np.testing.assert_allclose(blocks, whole)
