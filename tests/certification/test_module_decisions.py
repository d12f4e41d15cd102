# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Models with torch modules: radii and intervals hold for what predict computes."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklip import (
    NoiseLipschitzClassifier,
    NoiseLipschitzRegressor,
    certified_interval,
    certified_radius,
    lipschitz_bound,
)
from sklip.certification._decisions import decide
from sklip.exceptions import UnsupportedModelError


class InItsOwnType(ClassifierMixin, BaseEstimator):
    """A classifier of others, which computes in the type of its module."""

    def __init__(self, module, shape):
        self.module, self.shape = module, shape

    def fit(self, X, y):
        """The module is fitted already."""
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        """Outputs; of two classes their difference."""
        dtype = next(self.module.parameters()).dtype
        with torch.no_grad():
            rows = torch.as_tensor(np.asarray(X)).to(dtype)
            found = self.module(rows.view(-1, *self.shape)).numpy()
        return found[:, 1] - found[:, 0] if found.shape[1] == 2 else found

    def predict(self, X):
        """The class of the largest output."""
        found = self.decision_function(X)
        best = found.argmax(axis=1) if found.ndim == 2 else (found > 0).astype(int)
        return self.classes_[best]

    def __sklip_module__(self):
        """What decides."""
        return self.module, self.shape


class Predicts(RegressorMixin, BaseEstimator):
    """A regressor of others."""

    def __init__(self, module, shape):
        self.module, self.shape = module, shape

    def fit(self, X, y):
        """The module is fitted already."""
        return self

    def predict(self, X):
        """Outputs."""
        dtype = next(self.module.parameters()).dtype
        with torch.no_grad():
            rows = torch.as_tensor(np.asarray(X)).to(dtype)
            return self.module(rows.view(-1, *self.shape)).numpy()

    def __sklip_module__(self):
        """What predicts."""
        return self.module, self.shape


def _linear(weight, bias, dtype=torch.float32):
    weight, bias = torch.tensor(weight, dtype=dtype), torch.tensor(bias, dtype=dtype)
    layer = nn.Linear(weight.shape[1], len(weight), dtype=dtype)
    layer.load_state_dict({"weight": weight, "bias": bias})
    return nn.Sequential(layer).eval()


def test_a_large_entry_rounds_by_units_in_float32():
    """1e8 + 4 is 1e8 in float32, or 1e8 + 8: all flips lie beyond the radius."""
    module = _linear([[1.0], [0.0]], [-1e8, 600.0])
    model = InItsOwnType(module, (1,)).fit(None, [1, 0])
    x = np.array([[1e8]])
    radius = certified_radius(model, x)[0]
    steps = np.linspace(-700.0, 700.0, 2801)[:, None]
    moved = steps[model.predict(x + steps) != model.predict(x)]
    assert 0.0 < radius <= np.abs(moved).min()
    radius = certified_radius(model, x, method="product")[0]
    assert 0.0 < radius <= np.abs(moved).min()
    # In float64 the same module keeps nearly all of it.
    model = InItsOwnType(_linear([[1.0], [0.0]], [-1e8, 600.0], torch.float64), (1,))
    wide = certified_radius(model.fit(None, [1, 0]), x, method="product")[0]
    assert radius < wide <= 600.0 / 2**0.5 * (1 + 1e-9)
    assert wide > 0.9999 * 600.0 / 2**0.5
    # Lines know the difference of the outputs itself.
    assert 0.999 * 600.0 < certified_radius(model, x)[0] <= 600.0


def test_a_float32_regressor_stays_in_its_interval():
    rng = np.random.default_rng(0)
    module = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2)).eval()
    for parameter in module.parameters():
        parameter.data.copy_(torch.from_numpy(rng.normal(size=parameter.shape)))
    model = Predicts(module, (3,)).fit(None, None)
    X = 1e4 * rng.normal(size=(10, 3))
    for radius in (0.0, 1e-9, 1e4):
        lower, upper = certified_interval(model, X, radius=radius)
        for _ in range(40):
            step = rng.normal(size=X.shape)
            step *= 0.999 * radius / np.linalg.norm(step, axis=1, keepdims=True)
            found = model.predict(X + step)
            assert (lower <= found).all() and (found <= upper).all()
    exact = Predicts(module.double(), (3,)).fit(None, None)
    narrow = certified_interval(exact, X, radius=1e-9)
    assert ((narrow[1] - narrow[0]) < 1e-3 * (upper - lower)).all()


