# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""From an ONNX graph to the layers of a network, node by node.

The graph is read as a function of one input of the declared shape; an axis of unknown
length in front is the batch and taken as one.
"""

from dataclasses import replace
from typing import NamedTuple

from sklip.exceptions import UnsupportedModelError
from sklip.networks._onnx.building import FUNCTION_DOMAIN
from sklip.networks._onnx.elementwise import between
from sklip.networks._onnx.loading import declared_shape, import_onnx, load_graph
from sklip.networks._onnx.operators import FUNCTIONS, OPERATORS
from sklip.networks._onnx.refusals import INSTEAD
from sklip.networks._onnx.values import Affine, Gate, identity

__all__ = ["OnnxReader", "Layers", "read_graph"]

_DOMAINS = {"": "", "ai.onnx": "", "ai.onnx.ml": "ai.onnx.ml."}
# Entries of the input up to which its identity matrix is written down.
_MOST_INPUTS = 20_000


class Layers(NamedTuple):
    """Weights, biases and activations, as FeedForward takes them."""

    weights: list
    biases: list
    activation: list


def read_graph(model, output=None):
    """Layers of the network that a graph computes.

    Parameters
    ----------
    model : str, path-like, bytes or onnx.ModelProto
        The graph; from a path, with the external data beside it.
    output : str, default=None
        Name of the tensor that is the network's output; None if there is only one.

    Returns
    -------
    layers : Layers
        In float64: what the graph computes but for its own rounding.

    Raises
    ------
    ImportError
        If the package onnx is not installed.
    ValueError
        If this is no ONNX model, or the output is not named or not there.
    UnsupportedModelError
        If an operator cannot be part of a fully connected network.
    """
    reader = OnnxReader(*load_graph(model))
    name = reader.output_name(output)
    value = reader.committed(reader.evaluate(name))
    if not isinstance(value, Affine):
        raise ValueError(f"The output {name!r} does not depend on the input.")
    return reader.finish(value)


class OnnxReader:
    """Evaluates a graph on affine functions instead of numbers.

    Parameters
    ----------
    graph : onnx.GraphProto
        The graph.
    own_functions : set of str
        Functions of sklip that the model brings along.
    """

    # What depends on the input, and what is known of such values.
    varying: tuple[type, ...] = (Affine, Gate)
    operators, functions = OPERATORS, FUNCTIONS
    read_by = "FeedForward.from_onnx"

    def __init__(self, graph, own_functions=()):
        self.graph, self.own_functions = graph, own_functions
        to_array = import_onnx().numpy_helper.to_array
        self.known = {t.name: to_array(t) for t in graph.initializer}
        self.nodes = list(graph.node)
        self.producers = {name: node for node in graph.node for name in node.output}
        self.layers, self._committed = [], {}
        inputs = [value for value in graph.input if value.name not in self.known]
        if len(inputs) != 1:
            raise UnsupportedModelError(
                f"The graph has {len(inputs)} inputs "
                f"({', '.join(value.name for value in inputs)}): a network needs one."
            )
        self.known[inputs[0].name] = self.start(inputs[0])

    def start(self, value):
        """The input itself."""
        return identity(0, declared_shape(value, _MOST_INPUTS))

    def output_name(self, output=None):
        """Name of the tensor that is meant; ValueError if it is not there."""
        names = [value.name for value in self.graph.output]
        if output is None and len(names) == 1:
            return names[0]
        if output not in self.producers:
            raise ValueError(
                f"output must name a tensor of the graph, got {output!r}; its outputs: "
                f"{', '.join(map(repr, names))}. Name the logits: "
                f"{self.read_by}(model, output=...)."
            )
        return output

    def evaluate(self, name):
        """Value of a tensor, from the nodes that it depends on."""
        needed, waiting = set(), [name]
        while waiting:
            current = waiting.pop()
            if current and current not in needed and current not in self.known:
                needed.add(current)
                waiting += self._producer(current).input
        # ONNX demands that a node stands behind all that it uses.
        for node in self.nodes:
            if needed.intersection(node.output):
                self._run(node)
        return self.known[name]

    def _producer(self, name):
        if name not in self.producers:
            raise ValueError(f"The graph has no tensor {name!r}.")
        return self.producers[name]

    def _run(self, node):
        late = [name for name in node.input if name and name not in self.known]
        if late:
            raise ValueError(f"The graph uses {late[0]!r} before it is computed.")
        values = [self.known[name] if name else None for name in node.input]
        if any(isinstance(value, self.varying) for value in values):
            outputs = self._applied(self._operator(node), node, values)
        else:
            outputs = _computed(node, values)
        for name, value in zip(node.output, outputs, strict=False):
            self.known[name] = value

    def _applied(self, operator, node, values):
        try:
            return operator(self, node, values)
        except UnsupportedModelError:
            raise
        except (IndexError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"The ONNX operator {node.op_type} (node {node.name!r}) cannot be "
                f"computed: {error}"
            ) from error

    def _operator(self, node):
        if node.domain == FUNCTION_DOMAIN and node.op_type in self.own_functions:
            return self.functions[node.op_type]
        prefix = _DOMAINS.get(node.domain, f"{node.domain}.")
        operator = self.operators.get(prefix + node.op_type)
        if operator is None:
            raise self.refusal(node)
        return operator

    def refusal(self, node, why=None):
        """The error for a node that a fully connected network cannot hold."""
        where = f" (node {node.name!r})" if node.name else ""
        instead = INSTEAD.get(node.op_type, "")
        why = why or f"is not supported{instead}"
        before = ", ".join(repr(name) for name in node.input if name in self.producers)
        return UnsupportedModelError(
            f"The ONNX operator {node.domain + '.' if node.domain else ''}"
            f"{node.op_type}{where} {why}. Supported: "
            f"{', '.join(sorted(self.operators))}. If it only stands at the end, name "
            f"what is before it: output={before or 'a tensor of the graph'}."
        )

    def activate(self, node, value, activation):
        """Put an activation behind an affine tensor: a new layer begins."""
        if value.stage != len(self.layers):
            raise self.refusal(
                node,
                "stands on a branch: the graph is no chain of layers (a residual "
                "connection or parallel branches). Load it as a torch module",
            )
        self.layers.append((*value.rows(), activation))
        return identity(len(self.layers), value.shape)

    def committed(self, value):
        """An affine tensor in place of a gate that is used by itself."""
        if not isinstance(value, Gate):
            return value
        key = id(value.before), value.kind, value.slope
        if key not in self._committed:
            # The tensor is kept alive, so that its id stays its own.
            self._committed[key] = value.before, self._units_of(value)
        units = self._committed[key][1]
        return (
            units if value.is_plain else units.scaled(value.scale).shifted(value.offset)
        )

    def _units_of(self, gate):
        """A gate that is used by itself, as a layer."""
        names = {"Sigmoid": "logistic", "Softplus": "softplus"}
        if gate.kind in names:
            return self.activate(gate.node, gate.before, names[gate.kind])
        if gate.kind == "TanhSoftplus":
            units = self.committed(
                replace(gate, kind="Softplus", scale=1.0, offset=0.0)
            )
            return self.activate(gate.node, units, "tanh")
        if gate.kind == "HardSigmoid":
            line = gate.before.scaled(gate.slope).shifted(0.5)
            return between(self, gate.node, line, 0.0, 1.0)
        why = "is supported only where it is part of gelu"
        if gate.node.op_type == "Mul":
            why = f"of two tensors that both depend on the input {why}"
        raise self.refusal(gate.node, why)

    def finish(self, value):
        """All layers, the last one affine."""
        if value.stage != len(self.layers):
            raise UnsupportedModelError(
                "The output is computed on a branch beside other layers: the graph is "
                "no chain of layers. Load it as a torch module."
            )
        matrix, offset = value.rows()
        weights = [*(w for w, _, _ in self.layers), matrix]
        biases = [*(b for _, b, _ in self.layers), offset]
        return Layers(weights, biases, [name for _, _, name in self.layers])


def _computed(node, values):
    """Outputs of a node whose inputs are all constants."""
    import onnx.reference

    names = [name for name in node.input if name]
    inputs = dict(zip(names, [v for v in values if v is not None], strict=True))
    return onnx.reference.ReferenceEvaluator(node).run(None, inputs)
