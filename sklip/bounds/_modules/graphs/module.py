# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A torch module of the nodes of a graph, and the steps that torch has no layer for."""

from dataclasses import dataclass

import torch
from torch import nn

__all__ = [
    "Joined",
    "OnnxModule",
    "Permuted",
    "Plus",
    "Scaled",
    "Shaped",
    "Shifted",
    "Tensor",
]


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor of a graph that depends on the input."""

    place: int  # among the values that OnnxModule computes; 0 is the input
    shape: tuple[int, ...]  # for one sample, with the axis of the batch in front
    # What kind of value it is and of which place, where that may yet become a part of
    # an activation: exporters write silu as a tensor times its sigmoid.
    origin: tuple = ()


class OnnxModule(nn.Module):
    """The nodes of a graph in their order, in float64.

    Parameters
    ----------
    steps : list of torch.nn.Module
        What each node computes.
    places : list of tuple of int
        The values that each step takes: 0 is the input, k what step k - 1 gives.
    input_shape : tuple of int
        Shape of one sample.
    """

    def __init__(self, steps, places, input_shape):
        super().__init__()
        self.steps = nn.ModuleList(steps)
        self.places, self.input_shape = tuple(places), tuple(input_shape)

    def forward(self, x):
        """The outputs of samples, one row each."""
        values = [x]
        for step, places in zip(self.steps, self.places, strict=True):
            values.append(step(*(values[k] for k in places)))
        return values[-1]


class Plus(nn.Module):
    """The sum of two tensors of one shape."""

    def forward(self, x, y):
        """Add them."""
        return x + y


class Joined(nn.Module):
    """Tensors side by side along an axis."""

    def __init__(self, axis):
        super().__init__()
        self.axis = axis

    def forward(self, *tensors):
        """Join them."""
        return torch.cat(tensors, dim=self.axis)


class Shaped(nn.Module):
    """The entries of each sample in another shape."""

    def __init__(self, shape):
        super().__init__()
        self.shape = tuple(shape)

    def forward(self, x):
        """Reshape each sample."""
        return x.reshape(x.shape[0], *self.shape)


class Permuted(nn.Module):
    """The axes in another order, that of the samples in front."""

    def __init__(self, order):
        super().__init__()
        self.order = tuple(order)

    def forward(self, x):
        """Permute the axes."""
        return x.permute(self.order)


class Shifted(nn.Module):
    """A constant added."""

    def __init__(self, constant):
        super().__init__()
        self.register_buffer("constant", torch.as_tensor(constant, dtype=torch.float64))

    def forward(self, x):
        """Add it."""
        return x + self.constant


class Scaled(nn.Module):
    """A constant factor."""

    def __init__(self, factor):
        super().__init__()
        self.register_buffer("factor", torch.as_tensor(factor, dtype=torch.float64))

    def forward(self, x):
        """Multiply by it."""
        return x * self.factor
