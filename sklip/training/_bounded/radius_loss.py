# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The loss on the certified radius itself, with its gradients.

A row of class t keeps its class against j up to the radius r_j = (o_t - o_j) / D_tj,
D_tj = ||h_t - h_j||, where o = H a + c are the logits and all layers below H have the
Lipschitz constant 1. With radii in units of the one asked for, the loss of a row is
log(1 + sum_j exp(T (1 - r_j))) / T: a cross-entropy that does not depend on the scale
of H.
"""

import math

import torch
from torch.nn import functional

__all__ = ["LabelRadiusLoss", "RadiusLoss", "row_distances"]

# Two classes with the same row of H are told apart by nothing: their distance counts
# as this share of the largest.
_CLOSEST = 1e-6


def row_distances(head):
    """Distances of the rows of a matrix, from differences and not from products."""
    return torch.cdist(head, head, compute_mode="donot_use_mm_for_euclid_dist")


class RadiusLoss:
    """Loss of the radii of a batch, and its gradients by the logits and by H.

    Parameters
    ----------
    temperature : float
        T, how sharply a radius below 1 is punished.
    radius : float
        The radius asked for, in the units of the last hidden layer.
    """

    def __init__(self, temperature, radius):
        self.temperature = temperature
        self.radius = radius

    def __call__(self, outputs, targets, head, grad):
        """Losses of the rows.

        Parameters
        ----------
        outputs : tensor of shape (n_samples, n_classes)
            Logits.
        targets : tensor of shape (n_samples, n_classes)
            One-hot rows.
        head : tensor of shape (n_classes, n_units)
            H.
        grad : tensor of shape (n_samples, n_classes)
            Takes the slope of each row's loss by its logits, but that by the true one:
            see :meth:`complete`.

        Returns
        -------
        losses : tensor of shape (n_samples,)
            Of each row.
        """
        distances = row_distances(head)
        distances.clamp_(min=_CLOSEST * distances.max().clamp_min(_CLOSEST))
        self.inverse = distances.mul_(self.radius).reciprocal_()
        self.inverse.fill_diagonal_(0.0)
        scales = targets @ self.inverse
        true = (outputs * targets).sum(1, keepdim=True)
        # 0 for the true class, as T (1 - r) would be for one at the radius itself.
        self.radii = (true - outputs).mul_(scales)
        exponents = (self.radii - 1.0).mul_(targets - 1.0).mul_(self.temperature)
        log_shares = torch.log_softmax(exponents, 1)
        torch.mul(log_shares.exp(), scales, out=grad)
        return (log_shares * targets).sum(1).div_(-self.temperature)

    def complete(self, targets, head, grad):
        """Gradient by H through the distances; fills in the true logits' slopes.

        Parameters
        ----------
        targets, head
            As they were for the losses.
        grad : tensor of shape (n_samples, n_classes)
            What the losses' call wrote, each row times its weight.

        Returns
        -------
        head_grad : tensor of shape (n_classes, n_units)
            To be added to the gradient through the logits.
        """
        s = targets.t() @ (grad * self.radii)
        s = (s + s.t()).mul_(self.inverse)
        square = self.radius * self.radius
        # Of a radius whose square is no float the factors are.
        for factor in (square,) if math.isfinite(square) else (self.radius,) * 2:
            s.mul_(factor)
        grad.addcmul_(targets, grad.sum(1, keepdim=True), value=-1.0)
        return torch.addmm(head * s.sum(1, keepdim=True), s, head, alpha=-1.0)


class LabelRadiusLoss:
    """The same where each label of a set is decided by its own logit's sign.

    A label stays as it is up to |o_k| / ||h_k||; its loss is that of two classes, and
    those of all labels are summed.

    Parameters
    ----------
    temperature, radius : float
        As for RadiusLoss.
    """

    def __init__(self, temperature, radius):
        self.temperature = temperature
        self.radius = radius

    def __call__(self, outputs, targets, head, grad):
        """Losses of the rows; arguments as for RadiusLoss, targets 0 or 1."""
        sizes = torch.linalg.vector_norm(head, dim=1)
        self.sizes = sizes.clamp_(min=_CLOSEST * sizes.max().clamp_min(_CLOSEST))
        self.outputs = outputs
        scales = (2.0 * targets - 1.0).div_(self.sizes * self.radius)
        short = (1.0 - outputs * scales).mul_(self.temperature)
        torch.mul(torch.sigmoid(short), scales, out=grad).neg_()
        return functional.softplus(short, threshold=50.0).sum(1).div_(self.temperature)

    def complete(self, targets, head, grad):
        """Gradient by H through the norms of its rows; grad is complete already."""
        shares = (grad * self.outputs).sum(0).div_(self.sizes.square()).neg_()
        return head * shares[:, None]
