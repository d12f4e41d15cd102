# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""ONNX graphs and functions, built node by node."""

import numpy as np

__all__ = ["FUNCTION_DOMAIN", "OPSET", "Builder", "Graph"]

# The first with Gelu; onnxruntime runs it since 1.17.
OPSET = 20
_IR_VERSION = 9
# Of the functions that a graph brings along for activations.
FUNCTION_DOMAIN = "sklip"
KINDS = {"float64": np.float64, "float32": np.float32}


class Builder:
    """Nodes in the order of computation; constants are nodes among them.

    Every node is called like its first output: onnxruntime 1.20 and 1.21 derive names
    of fused nodes from those of their parts, and refuse a graph when two are empty.

    Parameters
    ----------
    dtype : {"float64", "float32"}
        Type of all numbers.
    """

    def __init__(self, dtype):
        self.dtype = np.dtype(KINDS[dtype])
        self.nodes, self.taken, self._constants = [], {""}, {}

    def add(self, operator, *inputs, domain="", n_outputs=1, **attributes):
        """Name of the output of a new node; a list of names if there are several."""
        import onnx

        inputs = [x if isinstance(x, str) else self.number(x) for x in inputs]
        names = [self.free(operator.lower()) for _ in range(n_outputs)]
        self.nodes.append(
            onnx.helper.make_node(
                operator, inputs, names, name=names[0], domain=domain, **attributes
            )
        )
        return names[0] if n_outputs == 1 else names

    def number(self, value):
        """Name of a constant array of the type of all numbers."""
        return self.constant(np.asarray(value, dtype=self.dtype))

    def indices(self, values):
        """Name of a constant array of indices."""
        return self.constant(np.asarray(values, dtype=np.int64))

    def constant(self, array):
        """Name of a constant array, of its own type."""
        array = np.asarray(array)
        if array.dtype.kind in "UO":
            key = "text", array.shape, tuple(map(str, array.ravel()))
        else:
            key = str(array.dtype), array.shape, array.tobytes()
        if key not in self._constants:
            self._constants[key] = self._store(array)
        return self._constants[key]

    def _store(self, array):
        import onnx

        name = self.free("constant")
        value = onnx.numpy_helper.from_array(array)
        node = onnx.helper.make_node("Constant", [], [name], name, value=value)
        self.nodes.append(node)
        return name

    def free(self, stem):
        """A name that nothing has yet: the stem, or the stem with a number."""
        name, k = stem, 0
        while name in self.taken:
            k += 1
            name = f"{stem}_{k}"
        self.taken.add(name)
        return name


class Graph(Builder):
    """A whole model; constants are initializers."""

    def __init__(self, dtype):
        super().__init__(dtype)
        self.initializers, self.inputs, self.outputs = [], [], []
        self.functions, self.domains = {}, {}

    @property
    def element(self):
        """ONNX's number of the type of all numbers."""
        return _element(self.dtype)

    def _store(self, array):
        import onnx

        name = self.free("constant")
        if array.dtype.kind in "UO":
            array = array.astype(object)
        self.initializers.append(onnx.numpy_helper.from_array(array, name))
        return name

    def cast(self, tensor):
        """A tensor of flags or integers as numbers."""
        return self.add("Cast", tensor, to=self.element)

    def input(self, stem, width, *, is_text=False):
        """Name of a new input of shape (n_samples, width)."""
        name = self.free(stem)
        self.inputs.append(self._declared(name, ["n_samples", width], is_text))
        return name

    def output(self, stem, tensor, shape, *, kind=None):
        """Name of a new output that is a tensor of some shape."""
        name = self.free(stem)
        self.add_named("Identity", tensor, name)
        self.outputs.append(self._declared(name, ["n_samples", *shape], kind=kind))
        return name

    def add_named(self, operator, tensor, name):
        """A node of one input whose output has a name of its own."""
        import onnx

        self.nodes.append(onnx.helper.make_node(operator, [tensor], [name], name))

    def drop_unused_inputs(self):
        """Forget inputs that no node reads."""
        read = {name for node in self.nodes for name in node.input}
        self.inputs = [value for value in self.inputs if value.name in read]

    def _declared(self, name, shape, is_text=False, kind=None):
        import onnx

        kind = onnx.TensorProto.STRING if is_text else kind or self.element
        return onnx.helper.make_tensor_value_info(name, kind, shape)

    def model(self, more_outputs=()):
        """The ModelProto.

        Parameters
        ----------
        more_outputs : sequence of (str, bool)
            Tensors that are outputs as well, and whether they are text.
        """
        import onnx

        more = [self._declared(name, None, text) for name, text in more_outputs]
        graph = onnx.helper.make_graph(
            self.nodes,
            "sklip",
            self.inputs,
            [*self.outputs, *more],
            self.initializers,
        )
        imports = [onnx.helper.make_opsetid("", OPSET)]
        imports += [onnx.helper.make_opsetid(*pair) for pair in self.domains.items()]
        if self.functions:
            imports.append(onnx.helper.make_opsetid(FUNCTION_DOMAIN, 1))
        return onnx.helper.make_model(
            graph,
            opset_imports=imports,
            functions=list(self.functions.values()),
            ir_version=_IR_VERSION,
            producer_name="sklip",
        )


def _element(dtype):
    import onnx

    return onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
