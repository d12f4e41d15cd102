# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Losses of the networks' outputs and their gradients.

Every loss is a weighted mean over the samples, normalised by the sum of the weights,
so that doubling a weight is the same as repeating its row.
"""

import torch
from torch import nn
from torch.nn import functional

__all__ = [
    "CLASSIFIER_LOSSES",
    "LABEL_LOSSES",
    "LOG_LINK_LOSSES",
    "LOSSES",
    "REGRESSOR_LOSSES",
    "LossModule",
    "output_units",
]


# Bytes of a vector register: torch's softmax takes rows of fewer numbers one by one.
_VECTOR_BYTES = 64
# Entries from which that costs more than the calls of a softmax by columns.
_MANY_ENTRIES = 1000


def cross_entropy(outputs, targets, grad):
    """Cross-entropy of the softmax; targets are one-hot rows."""
    is_narrow = outputs.shape[1] * outputs.element_size() < _VECTOR_BYTES
    if is_narrow and outputs.numel() >= _MANY_ENTRIES and not outputs.is_cuda:
        return _narrow_cross_entropy(outputs, targets, grad)
    log_proba = torch.log_softmax(outputs, dim=1)
    torch.exp(log_proba, out=grad)
    grad.sub_(targets)
    return log_proba.mul_(targets).sum(1).neg_()


def _narrow_cross_entropy(outputs, targets, grad):
    """The same by elementwise operations on all rows together."""
    torch.sub(outputs, outputs.amax(1, keepdim=True), out=grad)
    true = torch.mul(grad, targets).sum(1)
    total = grad.exp_().sum(1, keepdim=True)
    grad.div_(total).sub_(targets)
    return total.squeeze(1).log_().sub_(true)


def hinge(outputs, targets, grad):
    """max(0, 1 - margin), margin = true logit minus the largest other (A7)."""
    is_true = targets > 0
    others = outputs.masked_fill(is_true, -torch.inf)
    best, rival = others.max(1)
    margin = (outputs * targets).sum(1) - best
    loss = (1 - margin).clamp_(min=0)
    inside = (loss > 0).to(outputs.dtype)
    grad.copy_(targets).mul_(-inside[:, None])
    grad.scatter_add_(1, rival[:, None], inside[:, None])
    return loss


def label_cross_entropy(outputs, targets, grad):
    """Cross-entropy of each label's sigmoid, summed; targets are 0 or 1."""
    torch.sigmoid(outputs, out=grad)
    grad.sub_(targets)
    return (functional.softplus(outputs, threshold=50.0) - outputs * targets).sum(1)


def label_hinge(outputs, targets, grad):
    """max(0, 1 - margin) of each label, summed; its margin is the signed logit."""
    signs = 2.0 * targets - 1.0
    loss = (1.0 - outputs * signs).clamp_(min=0)
    torch.mul(signs, loss > 0, out=grad).neg_()
    return loss.sum(1)


def squared_error(outputs, targets, grad):
    """Half the squared error, mean over the outputs (as in MLPRegressor)."""
    torch.sub(outputs, targets, out=grad)
    loss = grad.square().mean(1).mul_(0.5)
    if grad.shape[1] > 1:
        grad.div_(grad.shape[1])
    return loss


def absolute_error(outputs, targets, grad):
    """Absolute error, mean over the outputs."""
    torch.sub(outputs, targets, out=grad)
    loss = grad.abs().mean(1)
    grad.sign_().div_(grad.shape[1])
    return loss


def huber(outputs, targets, grad):
    """Huber's loss with threshold 1, mean over the outputs."""
    torch.sub(outputs, targets, out=grad)
    size = grad.abs()
    inner = size.clamp(max=1.0)
    loss = (inner * (size - 0.5 * inner)).mean(1)
    grad.clamp_(-1.0, 1.0).div_(grad.shape[1])
    return loss


def poisson(outputs, targets, grad):
    """Half the Poisson deviance, exp(outputs) being the mean; over the outputs."""
    torch.exp(outputs, out=grad)
    # log(y!) is left out and y log y - y kept: 0 where the mean is the target.
    loss = grad - targets * outputs + torch.xlogy(targets, targets) - targets
    grad.sub_(targets).div_(grad.shape[1])
    return loss.mean(1)


CLASSIFIER_LOSSES = {"cross_entropy": cross_entropy, "hinge": hinge}
REGRESSOR_LOSSES = {
    "squared_error": squared_error,
    "absolute_error": absolute_error,
    "huber": huber,
    "poisson": poisson,
}
# Loss of a classifier -> what it is where each label of a set has its own logit.
LABEL_LOSSES = {"cross_entropy": "label_cross_entropy", "hinge": "label_hinge"}
# Losses of regressors whose predictions are the exponential of the outputs.
LOG_LINK_LOSSES = {"poisson"}
# Each takes (outputs, targets, grad), all (n_samples, n_outputs), writes to grad the
# gradient of every sample's own loss and returns the (n_samples,) losses.
LOSSES = {
    **CLASSIFIER_LOSSES,
    **REGRESSOR_LOSSES,
    "label_cross_entropy": label_cross_entropy,
    "label_hinge": label_hinge,
}


def output_units(loss, targets, sample_weight=None):
    """Where outputs may begin, and in which unit, so that they need not travel there.

    Steps of an optimizer have a length: targets far from zero, or spread over many
    units, such as prices, would be out of reach of a short training. Around zero and
    spread by about one the start stays as it is drawn.

    Parameters
    ----------
    loss : str
        A key of :data:`REGRESSOR_LOSSES`.
    targets : tensor of shape (n_samples, n_outputs)
        Samples of the training.
    sample_weight : tensor of shape (n_samples,), default=None
        Weights.

    Returns
    -------
    center : tensor of shape (n_outputs,)
        Mean of the targets where it is farther from zero than they spread, else zero;
        with a log link the logarithm of the mean.
    unit : tensor of shape (n_outputs,)
        Power of two next to how far they spread, at least one.
    """
    share = torch.ones_like(targets[:, 0]) if sample_weight is None else sample_weight
    share = (share / share.sum().clamp_min(torch.finfo(share.dtype).tiny))[:, None]
    mean = (share * targets).sum(0)
    if loss in LOG_LINK_LOSSES:
        return torch.where(mean > 0, mean, 1.0).log(), torch.ones_like(mean)
    if len(targets) == 1:  # a lone row does not say how far targets spread
        return torch.zeros_like(mean), torch.ones_like(mean)
    spread = (share * (targets - mean).square()).sum(0).sqrt()
    center = torch.where(mean.abs() > spread, mean, 0.0)
    # Squares that overflow have no unit: their loss is infinite and says so.
    spread = torch.where(spread.isfinite(), spread, 1.0).clamp_min(1.0)
    return center, torch.exp2(torch.round(torch.log2(spread)))


class LossModule(nn.Module):
    """A loss as the criterion that skorch expects."""

    def __init__(self, name):
        super().__init__()
        self.name = name

    def forward(self, outputs, targets):
        """Mean loss of a batch."""
        return LOSSES[self.name](outputs, targets, torch.empty_like(outputs)).mean()
