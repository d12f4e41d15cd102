# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The last layer of a regressor is the best in its ball: Karush-Kuhn-Tucker."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from sklip.training import BoundedMLP, TensorData, units_of
from sklip.training._bounded.manifold import polar_factor
from sklip.training._bounded.refit import ball_least_squares, refit_head

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("rank", [6, 3, 0])
@pytest.mark.parametrize("bound", [1e-3, 0.1, 1e3])
def test_ball_least_squares(rank, bound):
    rows = RNG.normal(size=(20, rank)) @ RNG.normal(size=(rank, 6))
    gram, moment = rows.T @ rows, rows.T @ RNG.normal(size=20)
    found = ball_least_squares(gram, moment, bound)
    assert np.linalg.norm(found) <= bound * (1 + 1e-12)
    # The gradient points back into the ball, or is gone.
    gradient = gram @ found - moment
    multiplier = -(gradient @ found) / max(found @ found, 1e-300)
    assert multiplier >= -1e-6
    assert_allclose(gradient, -multiplier * found, atol=1e-6)
    if bound == 1e3:
        assert_allclose(gradient, 0.0, atol=1e-6)
    elif rank:
        assert np.linalg.norm(found) == pytest.approx(bound)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("hidden", [(), (8, 6)])
def test_refit_head(hidden, weighted):
    X, y = 50.0 + 7.0 * RNG.normal(size=(40, 5)), 1e3 + 20.0 * RNG.normal(size=(40, 1))
    units = units_of(X, y, lipschitz_bound=2.0)
    generator = torch.Generator().manual_seed(0)
    options = {"lipschitz_bound": 2.0, "generator": generator}
    module = BoundedMLP((5, *hidden, 1), units, **options)
    size = float(module.weights[-1].norm())
    weight = RNG.integers(0, 4, 40).astype(float) if weighted else np.ones(40)
    given = torch.from_numpy(weight) if weighted else None
    data = TensorData(torch.from_numpy(X), torch.from_numpy(y), given)
    refit_head(module, data)
    values = (X - units.offset) / units.scale
    for matrix, bias in zip(module.weights[:-1], module.biases[:-1], strict=True):
        values = np.abs(values @ polar_factor(matrix.double().numpy()).T + bias.numpy())
    targets = module.scaled_targets(torch.from_numpy(y)).numpy()[:, 0]
    head = module.weights[-1].double().numpy()[0]
    errors = weight * (values @ head + module.biases[-1].item() - targets)
    assert np.linalg.norm(head) == pytest.approx(size)
    assert errors.sum() == pytest.approx(0.0, abs=1e-4)
    gradient = errors @ values
    assert gradient @ head < 0.0
    cosine = gradient @ head / (np.linalg.norm(gradient) * np.linalg.norm(head))
    assert cosine == pytest.approx(-1.0, abs=1e-6)
