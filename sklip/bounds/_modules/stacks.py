# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Torch modules that are stacks of affine layers and activations, as FeedForward.

Batch normalisation is multiplied into the layer beside it. The network computes what
the module does up to rounding, and what rounding may do is part of its view; a bound of
the module itself is one of ``feedforward_from_module``.
"""

import math
from dataclasses import fields, replace

import numpy as np

from sklip.bounds._modules.as_network import affine_part, first_width
from sklip.bounds._modules.convolution import Convolution
from sklip.bounds._modules.network import ModuleNetwork
from sklip.bounds._modules.operators import Dense, Reshape, Scale, Slope
from sklip.bounds._modules.reader import checked_shape, operators_of
from sklip.bounds._modules.shaped import module_rounding
from sklip.bounds._modules.shaped_view import ShapedView
from sklip.exceptions import UnsupportedModelError
from sklip.networks import FeedForward, NetworkView, get_activation, network_view

__all__ = ["exact_stack", "read_stack", "stack_view", "unrolled"]

# Hidden neurons, and entries of a matrix, up to which convolutions are unrolled.
_MOST_UNROLLED, _LARGEST_UNROLLED = 256, 2**17
# How many times as many where a question is gone into at length.
_AT_LENGTH = 16


def read_stack(module, input_shape=None):
    """The FeedForward of a torch module: what ``FeedForward.from_torch`` returns.

    Parameters
    ----------
    module : torch.nn.Module
        In eval mode.
    input_shape : tuple of int, default=None
        Shape of one sample.

    Returns
    -------
    network : FeedForward
        Of flat rows.

    Raises
    ------
    UnsupportedModelError
        If it is no stack of layers with one matrix each.
    """
    shape = checked_shape(input_shape)
    operators = operators_of(module, shape)
    if shape is None and all(isinstance(op, Slope | Reshape) for op in operators):
        raise ValueError(
            f"Nothing in {type(module).__name__} tells how many inputs it has: give "
            "input_shape, the shape of one sample."
        )
    network = _stack(operators, None if shape is None else math.prod(shape))
    if network is None:
        kinds = {Dense, Reshape, Scale, Slope}
        found = {type(op).__name__ for op in operators if type(op) not in kinds}
        others = sorted(found)
        raise UnsupportedModelError(
            f"{type(module).__name__} is no stack of linear layers and activations"
            + (f": it has {', '.join(others)}. " if others else ". ")
            + "With input_shape, small convolutions and average pooling become "
            "matrices; functions of sklip take any module as it is."
        )
    return network


def stack_view(module, input_shape):
    """View of a module as a network of flat rows; None if it is no stack.

    What the module computes in its own type is covered by the view's rounding.
    """
    try:
        operators = operators_of(module, input_shape)
    except UnsupportedModelError:
        return None
    if not all(isinstance(op, Dense | Reshape | Scale | Slope) for op in operators):
        return None
    network = _stack(operators, math.prod(input_shape))
    if network is None:
        return None
    view = network_view(network)
    own = {f.name: getattr(view, f.name) for f in fields(NetworkView)}
    # Where the module's arithmetic is not known, that is said when it counts.
    own["rounding"] = replace(view.rounding, more=module_rounding(module, input_shape))
    return ShapedView(**own, asked=ModuleNetwork(module, input_shape))


def unrolled(module, input_shape, *, at_length=False):
    """The FeedForward of a module with small convolutions; None if there is none.

    With ``at_length``, where a time limit is kept, larger ones count as small.

    Its matrices have the entries of the kernels, of batch normalisation and average
    pooling rounded ones: the module computes it up to what rounding may do.
    """
    try:
        operators = operators_of(module, input_shape)
    except UnsupportedModelError:
        return None
    times = _AT_LENGTH if at_length else 1
    if not all(_is_small(operator, times) for operator in operators):
        return None
    network = _stack(operators, math.prod(input_shape))
    sizes = () if network is None else network.layer_sizes
    return network if 0 < sum(sizes[1:-1]) <= times * _MOST_UNROLLED else None


def _is_small(operator, times):
    """Whether it becomes a matrix of no great size, whose entries are not sums."""
    if isinstance(operator, Convolution):
        n_in = operator.n_in * math.prod(operator.size)
        n_out = operator.n_out * math.prod(operator.out_size)
        return operator.mode == "zeros" and n_in * n_out <= times * _LARGEST_UNROLLED
    return isinstance(operator, Dense | Reshape | Scale | Slope)


def exact_stack(module, input_shape):
    """The FeedForward of a module's own matrices; None if it has other layers.

    Nothing is multiplied into another layer, so that what is proven of the network is
    proven of the module.
    """
    try:
        operators = operators_of(module, input_shape)
    except (UnsupportedModelError, ValueError):
        # Whoever needs it will say so, with its reason.
        return None
    if not all(isinstance(op, Dense | Reshape | Slope) for op in operators):
        return None
    return _stack(operators, math.prod(input_shape))


def _stack(operators, width):
    """Layers merged into one matrix between two activations; None if there are none."""
    width = first_width(operators) if width is None else width
    if width is None:
        return None
    layers = _Layers(width)
    for operator in operators:
        if isinstance(operator, Reshape):
            continue
        if isinstance(operator, Slope):
            layers.activate(operator.name)
        elif not layers.add(operator):
            return None
    return layers.network()


class _Layers:
    """Matrices, biases and activations so far; the last affine map may still grow."""

    def __init__(self, width):
        self.width, self.weights, self.biases, self.names = width, [], [], []
        self.open = None  # (matrix, bias) behind the last activation
        self.scale = None  # (factors, offsets) in front of the next matrix

    def add(self, operator):
        """Take an affine operator; False if it is none of flat rows."""
        if isinstance(operator, Scale):
            return self._add_scale(operator)
        affine = affine_part(operator, self.width)
        if affine is None or affine[0].shape[1] != self.width:
            return False
        matrix, bias = affine
        if self.scale is not None:
            factors, offsets = self.scale
            matrix, bias = matrix * factors, bias + matrix @ offsets
            self.scale = None
        if self.open is not None:
            self.activate("identity")
        self.open, self.width = (matrix, bias), len(matrix)
        return True

    def _add_scale(self, operator):
        n = operator.factors.size
        if self.width % n:
            return False
        factors, offsets = (
            np.repeat(a.ravel(), self.width // n)
            for a in (operator.factors, operator.offsets)
        )
        if self.open is not None:
            matrix, bias = self.open
            self.open = factors[:, None] * matrix, factors * bias + offsets
        elif self.scale is not None:
            first, second = self.scale
            self.scale = factors * first, factors * second + offsets
        else:
            self.scale = factors, offsets
        return True

    def activate(self, name):
        """An activation behind what is there; the identity needs two matrices."""
        linear = get_activation(name).sector == (1.0, 1.0)
        if linear and self.open is None:
            return
        if linear and name != "identity":
            return
        self._close()
        self.names.append(name)

    def _close(self):
        if self.open is None:
            if self.scale is None:
                self.open = np.eye(self.width), np.zeros(self.width)
            else:
                self.open, self.scale = (np.diag(self.scale[0]), self.scale[1]), None
        self.weights.append(self.open[0])
        self.biases.append(self.open[1])
        self.open = None

    def network(self):
        """All of it."""
        if self.width is None:
            return None
        self._close()
        return FeedForward(self.weights, self.biases, self.names)
