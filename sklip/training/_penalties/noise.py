# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The noise term of paper 002: how far outputs move where noise moves the inputs."""

from dataclasses import dataclass

import torch

from sklip.training._draws import Stream

__all__ = ["NoiseSource", "NoiseTerm", "power_step"]


@dataclass(frozen=True)
class NoiseTerm:
    """β max(0, k(x) - L_n), the term (5) of paper 002 (U4, U5)."""

    std: float  # standard deviation σ of each entry of the noise
    weight: float  # weight β of the hinge
    target: float  # threshold L_n of the ratio k
    # {"logits", "proba"}: whether k compares outputs or their softmax.
    space: str = "logits"
    # {"gaussian", "power"}: direction of the noise: as drawn, or after one power
    # iteration.
    probe: str = "gaussian"

    def add_gradient(self, outputs, length, grad):
        """Values of the term, its gradient added to that of the clean outputs.

        Parameters
        ----------
        outputs : tensor of shape (2 * n_samples, n_outputs)
            Outputs at the samples, then at the samples with noise.
        length : tensor of shape (n_samples,)
            Norm of each sample's noise.
        grad : tensor of shape (2 * n_samples, n_outputs)
            The term is added to the upper half and written to the lower one.

        Returns
        -------
        values : tensor of shape (n_samples,)
            The term of each sample.
        """
        n = len(length)
        if self.space == "proba":
            outputs = torch.softmax(outputs, 1)
        noisy_grad = grad[n:]
        torch.sub(outputs[n:], outputs[:n], out=noisy_grad)
        change = torch.linalg.vector_norm(noisy_grad, dim=1)
        values = (change / length).sub_(self.target).clamp_(min=0).mul_(self.weight)
        # Where the hinge is open, change > 0: L_n is not negative.
        rate = torch.where(values > 0, self.weight / (change * length), 0.0)
        noisy_grad.mul_(rate[:, None])
        if self.space == "proba":
            grad[:n].sub_(_through_softmax(noisy_grad, outputs[:n]))
            noisy_grad.copy_(_through_softmax(noisy_grad, outputs[n:]))
        else:
            grad[:n].sub_(noisy_grad)
        return values


def _through_softmax(grad, proba):
    """Gradient of the logits from that of their softmax."""
    return proba * (grad - (grad * proba).sum(1, keepdim=True))


class NoiseSource(Stream):
    """Gaussian noise that is fresh in each batch, and reproducible.

    Parameters
    ----------
    std : float
        Standard deviation.
    device : torch.device
        Where the noise is drawn.
    """

    def __init__(self, std, device):
        super().__init__(device)
        self.std = std

    def write_noisy(self, X, both):
        """Write samples and noisy samples to ``both``; the norms of the noise.

        Parameters
        ----------
        X : tensor of shape (n_samples, ...)
            Samples.
        both : tensor of shape (2 * n_samples, ...)
            Buffer.

        Returns
        -------
        length : tensor of shape (n_samples,)
            Norm of each sample's noise over all its entries.
        """
        self.begin_step()
        n = len(X)
        noise = both[n:]
        # In float32 whatever the type: several times faster, and as good as noise.
        draw = noise if noise.dtype == torch.float32 else noise.float()
        draw.normal_(0.0, self.std, generator=self.generator)
        if draw is not noise:
            noise.copy_(draw)
        length = torch.linalg.vector_norm(noise.flatten(1), dim=1)
        length.clamp_(min=torch.finfo(noise.dtype).tiny)
        noise.add_(X)
        both[:n].copy_(X)
        return length


def power_step(X, direction, length, noisy):
    """Write X plus the direction, at the given length, to ``noisy``.

    Samples whose direction is 0 keep the noise that they have.
    """
    rows = direction.flatten(1)
    size = torch.linalg.vector_norm(rows, dim=1)
    moves = size > 0
    scale = torch.where(moves, length / size, 0.0)
    moved = torch.addcmul(X.flatten(1), rows, scale[:, None])
    flat = noisy.flatten(1)
    noisy.copy_(torch.where(moves[:, None], moved, flat).view_as(noisy))
