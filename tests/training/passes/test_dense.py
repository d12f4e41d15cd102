# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The hand-written pass agrees with autograd and with the registry.

Also tests of ``training/_modules/mlp.py``, ``training/_passes/base.py`` and
``training/_passes/kernels.py``.
"""

import numpy as np
import pytest
import torch
from torch.nn import functional

from sklip.networks import get_activation, list_activations
from sklip.training import CLASSIFIER_LOSSES, LABEL_LOSSES, LOSSES, FlatMLP
from sklip.training._passes.dense import Backprop
from sklip.training._passes.kernels import activation_kernel, torch_activation

ACTIVATIONS = [*list_activations(), "leaky_relu(0.3)", "leaky_relu(-0.5)", "elu(2.0)"]


def _reference_loss(name, outputs, targets):
    """The losses again, from torch's own functions."""
    if name == "cross_entropy":
        return functional.cross_entropy(outputs, targets.argmax(1), reduction="none")
    if name == "hinge":
        true = outputs[targets > 0]
        other = outputs[targets == 0].view(len(outputs), -1).max(1).values
        return functional.relu(1 - (true - other))
    if name == "label_cross_entropy":
        bce = functional.binary_cross_entropy_with_logits
        return bce(outputs, targets, reduction="none").sum(1)
    if name == "label_hinge":
        return functional.relu(1 - outputs * (2 * targets - 1)).sum(1)
    functions = {
        "squared_error": lambda a, b: 0.5 * functional.mse_loss(a, b, reduction="none"),
        "absolute_error": lambda a, b: functional.l1_loss(a, b, reduction="none"),
        "huber": lambda a, b: functional.huber_loss(a, b, reduction="none"),
        "poisson": lambda a, b: (
            functional.poisson_nll_loss(a, b, reduction="none") + torch.xlogy(b, b) - b
        ),
    }
    return functions[name](outputs, targets).mean(1)


def _problem(loss, activation="tanh", seed=0):
    generator = torch.Generator().manual_seed(seed)
    module = FlatMLP((4, 7, 5, 3), activation, generator=generator)
    for bias in module.biases:
        bias.copy_(torch.randn(bias.shape, generator=generator, dtype=bias.dtype))
    X = torch.randn(11, 4, generator=generator, dtype=torch.float64)
    targets = torch.randn(11, 3, generator=generator, dtype=torch.float64)
    if loss in CLASSIFIER_LOSSES:
        targets = functional.one_hot(targets.argmax(1), 3).double()
    if loss in LABEL_LOSSES.values():
        targets = (targets > 0).double()
    if loss == "poisson":
        targets = targets.abs().mul(3).floor()
    weight = torch.rand(11, generator=generator, dtype=torch.float64)
    return module, X, targets, weight


def _autograd(module, X, targets, loss, weight, alpha):
    weight = torch.ones(len(X), dtype=torch.float64) if weight is None else weight
    total = weight.sum()
    share = weight / total
    value = (share * _reference_loss(loss, module(X), targets)).sum()
    squares = sum(layer.weight.square().sum() for layer in module.layers)
    value = value + 0.5 * alpha * squares / total
    grads = torch.autograd.grad(value, list(module.parameters()))
    return value.item(), grads


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("weighted", [False, True])
def test_gradient_agrees_with_autograd(loss, weighted):
    module, X, targets, weight = _problem(loss)
    weight = weight if weighted else None
    value, grads = _autograd(module, X, targets, loss, weight, alpha=0.3)
    with torch.no_grad():
        ours = Backprop(module, loss, alpha=0.3).loss_and_grad(X, targets, weight)
    assert float(ours) == pytest.approx(value, rel=1e-12)
    for parameter, grad in zip(module.parameters(), grads, strict=True):
        torch.testing.assert_close(parameter.grad, grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 1e4])
@pytest.mark.parametrize("n_classes", [2, 7, 8, 20])
def test_cross_entropy_of_many_rows(n_classes, scale):
    generator = torch.Generator().manual_seed(0)
    outputs = scale * torch.randn(
        600, n_classes, generator=generator, dtype=torch.float64, requires_grad=True
    )
    codes = torch.randint(n_classes, (600,), generator=generator)
    targets = functional.one_hot(codes, n_classes).double()
    expected = functional.cross_entropy(outputs, codes, reduction="none")
    (expected_grad,) = torch.autograd.grad(expected.sum(), outputs)
    with torch.no_grad():
        grad = torch.full_like(outputs, torch.nan)
        losses = LOSSES["cross_entropy"](outputs, targets, grad)
    torch.testing.assert_close(losses, expected.detach(), rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(grad, expected_grad, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradient_of_every_activation(activation):
    module, X, targets, _ = _problem("squared_error", activation)
    value, grads = _autograd(module, X, targets, "squared_error", None, alpha=0.0)
    with torch.no_grad():
        ours = Backprop(module, "squared_error").loss_and_grad(X, targets)
    assert float(ours) == pytest.approx(value, rel=1e-12)
    for parameter, grad in zip(module.parameters(), grads, strict=True):
        torch.testing.assert_close(parameter.grad, grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_torch_and_numpy_compute_the_same_function(activation):
    z = np.concatenate([np.linspace(-30, 30, 601), [1e-3, -1e-3, 0.0]])
    registered = get_activation(activation)
    expected = registered.function(z.copy())
    module = torch_activation(activation)(torch.tensor(z)).numpy()
    kernel = activation_kernel(activation)
    source = torch.tensor(z)
    target = torch.empty_like(source) if kernel.needs_input else source
    a = kernel.forward(source, target)
    # torch's softplus is the identity above 20: a jump of 2e-9.
    np.testing.assert_allclose(module, expected, rtol=1e-12, atol=3e-9)
    np.testing.assert_allclose(a.numpy(), expected, rtol=1e-12, atol=3e-9)
    away_from_kinks = np.abs(z) > 1e-9
    slopes = kernel.backward(
        torch.ones(len(z), dtype=torch.float64), source if kernel.needs_input else a
    )
    np.testing.assert_allclose(
        slopes.numpy()[away_from_kinks],
        registered.derivative(z)[away_from_kinks],
        rtol=1e-10,
        atol=3e-9,
    )


def test_a_batch_without_weight_moves_nothing():
    module, X, targets, weight = _problem("cross_entropy")
    with torch.no_grad():
        loss = Backprop(module, "cross_entropy", alpha=1.0).loss_and_grad(
            X, targets, torch.zeros_like(weight)
        )
    assert float(loss) == 0
    assert not module.flat_grad.any()


def test_module_forward_equals_feedforward():
    module, X, _, _ = _problem("squared_error", "gelu")
    expected = module.to_feedforward().forward(X.numpy())
    np.testing.assert_allclose(module(X).detach().numpy(), expected, rtol=1e-12)
