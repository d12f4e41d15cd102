# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Random graphs: torch modules with a forward of their own, and ONNX networks."""

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from sklip import FeedForward

from .cases import N_ROWS, Case, kind
from .tables import Table


class Block(torch.nn.Module):
    """Branches that meet again, in one of several ways."""

    def __init__(self, rng, n):
        super().__init__()
        self.way = int(rng.integers(6))
        self.first, self.second = torch.nn.Linear(n, n), torch.nn.Linear(n, n)
        squash = [torch.nn.ReLU, torch.nn.Tanh, torch.nn.SiLU, torch.nn.LeakyReLU]
        self.squash = squash[rng.integers(4)]()
        self.both = torch.nn.Linear(2 * n, n)
        self.convolution = torch.nn.Conv1d(1, 2, 3, padding=1)
        self.norm = torch.nn.BatchNorm1d(n)
        self.norm.running_var.uniform_(0.2, 3.0)
        self.norm.running_mean.normal_()

    def forward(self, x):
        """One of six graphs."""
        if self.way == 0:
            return x + self.second(self.squash(self.first(x)))
        if self.way == 1:
            return self.both(torch.cat([self.squash(self.first(x)), x], dim=1))
        if self.way == 2:
            return torch.relu(self.first(x)) - 0.5 * self.squash(self.second(x))
        if self.way == 3:
            wide = self.convolution(x.reshape(x.size(0), 1, -1))
            return self.both(self.squash(wide).flatten(1))
        if self.way == 4:
            left, right = self.norm(self.first(x)), self.second(x) / 3.0
            right += left
            return torch.nn.functional.elu(right)
        return torch.tanh(-self.first(x)) + torch.abs(x)


class Graph(torch.nn.Module):
    """Blocks between two linear layers."""

    def __init__(self, rng, sizes):
        super().__init__()
        n_in, n, n_out = sizes
        self.start, self.end = torch.nn.Linear(n_in, n), torch.nn.Linear(n, n_out)
        self.blocks = torch.nn.ModuleList(
            Block(rng, n) for _ in range(rng.integers(1, 4))
        )

    def forward(self, x):
        """Logits or numbers."""
        x = self.start(x)
        for block in self.blocks:
            x = block(x)
        return self.end(x)


def _sizes(rng):
    n_out = int(rng.integers(2, 5)) if rng.random() < 0.7 else 1
    return int(rng.integers(1, 7)), int(rng.integers(2, 9)), n_out


@kind
def traced(rng):
    """A torch module that torch.fx traces, in float64 or float32."""
    sizes = _sizes(rng)
    model = Graph(rng, sizes).eval()
    form = "float32" if rng.random() < 0.3 else "array"
    values = 3.0 * rng.standard_normal((N_ROWS, sizes[0]))
    if form == "float32":
        values = values.astype(np.float32).astype(np.float64)
    else:
        model = model.double()
    for parameter in model.parameters():
        parameter.data *= float(10.0 ** rng.uniform(-0.3, 0.3))
    return Case(model, Table(values, form), sizes[2] > 1)


class Evaluator:
    """An ONNX model as its reference evaluator computes it."""

    def __init__(self, model, classify):
        self.run, self.classify = ReferenceEvaluator(model).run, classify

    def decision_function(self, X):
        """The model's outputs."""
        return self.run(None, {"x": np.asarray(X, dtype=np.float64)})[0]

    def predict(self, X):
        """The largest output, or the outputs."""
        found = self.decision_function(X)
        return found.argmax(axis=1) if self.classify else found


@kind
def onnx_network(rng):
    """A network read from ONNX, attacked through ONNX's own evaluator."""
    sizes = _sizes(rng)
    built = _Builder(rng)
    name = built.affine("x", sizes[0], sizes[1])
    for _ in range(rng.integers(1, 4)):
        name = built.block(name, sizes[1])
    name = built.affine(name, sizes[1], sizes[2])
    model = built.model(name, sizes[0], sizes[2])
    values = 3.0 * rng.standard_normal((N_ROWS, sizes[0]))
    classify = sizes[2] > 1
    judge = Evaluator(model, classify)
    network = FeedForward.from_onnx(model)
    return Case(network, Table(values, "array"), classify, judge=judge)


class _Builder:
    def __init__(self, rng):
        self.rng, self.nodes, self.constants = rng, [], []

    def node(self, kind, *inputs, **attributes):
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, values):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def normal(self, *shape):
        return self.constant(self.rng.standard_normal(shape))

    def affine(self, name, n_in, n_out):
        weight = self.rng.standard_normal((n_out, n_in)) * np.sqrt(2.0 / n_in)
        bias = self.normal(n_out)
        if self.rng.random() < 0.5:
            return self.node("Gemm", name, self.constant(weight), bias, transB=1)
        product = self.node("MatMul", name, self.constant(weight.T.copy()))
        return self.node("Add", product, bias)

    def squashed(self, name):
        kind = self.rng.choice(["Relu", "Tanh", "LeakyRelu", "Elu", "Sigmoid", "Clip"])
        if kind == "Clip":
            zero, one = self.constant(np.array(0.0)), self.constant(np.array(1.0))
            return self.node("Clip", name, zero, one)
        return self.node(str(kind), name)

    def scaled(self, name, n):
        ways = ["Mul", "Sub", "Div", "BatchNormalization", "Neg"]
        way = str(self.rng.choice(ways))
        if way == "Neg":
            return self.node("Neg", name)
        if way != "BatchNormalization":
            values = self.rng.uniform(0.5, 2.0, n)
            return self.node(way, name, self.constant(values))
        rest = [self.normal(n), self.normal(n), self.normal(n)]
        variance = self.constant(self.rng.uniform(0.2, 3.0, n))
        return self.node("BatchNormalization", name, *rest, variance)

    def block(self, name, n):
        name = self.affine(name, n, n)
        if self.rng.random() < 0.5:
            name = self.scaled(name, n)
        name = self.squashed(name)
        return self.scaled(name, n) if self.rng.random() < 0.3 else name

    def model(self, name, n_inputs, n_outputs):
        double = TensorProto.DOUBLE
        given = helper.make_tensor_value_info("x", double, ["rows", n_inputs])
        wanted = helper.make_tensor_value_info(name, double, ["rows", n_outputs])
        graph = helper.make_graph(
            self.nodes, "random", [given], [wanted], self.constants
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        onnx.checker.check_model(model)
        return model
