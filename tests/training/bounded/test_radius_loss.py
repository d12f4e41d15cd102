# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The loss on the radius: its definition, its gradients, what it does not see."""

import pytest
import torch

from sklip.training._bounded.radius_loss import (
    LabelRadiusLoss,
    RadiusLoss,
    row_distances,
)


def _problem(n_classes, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    labels = torch.randint(n_classes, (12,), generator=generator)
    return draw(n_classes, 5), draw(12, 5), draw(n_classes), labels


def _plain_losses(head, hidden, bias, labels, temperature, radius):
    """The definition, row by row."""
    losses = []
    for a, t in zip(hidden, labels.tolist(), strict=True):
        terms = [
            temperature
            * (1 - ((head[t] - head[j]) @ a + bias[t] - bias[j]) / d / radius)
            for j in range(len(head))
            if j != t
            for d in [(head[t] - head[j]).norm()]
        ]
        zero = torch.zeros((), dtype=torch.float64)
        losses.append(torch.logsumexp(torch.stack([zero, *terms]), 0) / temperature)
    return torch.stack(losses)


@pytest.mark.parametrize("n_classes", [2, 3, 10])
@pytest.mark.parametrize("temperature, radius", [(4.0, 0.5), (0.7, 3.0)])
def test_losses_and_gradients_are_those_of_the_definition(
    n_classes, temperature, radius
):
    head, hidden, bias, labels = _problem(n_classes)
    weight = torch.rand(12, dtype=torch.float64)
    variables = [x.clone().requires_grad_() for x in (head, hidden, bias)]
    losses = _plain_losses(*variables, labels, temperature, radius)
    expected = torch.autograd.grad((weight * losses).sum(), variables)

    loss, targets = RadiusLoss(temperature, radius), torch.eye(n_classes)[labels]
    targets, outputs = targets.double(), hidden @ head.T + bias
    grad = torch.empty_like(outputs)
    found = loss(outputs, targets, head, grad)
    torch.testing.assert_close(found, losses.detach(), rtol=1e-12, atol=1e-14)
    grad.mul_(weight[:, None])
    head_grad = loss.complete(targets, head, grad) + grad.T @ hidden
    for value, wanted in zip(
        (head_grad, grad @ head, grad.sum(0)), expected, strict=True
    ):
        torch.testing.assert_close(value, wanted, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("temperature, radius", [(4.0, 0.5), (0.7, 3.0)])
def test_every_label_is_a_problem_of_two_classes(temperature, radius):
    head, hidden, bias, _ = _problem(3)
    targets = torch.rand(12, 3, dtype=torch.float64).round()
    weight = torch.rand(12, dtype=torch.float64)
    variables = [x.clone().requires_grad_() for x in (head, hidden, bias)]
    losses = 0.0
    for k in range(3):
        # The classes "has it not" and "has it", with logits 0 and o_k.
        pair = [torch.stack([torch.zeros_like(x[k]), x[k]]) for x in variables[::2]]
        codes = targets[:, k].long()
        losses = losses + _plain_losses(
            pair[0], variables[1], pair[1], codes, temperature, radius
        )
    expected = torch.autograd.grad((weight * losses).sum(), variables)

    loss, outputs = LabelRadiusLoss(temperature, radius), hidden @ head.T + bias
    grad = torch.empty_like(outputs)
    found = loss(outputs, targets, head, grad)
    torch.testing.assert_close(found, losses.detach(), rtol=1e-12, atol=1e-14)
    grad.mul_(weight[:, None])
    head_grad = loss.complete(targets, head, grad) + grad.T @ hidden
    for value, wanted in zip(
        (head_grad, grad @ head, grad.sum(0)), expected, strict=True
    ):
        torch.testing.assert_close(value, wanted, rtol=1e-10, atol=1e-13)


def test_the_scale_of_the_last_layer_does_not_matter():
    head, hidden, bias, labels = _problem(4)
    targets = torch.eye(4).double()[labels]
    found = [
        RadiusLoss(4.0, 0.5)(
            s * (hidden @ head.T + bias), targets, s * head, torch.empty(12, 4).double()
        )
        for s in (1.0, 1e-3, 1e5)
    ]
    torch.testing.assert_close(found[1], found[0], rtol=1e-10, atol=0.0)
    torch.testing.assert_close(found[2], found[0], rtol=1e-10, atol=0.0)


def test_classes_with_the_same_weights_give_finite_numbers():
    head, hidden, bias, labels = _problem(3)
    head[1] = head[0]
    targets = torch.eye(3).double()[labels]
    for h in (head, torch.zeros_like(head)):
        loss, grad = RadiusLoss(4.0, 0.5), torch.empty(12, 3).double()
        losses = loss(hidden @ h.T + bias, targets, h, grad)
        assert torch.isfinite(losses).all()
        assert torch.isfinite(loss.complete(targets, h, grad)).all()
        assert torch.isfinite(grad).all()


def test_distances_do_not_cancel():
    head = torch.tensor([[1e6, 0.0], [1e6, 1e-4]], dtype=torch.float64)
    assert abs(float(row_distances(head)[0, 1]) - 1e-4) < 1e-12
