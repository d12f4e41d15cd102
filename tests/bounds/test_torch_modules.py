# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Bounds of torch modules that are no stacks: from below, inside balls, by column.

Also tests of ``bounds/_module_search.py`` and ``bounds/_module_slopes.py``.
"""

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklip import (
    CertifiedAccuracyDisplay,
    FeatureSlopesDisplay,
    FeedForward,
    LipschitzBoundsDisplay,
    NoiseLipschitzClassifier,
    NoiseRobustnessDisplay,
    RiskCoverageDisplay,
    feature_slopes,
    lipschitz_bound,
    lipschitz_bracket,
    lipschitz_lower_bound,
    local_lipschitz_bound,
    make_adversarial_accuracy_scorer,
    make_certified_accuracy_scorer,
    make_lipschitz_scorer,
    make_noise_accuracy_scorer,
    noise_accuracy_curve,
)
from sklip.bounds import module_bound

X = np.random.default_rng(0).normal(size=(12, 1, 5, 5))


def _module(n_outputs=3, seed=0):
    torch.manual_seed(seed)
    layers = nn.Conv2d(1, 3, 3, padding=1), nn.Tanh(), nn.MaxPool2d(2), nn.Flatten()
    return nn.Sequential(*layers, nn.Linear(12, n_outputs)).double().eval()


def _jacobians(module, rows):
    rows = torch.as_tensor(rows.reshape(-1, 1, 5, 5))
    found = torch.func.vmap(torch.func.jacrev(lambda x: module(x[None])[0]))(rows)
    return found.flatten(2).detach().numpy()


def test_a_pair_reaches_the_lower_bound():
    module = _module()
    bound = module_bound(module, (1, 5, 5))
    steepest = np.linalg.norm(_jacobians(module, X), 2, axis=(1, 2)).max()
    estimate = lipschitz_lower_bound(module, X, random_state=0)
    assert 0.98 * steepest <= float(estimate) <= bound
    assert estimate.kind == "lower"
    lower, upper = lipschitz_bracket(module, X, random_state=0)
    assert float(lower) == float(estimate) and float(upper) >= bound
    with pytest.raises(ValueError, match="pass X of shape"):
        lipschitz_lower_bound(module)


@pytest.mark.parametrize("norm", [1, 2, np.inf])
def test_local_bounds_hold_in_their_balls(norm):
    module = _module()
    local = local_lipschitz_bound(module, X, radius=0.05, norm=norm)
    assert (local <= module_bound(module, (1, 5, 5), norm=norm) * (1 + 1e-9)).all()
    tiny = local_lipschitz_bound(module, X, radius=1e-7, norm=norm)
    assert (tiny <= local).all()
    rng = np.random.default_rng(1)
    outputs = module(torch.from_numpy(X)).detach().numpy()
    for _ in range(30):
        step = rng.normal(size=X.shape)
        size = np.linalg.norm(step.reshape(len(X), -1), norm, axis=1)
        step *= (0.05 / size)[:, None, None, None]
        moved = module(torch.from_numpy(X + step)).detach().numpy()
        change = np.linalg.norm(moved - outputs, norm, axis=1)
        assert (change <= 0.05 * local * (1.0 + 1e-9)).all()


def test_slopes_in_columns():
    module = _module()
    with pytest.raises(ValueError, match="pass X of shape"):
        feature_slopes(module)
    stack = nn.Sequential(nn.Linear(3, 2)).eval()
    expected = feature_slopes(FeedForward.from_torch(stack))
    assert_array_equal(feature_slopes(stack), expected)


@pytest.fixture(scope="module")
def fitted():
    """A classifier of two classes, with a convolution behind a scaler."""
    y = np.arange(60) % 2
    rows = 2.0 * np.random.default_rng(1).normal(size=(60, 25)) + 1.0
    rows[:, :9] += 2.0 * y[:, None]
    module = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ELU(), nn.Flatten(), nn.Linear(27, 2))
    model = NoiseLipschitzClassifier(
        module=module, input_shape=(1, 5, 5), max_iter=20, random_state=0
    )
    model = make_pipeline(StandardScaler(), model)
    with pytest.warns(Warning, match="epochs"):
        return model.fit(rows, y), rows, y


def test_an_estimator_is_bounded_in_the_users_units(fitted):
    """Its score is the difference of two outputs."""
    model, rows, _ = fitted
    bound = float(lipschitz_bound(model))
    slopes = feature_slopes(model)
    assert slopes.shape == (25,) and (slopes <= bound * (1 + 1e-9)).all()
    local = local_lipschitz_bound(model, rows[:6], radius=0.1)
    lower = float(lipschitz_lower_bound(model, rows, random_state=0))
    assert 0.0 < lower <= bound and (local <= bound * (1 + 1e-9)).all()
    rng = np.random.default_rng(0)
    for _ in range(20):
        step = rng.normal(size=(6, 25))
        step *= 0.1 / np.linalg.norm(step, axis=1, keepdims=True)
        change = model.decision_function(rows[:6] + step)
        change = np.abs(change - model.decision_function(rows[:6]))
        assert (change <= 0.1 * local * (1.0 + 1e-9)).all()
        column = rng.integers(25)
        step = np.zeros((6, 25))
        step[:, column] = rng.normal(size=6)
        change = model.decision_function(rows[:6] + step)
        change = np.abs(change - model.decision_function(rows[:6]))
        assert (change <= np.abs(step[:, column]) * slopes[column] * (1 + 1e-9)).all()


def test_scorers_and_measures_take_a_bare_module():
    module = _module()
    y = module(torch.from_numpy(X)).argmax(1).numpy()
    scores = [
        make_certified_accuracy_scorer(radius=0.01),
        make_adversarial_accuracy_scorer(radius=0.01, random_state=0),
        make_noise_accuracy_scorer(noise_std=0.01),
    ]
    certified, attacked, _ = (score(module, X, y) for score in scores)
    assert 0.0 < certified <= attacked <= 1.0
    assert make_lipschitz_scorer()(module, X, y) == -float(lipschitz_bound(module))
    curve = noise_accuracy_curve(module, X, y, [0.0, 50.0], n_repeats=2)
    assert_array_equal(curve[0], 1.0)
    assert curve[1].max() < 1.0
    single = noise_accuracy_curve(module.float(), X.astype(np.float32), y, [0.0])
    assert single == 1.0
    with pytest.raises(ValueError, match="one output"):
        noise_accuracy_curve(_module(1), X, y, [0.0])


def test_displays_take_a_bare_module():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    module = _module()
    y = module(torch.from_numpy(X)).argmax(1).numpy()
    CertifiedAccuracyDisplay.from_estimator(module, X, y, radii=[0.0, 0.02])
    NoiseRobustnessDisplay.from_estimator(module, X, y, noise_stds=[0.0, 0.1])
    RiskCoverageDisplay.from_estimator(module, X, y)
    display = LipschitzBoundsDisplay.from_estimator(module, X, random_state=0)
    assert display.methods == ["product"]
    FeatureSlopesDisplay.from_estimator(nn.Sequential(nn.Linear(3, 2)).eval())
    pyplot.close("all")
