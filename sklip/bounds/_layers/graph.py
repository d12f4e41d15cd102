# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A module as a graph of layers: linear maps, activations, maxima, sums, stacks.

Nodes stand in an order in which each follows its inputs; the input of the whole is
number -1.
"""

import math
from dataclasses import dataclass

from sklip.bounds._layers.maps import linear_map
from sklip.bounds._layers.maxima import Maximum
from sklip.bounds._modules.operators import Concat, Dense, Scale, Slope, Sum
from sklip.bounds._modules.pooling import Pooling
from sklip.bounds._propagation import shape_of
from sklip.exceptions import UnsupportedModelError
from sklip.networks import get_activation

__all__ = ["Node", "build_graph"]

# Norms are rounded up by this once for each factor.
_UP = 1.0 + 2.0**-48


@dataclass(frozen=True, eq=False)
class Node:
    """One layer."""

    kind: str  # {"linear", "slope", "maximum", "sum", "stack"}: what it does
    inputs: tuple[int, ...]  # nodes that it takes
    shape: tuple[int, ...]  # of one sample behind it
    # A LinearMap, the Shape of an activation, or a Maximum; the axis of a stack.
    layer: object
    lipschitz: float  # proven l2 constant from the rows that the module gets to here
    # Whether it is an affine function of the input of the whole.
    is_linear: bool = False

    @property
    def size(self):
        """Number of entries."""
        return math.prod(self.shape)


def build_graph(operators, input_shape, tensor, front=()):
    """The nodes of a module.

    Parameters
    ----------
    operators : sequence of operators
        As the module was read for samples of this shape.
    input_shape : tuple of int
        Shape of one sample.
    tensor : callable
        Puts an array on the device.
    front : sequence of (LinearMap, float)
        Maps from the input of the whole to the module's, and their l2 norms.

    Returns
    -------
    nodes : list of Node
        The last one gives the outputs.
    """
    builder = _Builder(tensor)
    last = -1
    for layer, norm in front:
        last = builder.append("linear", (last,), layer.out_shape, layer, norm)
    if not front:
        builder.first_shape = tuple(input_shape)
    builder.chain(list(operators), last)
    return builder.nodes


class _Builder:
    def __init__(self, tensor):
        self.nodes, self.tensor, self.first_shape = [], tensor, None

    def shape(self, k):
        return self.first_shape if k < 0 else self.nodes[k].shape

    def append(self, kind, inputs, shape, layer, factor=1.0):
        """Add a node behind others, whose constants are multiplied by the factor."""
        before = [1.0 if k < 0 else self.nodes[k].lipschitz for k in inputs]
        linear = [k < 0 or self.nodes[k].is_linear for k in inputs]
        if kind == "stack":
            total = math.sqrt(sum(x * x for x in before)) * _UP
        else:
            total = sum(before) * (_UP if len(before) > 1 else 1.0)
        affine = all(linear) and kind in ("linear", "sum", "stack")
        lipschitz = total * factor * _UP
        node = Node(kind, tuple(inputs), tuple(shape), layer, lipschitz, affine)
        self.nodes.append(node)
        return len(self.nodes) - 1

    def chain(self, operators, last):
        """Add a chain of operators behind a node; the number of the last one."""
        for place, operator in enumerate(operators):
            if isinstance(operator, Sum | Concat):
                last = self.joined(operator, last)
            elif isinstance(operator, Slope):
                activation = get_activation(operator.name)
                shape = shape_of(activation)
                last = self.append(
                    "slope",
                    (last,),
                    self.shape(last),
                    shape,
                    shape.lipschitz,
                )
            elif isinstance(operator, Pooling) and operator.windows is not None:
                norm = operator.norm_bound(2.0)
                shape = self.shape(last)
                layer = Maximum(operator.windows, shape, self.tensor, norm)
                last = self.append("maximum", (last,), layer.out_shape, layer, norm)
            else:
                last = self.linear(operators, place, last)
        return last

    def linear(self, operators, place, last):
        operator = operators[place]
        layer = linear_map(operator, self.shape(last), self.tensor)
        previous = operators[place - 1] if place else None
        norm = operator.norm_bound(2.0)
        found = self.append("linear", (last,), layer.out_shape, layer, norm)
        if isinstance(operator, Scale) and hasattr(previous, "scaled"):
            self._fold(found, operator, previous)
        return found

    def _fold(self, k, scale, previous):
        """Batch normalisation and the layer before it have a norm together."""
        flat = not isinstance(previous, Dense) or previous.flat
        n_out = previous.weight.shape[0] if isinstance(previous, Dense) else None
        n_out = previous.n_out if n_out is None else n_out
        if not flat or scale.factors.ndim > 1 or len(scale.factors) != n_out:
            return
        both = previous.scaled(rows=abs(scale.factors)).norm_bound(2.0)
        (inner,) = self.nodes[k].inputs
        (before,) = self.nodes[inner].inputs
        start = 1.0 if before < 0 else self.nodes[before].lipschitz
        node = self.nodes[k]
        lipschitz = min(node.lipschitz, start * both * _UP)
        self.nodes[k] = Node(
            node.kind, node.inputs, node.shape, node.layer, lipschitz, node.is_linear
        )

    def joined(self, operator, last):
        """Add the branches of a sum or a stack."""
        ends = [self.chain(list(branch), last) for branch in operator.branches]
        shapes = [self.shape(k) for k in ends]
        if isinstance(operator, Sum):
            if len(set(shapes)) > 1:
                raise UnsupportedModelError(
                    f"A sum of branches of the shapes {shapes}: broadcasting is not "
                    "supported."
                )
            return self.append("sum", ends, shapes[0], None)
        axis = operator.axis
        total = sum(shape[axis] for shape in shapes)
        shape = (*shapes[0][:axis], total, *shapes[0][axis + 1 :])
        return self.append("stack", ends, shape, axis)
