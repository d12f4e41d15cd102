# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Values and gradients of the penalties.

Also tests of ``training/_penalties/jacobian.py`` and ``training/_penalties/lipsdp.py``.
"""

import math

import numpy as np
import pytest
import torch

from sklip.bounds import lipsdp_gradient
from sklip.training import PENALTIES, FlatMLP


def _module(sizes=(6, 9, 8, 3), activation="tanh", seed=0):
    generator = torch.Generator().manual_seed(seed)
    return FlatMLP(sizes, activation, generator=generator)


def _randn(*shape):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def _autograd(module, value):
    parameters = [layer.weight for layer in module.layers]
    return torch.autograd.grad(value, parameters)


def _spectral(module, weight):
    norms = [torch.linalg.matrix_norm(layer.weight, 2) for layer in module.layers]
    return 0.5 * weight * sum(norm**2 for norm in norms)


def _product(module, weight):
    norms = [torch.linalg.matrix_norm(layer.weight, 2) for layer in module.layers]
    return weight * math.prod(norms)


@pytest.mark.parametrize(
    ("name", "formula"), [("spectral", _spectral), ("product", _product)]
)
def test_exact_gradient_agrees_with_autograd(name, formula):
    module = _module()
    expected = formula(module, 0.7)
    grads = _autograd(module, expected)
    with torch.no_grad():
        value = PENALTIES[name](module, 0.7).add_exact_gradient(None)
    assert value == pytest.approx(expected.item(), rel=1e-12)
    for layer, grad in zip(module.layers, grads, strict=True):
        torch.testing.assert_close(layer.weight.grad, grad)


@pytest.mark.parametrize("name", ["spectral", "product"])
def test_step_gradient_is_exact_for_a_separated_spectrum(name):
    module = _module()
    for w in module.weights:
        u, s, vh = torch.linalg.svd(w, full_matrices=False)
        s[1:] *= 0.3 / s[1:].max() * s[0]
        w.copy_(u @ torch.diag(s) @ vh)
    with torch.no_grad():
        penalty = PENALTIES[name](module, 0.7)
        value = penalty.add_exact_gradient(None)
        exact = module.flat_grad.clone()
        module.flat_grad.zero_()
        penalty.restart(batch_size=100)
        penalty.add_gradient(None)
    torch.testing.assert_close(module.flat_grad, exact, rtol=1e-8, atol=1e-10)
    assert penalty.value(None) == pytest.approx(value, rel=1e-8)


def test_step_gradient_shares_a_cluster():
    """Equal singular values get equal parts: no direction is favoured."""
    module = FlatMLP((5, 5), "relu")
    module.weights[0].copy_(3 * torch.linalg.qr(_randn(5, 5))[0])
    with torch.no_grad():
        penalty = PENALTIES["spectral"](module, 1.0)
        penalty.restart(batch_size=10)
        penalty.add_gradient(None)
    expected = module.weights[0] / 5
    torch.testing.assert_close(module.layers[0].weight.grad, expected)


@pytest.mark.parametrize("name", ["spectral", "product"])
def test_step_gradient_is_no_larger_than_the_norm_allows(name):
    """The nuclear norm of a subgradient of ‖W‖ is one, up to the smoothing."""
    module = _module(sizes=(20, 30, 10), seed=3)
    with torch.no_grad():
        penalty = PENALTIES["spectral"](module, 1.0)
        penalty.restart(batch_size=10)
        penalty.add_gradient(None)
    for layer in module.layers:
        norm = torch.linalg.matrix_norm(layer.weight.detach(), 2)
        nuclear = torch.linalg.matrix_norm(layer.weight.grad, "nuc")
        assert 0.8 * norm <= nuclear <= 1.0001 * norm


def test_lipsdp_penalty_has_the_solvers_value_and_gradient():
    module = _module(activation="gelu")
    network = module.to_feedforward()
    square, gradients, _ = lipsdp_gradient(network, tol=1e-8)
    with torch.no_grad():
        penalty = PENALTIES["lipsdp"](module, 0.7)
        value = penalty.add_exact_gradient(None)
    assert value == pytest.approx(0.7 * square, rel=1e-5)
    for layer, gradient in zip(module.layers, gradients, strict=True):
        expected = torch.from_numpy(0.7 * gradient)
        torch.testing.assert_close(layer.weight.grad, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", PENALTIES)
def test_zero_weights_stay_finite(name):
    module = _module()
    module.flat.zero_()
    with torch.no_grad():
        penalty = PENALTIES[name](module, 1.0)
        penalty.restart(batch_size=3)
        penalty.add_gradient(torch.ones(3, 6, dtype=torch.float64))
    assert torch.isfinite(module.flat_grad).all()


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
@pytest.mark.parametrize("weighted", [False, True])
def test_jacobian_value(activation, weighted):
    module = _module(activation=activation)
    X = _randn(13, 6)
    weight = _randn(13).abs() if weighted else None
    value = PENALTIES["jacobian"](module, 0.7).value(X, weight)
    squares = (module.to_feedforward().jacobian(X.numpy()) ** 2).sum(axis=(1, 2))
    mean = np.average(squares, weights=None if weight is None else weight.numpy())
    assert value == pytest.approx(0.35 * mean, rel=1e-10)


def test_jacobian_gradient_agrees_with_finite_differences():
    module = _module(sizes=(3, 4, 2), activation="softplus")
    X = _randn(5, 3)
    penalty = PENALTIES["jacobian"](module, 1.0)
    with torch.no_grad():
        penalty.add_gradient(X)
    grad, numeric = module.flat_grad.clone(), torch.zeros_like(module.flat)
    for i in range(len(numeric)):
        for sign in (1, -1):
            module.flat[i] += sign * 1e-6
            numeric[i] += sign * penalty.value(X) / 2e-6
            module.flat[i] -= sign * 1e-6
    torch.testing.assert_close(grad, numeric, rtol=1e-6, atol=1e-8)
