# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""From an ONNX graph to a torch module, node by node.

The first axis of every tensor is the batch: nothing may mix it with another.
"""

import math

import numpy as np
import torch

from sklip.bounds._modules.graphs.module import OnnxModule, Shaped, Tensor
from sklip.bounds._modules.graphs.operators import FUNCTIONS, OPERATORS
from sklip.exceptions import UnsupportedModelError
from sklip.networks import (
    FeedForward,
    OnnxReader,
    declared_shape,
    is_onnx_model,
    load_graph,
    stored_network,
)

__all__ = ["module_from_onnx", "network_from_onnx", "opened"]

# Operators that no fully connected network holds.
_SPATIAL = {
    "AveragePool",
    "Conv",
    "ConvTranspose",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "MaxPool",
}


def opened(model):
    """A model that is stored as something that can be bounded; any other as it is."""
    # An ONNX model that is no network may be a module.
    return network_from_onnx(model) if is_onnx_model(model) else stored_network(model)


def network_from_onnx(model, output=None):
    """An ONNX model as a FeedForward where it is one, else as a torch module.

    ``output`` names the tensor that counts, if the graph has several outputs; the
    model may be the bytes of a file.
    """
    graph, own = load_graph(model)
    if any(node.op_type in _SPATIAL for node in graph.node):
        return _module(graph, own, output)
    try:
        return FeedForward.from_onnx(model, output=output)
    except UnsupportedModelError as refused:
        try:
            # It may have branches.
            return _module(graph, own, output)
        except (UnsupportedModelError, ValueError):
            raise refused from None


def module_from_onnx(model, *, output=None):
    """Read the torch module that an ONNX model computes.

    Functions of sklip take an ONNX model, or the name of its file, as it is. This is
    for a graph whose logits have to be named.

    Parameters
    ----------
    model : str, path-like, bytes or onnx.ModelProto
        The model; from a path, with the external data beside it: convolutions, pooling,
        affine operators, batch normalisation, registered activations, sums and
        concatenations, with the batch as first axis throughout.
    output : str, default=None
        Name of the tensor that is the module's output, as the logits in front of a
        Softmax; None if the graph has one output.

    Returns
    -------
    module : torch.nn.Module
        In eval mode and float64, for samples of the shape that the graph declares. A
        runtime that computes in float32 rounds on its own: that is not part of it.

    Raises
    ------
    ImportError
        If the package onnx is not installed (sklip's extra ``onnx``).
    ValueError
        If the model is no ONNX, or has several outputs and none is named.
    UnsupportedModelError
        If an operator is not supported; its name and node are given.

    See Also
    --------
    sklip.networks.FeedForward.from_onnx : For graphs that are one chain of layers.

    Examples
    --------
    >>> from sklip.bounds import module_from_onnx
    >>> module = module_from_onnx("model.onnx", output="logits")  # doctest: +SKIP
    """
    return _module(*load_graph(model), output)


def _module(graph, own, output):
    reader = _Reader(graph, own)
    name = reader.output_name(output)
    value = reader.evaluate(name)
    if not isinstance(value, Tensor):
        raise ValueError(f"The output {name!r} does not depend on the input.")
    return reader.finish(value)


class _Reader(OnnxReader):
    """Evaluates a graph on places in a module instead of numbers."""

    varying = (Tensor,)
    operators = OPERATORS
    functions = FUNCTIONS
    read_by = "sklip.bounds.module_from_onnx"

    def start(self, value):
        """The input itself."""
        self.steps, self.places = [], []
        shape = declared_shape(value)
        if len(shape) < 2 or shape[0] != 1:
            raise UnsupportedModelError(
                f"The input {value.name!r} has the shape {shape}: its first axis must "
                "be the batch, of unknown length or one sample."
            )
        self.input_shape = shape[1:]
        return Tensor(0, shape)

    def add(self, step, *values, origin=()):
        """The tensor that a step gives behind others."""
        if any(value.place < 0 for value in values):
            raise UnsupportedModelError(
                "The ONNX operator Erf is supported only where it is part of gelu."
            )
        with torch.no_grad():
            made = step.double().eval()
            samples = (torch.zeros(v.shape, dtype=torch.float64) for v in values)
            shape = tuple(made(*samples).shape)
        self.steps.append(made)
        self.places.append(tuple(v.place for v in values))
        return Tensor(len(self.steps), shape, origin)

    def shaped(self, value, shape):
        """A tensor with its entries in another shape."""
        return value if shape == value.shape else self.add(Shaped(shape[1:]), value)

    def depends(self, value):
        """Whether a value depends on the input."""
        return isinstance(value, Tensor)

    def constant(self, node, value, shape):
        """A constant operand in float64 that a tensor of a shape may take."""
        array = np.asarray(value, dtype=np.float64)
        if np.broadcast_shapes(array.shape, shape) != shape:
            raise self.refusal(node, "with a constant of a larger shape")
        return array

    def finish(self, value):
        """The module, of the steps that its output depends on."""
        if len(value.shape) != 2 or value.place != len(self.steps):
            value = self.add(Shaped((math.prod(value.shape[1:]),)), value)
        needed, waiting = set(), [value.place]
        while waiting:
            place = waiting.pop()
            if place and place not in needed:
                needed.add(place)
                waiting += self.places[place - 1]
        kept = sorted(needed)
        number = {0: 0, **{place: k + 1 for k, place in enumerate(kept)}}
        steps = [self.steps[place - 1] for place in kept]
        places = [tuple(number[k] for k in self.places[p - 1]) for p in kept]
        return OnnxModule(steps, places, self.input_shape).eval()
