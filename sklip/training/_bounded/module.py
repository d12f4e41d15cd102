# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A multilayer perceptron of orthonormal layers and absolute values."""

import numpy as np
import torch

from sklip.networks import FeedForward
from sklip.training._bounded.deploy import bounded_head, logit_scale
from sklip.training._bounded.manifold import polar_factor
from sklip.training._modules import FlatMLP

__all__ = ["BoundedMLP"]


class BoundedMLP(FlatMLP):
    """Flat network whose hidden layers are semi-orthogonal, trained in its own units.

    Parameters
    ----------
    layer_sizes : sequence of int
        Number of units, input and output included.
    units : Units
        Of the data.
    lipschitz_bound : float, default=None
        Bound of the deployed network; None leaves the last layer free.
    temperature : float, default=1.0
        Logits that a classifier's margin gains on the way of one unit of X.
    labels : bool, default=False
        Whether each logit decides a label of its own.
    **kwargs : dict
        Generator, type and device, as for FlatMLP.
    """

    drawn_biases = False

    def __init__(
        self,
        layer_sizes,
        units,
        *,
        lipschitz_bound=None,
        temperature=1.0,
        labels=False,
        **kwargs,
    ):
        self.units = units
        self.lipschitz_bound = lipschitz_bound
        self.temperature = temperature
        self.labels = labels
        super().__init__(layer_sizes, "abs", **kwargs)
        self.offset = self._constant(units.offset)
        self.target_offset = self._constant(units.target_offset)

    def _constant(self, array):
        array = torch.from_numpy(np.asarray(array, dtype=np.float64))
        return array.to(self.flat.device, self.flat.dtype)

    @property
    def n_hidden_weights(self):
        """Entries of the hidden layers' matrices; behind them H and the biases."""
        return self.n_weights - self.layers[-1].weight.numel()

    @property
    def head_bound(self):
        """Norm that the last matrix may have in the training's units; None if free."""
        if self.lipschitz_bound is None:
            return None
        return self.lipschitz_bound / self.units.target_scale * self.units.scale

    def reset(self, init_gain=1.0, generator=None):
        """Draw new weights, polar factors of Gaussians; biases are zero."""
        super().reset(init_gain, generator)
        for weight in self.weights:
            factor = polar_factor(weight.cpu().double().numpy())
            weight.copy_(torch.from_numpy(factor))
        bound = self.head_bound
        if bound is not None:
            # Begun inside the bound, the first step need not cut the head.
            self.weights[-1].mul_(min(1.0, bound))

    def begin_outputs(self, center, unit):
        """Nothing: the training is in units of the targets, around their mean."""

    def forward(self, X):
        """Logits or predictions in the units of the data, with autograd."""
        return self.in_target_units(
            super().forward((X - self.offset) / self.units.scale)
        )

    def in_target_units(self, outputs):
        """Outputs of the training in the units of the targets."""
        return outputs * self.units.target_scale + self.target_offset

    def scaled_targets(self, targets):
        """Regression targets in the units of the training."""
        return (targets - self.target_offset).div_(self.units.target_scale)

    def to_feedforward(self):
        """The network to deploy: orthonormal in float64, in the units of the data."""
        units = self.units
        arrays = [w.cpu().double().numpy() for w in self.weights]
        biases = [b.cpu().double().numpy() for b in self.biases]
        hidden = [polar_factor(w) for w in arrays[:-1]]
        head, last = arrays[-1], biases[-1]
        if self.lipschitz_bound is None:
            factor = logit_scale(head, self.temperature, labels=self.labels)
            head, last = head * factor, last * (factor * units.scale)
        else:
            head = head * (units.target_scale / units.scale)
            head = bounded_head(hidden, head, self.lipschitz_bound)
            last = last * units.target_scale
        biases = [b * units.scale for b in biases[:-1]] + [last + units.target_offset]
        weights = [*hidden, head]
        # The network takes rows of X as they are: centring goes into the first bias.
        biases[0] = biases[0] - weights[0] @ units.offset
        return FeedForward(weights, biases, self.activation)

    def load_feedforward(self, network):
        """Take the weights of a deployed network, in these units."""
        units = self.units
        weights = [np.array(w) for w in network.weights]
        biases = [np.array(b) for b in network.biases]
        biases[0] += weights[0] @ units.offset
        biases[-1] -= units.target_offset
        biases = [b / units.scale for b in biases[:-1]] + [
            biases[-1] / units.target_scale
        ]
        if self.lipschitz_bound is None:
            # The scale of a classifier's head is free: rows of about length one.
            spread = 1.0 if self.labels else 2.0**0.5
            factor = logit_scale(weights[-1], spread, labels=self.labels)
            biases[-1] *= factor / units.scale
        else:
            factor = units.scale / units.target_scale
        weights[-1] *= factor
        super().load_feedforward(FeedForward(weights, biases, self.activation))