def test_what_float32_may_be_computed_by_is_refused():
    convolution = nn.Sequential(nn.Conv1d(1, 2, 2), nn.Flatten(), nn.Linear(4, 2))
    model = InItsOwnType(convolution.eval(), (1, 3)).fit(None, [0, 1])
    with pytest.raises(UnsupportedModelError, match="convolutions in float32"):
        certified_radius(model, np.ones((1, 3)))
    model = InItsOwnType(convolution.double(), (1, 3)).fit(None, [0, 1])
    assert certified_radius(model, np.ones((1, 3)))[0] > 0.0
    model = InItsOwnType(convolution.bfloat16(), (1, 3)).fit(None, [0, 1])
    with pytest.raises(UnsupportedModelError, match="bfloat16"):
        certified_radius(model, np.ones((1, 3)))
    model = InItsOwnType(_linear([[1.0], [0.0]], [0.0, 0.0]), (1,)).fit(None, [0, 1])
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("high")
        with pytest.raises(ValueError, match="'highest'"):
            certified_radius(model, np.ones((1, 1)))
    finally:
        torch.set_float32_matmul_precision(before)


def _fitted(cls, module, X, y, **parameters):
    return cls(
        module=module,
        lipschitz_weight=0,
        max_iter=1,
        learning_rate_init=1e-30,
        random_state=0,
        **parameters,
    ).fit(X, y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "behind", [nn.Identity(), nn.Softplus(), nn.utils.parametrizations.weight_norm]
)
def test_modules_of_estimators_predict_in_float64(behind):
    layer = nn.Linear(2, 3)
    if callable(behind) and not isinstance(behind, nn.Module):
        layer, behind = behind(layer), nn.Identity()
    X = np.random.default_rng(0).normal(size=(30, 2)) * 1e3
    model = _fitted(
        NoiseLipschitzRegressor, nn.Sequential(layer, behind), X, X[:, [0] * 3]
    )
    inner = model.module_[0]
    with torch.no_grad():
        weight, bias = inner.weight.double().numpy(), inner.bias.double().numpy()
    expected = X @ weight.T + bias
    if isinstance(behind, nn.Softplus):
        expected = np.logaddexp(0.0, expected)
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-12, atol=1e-12)
    assert float(lipschitz_bound(model)) >= np.linalg.norm(weight, 2) * (1 - 1e-15)
    assert model.module_[0].weight.dtype == torch.float32


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_change_of_the_module_is_predicted_at_once():
    X = np.random.default_rng(0).normal(size=(20, 2))
    model = _fitted(NoiseLipschitzRegressor, nn.Linear(2, 1), X, X[:, 0])
    model.module_.weight.data.zero_()
    bias = float(model.module_.bias.detach())
    np.testing.assert_allclose(model.predict(X), bias, rtol=1e-15)
    assert float(lipschitz_bound(model)) == 0.0


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("scaled", [False, True])
def test_errors_of_outputs_are_never_below_the_truth(scaled):
    """Offsets that cancel, before the module and in it; exact by fractions."""
    rng = np.random.default_rng(0)
    X = 1e6 + rng.normal(size=(40, 2))
    module = nn.Linear(2, 2)
    module.weight.data.copy_(torch.tensor([[1.0, -1.0], [0.3, 0.7]]))
    module.bias.data.copy_(torch.tensor([0.1, -1e6]))
    model = _fitted(NoiseLipschitzClassifier, module, X, np.arange(40) % 2)
    if scaled:
        model = make_pipeline(StandardScaler(), model).fit(X, np.arange(40) % 2)
    decisions = decide(model, X[:10])
    errors, _ = decisions.rounding()
    inner = model[-1].module_ if scaled else model.module_
    weight, bias = inner.weight.detach().numpy(), inner.bias.detach().numpy()
    for x, values, error in zip(X, decisions.logits, errors, strict=False):
        u = [Fraction(v) for v in x]
        if scaled:
            scaler = model[0]
            pairs = zip(u, scaler.mean_, scaler.scale_, strict=True)
            u = [(v - Fraction(m)) / Fraction(s) for v, m, s in pairs]
        exact = [
            sum(Fraction(float(w)) * v for w, v in zip(row, u, strict=True))
            + Fraction(float(b))
            for row, b in zip(weight, bias, strict=True)
        ]
        square = sum((Fraction(a) - b) ** 2 for a, b in zip(values, exact, strict=True))
        assert square <= Fraction(error) ** 2
    assert (errors < 1e-6).all() and (errors > 1e-12).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_errors_grow_no_faster_than_is_said():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 4))
    module = nn.Sequential(nn.Linear(4, 5), nn.GELU(), nn.Linear(5, 2))
    model = _fitted(NoiseLipschitzClassifier, module, X, np.arange(30) % 2)
    model = make_pipeline(StandardScaler(), model).fit(X, np.arange(30) % 2)
    far = X * 10.0 ** np.arange(30)[:, None]
    error, growth = decide(model, far).rounding()
    distance = np.linalg.norm(far - far[0], axis=1)
    assert (error <= error[0] + 1.001 * growth * distance).all()
    assert growth > 0.0
