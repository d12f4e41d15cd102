# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Operators of ONNX beyond the plain ones: elementwise.py, shapes.py, operators.py.

Also tests of ``networks/_onnx/elementwise.py`` and ``networks/_onnx/shapes.py``.
"""

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from sklip.exceptions import UnsupportedModelError
from sklip.networks import FeedForward

HEADER = '<ir_version: 9, opset_import: ["" : {}, "ai.onnx.ml" : 3]>'


def model_of(body, shape="1, 6", opset=20):
    """ONNX model of an input x in the text form of the standard."""
    graph = f"g (double[{shape}] x) => (double[N] y) {{ {body} }}"
    return onnx.parser.parse_model(f"{HEADER.format(opset)} {graph}")


def assert_same_function(model, activation=None, rtol=1e-12):
    network = FeedForward.from_onnx(model)
    evaluator = ReferenceEvaluator(model)
    dims = model.graph.input[0].type.tensor_type.shape.dim
    for seed in range(5):
        x = 2.0 * np.random.default_rng(seed).normal(size=[d.dim_value for d in dims])
        expected = evaluator.run(None, {"x": x})[0].reshape(1, -1)
        found = network.forward(x.reshape(1, -1))
        np.testing.assert_allclose(found, expected, rtol, 1e-12)
    if activation is not None:
        assert network.activation == (activation,)


def constant(name, value, kind="double"):
    return f"{name} = Constant<value = {kind} {{{value}}}>() "


def vector(name, values, kind="double"):
    numbers = ", ".join(map(str, values))
    return f"{name} = Constant<value = {kind}[{len(values)}] {{{numbers}}}>() "


LOW, HIGH = constant("low", -0.5), constant("high", 1.0)
EACH = vector("each", [0.1, 0.5, -1.0, 2.0, 0.0, 1.0])


@pytest.mark.parametrize(
    "body, activation",
    [
        (LOW + HIGH + "y = Clip(x, low, high)", "relu"),
        (LOW + "y = Clip(x, low)", "relu"),
        (HIGH + "y = Clip(x, , high)", "relu"),
        (constant("low", 0.0) + "y = Clip(x, low)", "relu"),
        (LOW + EACH + "y = Max(x, low, each)", "relu"),
        (EACH + "y = Min(each, x)", "relu"),
        (EACH + "y = PRelu(x, each)", "relu"),
        (LOW + "y = PRelu(x, low)", "leaky_relu(-0.5)"),
        ("y = HardSigmoid<alpha = 0.25, beta = 0.4>(x)", "relu"),
        ("y = HardSigmoid<alpha = 0.16666667, beta = 0.5>(x)", "relu"),
        ("y = Selu(x)", None),
        ("y = Selu<alpha = 0.5, gamma = 2.0>(x)", "elu(0.5)"),
        ("y = Celu<alpha = 0.5>(x)", "elu(1.0)"),
        ("y = ThresholdedRelu<alpha = 0.0>(x)", "relu"),
    ],
)
def test_what_bends_each_entry(body, activation):
    assert_same_function(model_of(body), activation, 1e-6 if "Selu" in body else 1e-12)


CUBE = constant("c", 0.044715) + constant("root", 0.7978845608028654)
ENDS_OF_GELU = constant("one", 1.0) + constant("half", 0.5)


@pytest.mark.parametrize("cube", ["p = Pow(x, three)", "q = Mul(x, x) p = Mul(q, x)"])
@pytest.mark.parametrize(
    "last",
    [
        "g = Add(t, one) h = Mul(half, g) y = Mul(x, h)",
        "g = Add(one, t) h = Mul(x, g) y = Mul(h, half)",
        "g = Add(t, one) h = Mul(x, half) y = Mul(h, g)",
    ],
)
def test_gelu_written_with_tanh(cube, last):
    body = f"{cube} s = Mul(p, c) a = Add(x, s) b = Mul(a, root) t = Tanh(b) {last}"
    constants = CUBE + ENDS_OF_GELU + constant("three", 3.0)
    assert_same_function(model_of(constants + body), "gelu_tanh")


@pytest.mark.parametrize(
    "body, layers",
    [
        ("s = Softplus(x) t = Tanh(s) y = Mul(t, x)", ("mish",)),
        ("s = Softplus(x) y = Tanh(s)", ("softplus", "tanh")),
        ("s = Softplus(x) t = Tanh(s) y = Add(t, one)", ("softplus", "tanh")),
        ("s = Softplus(x) d = Mul(s, half) y = Tanh(d)", ("softplus", "tanh")),
    ],
)
def test_tanh_of_softplus(body, layers):
    model = model_of(ENDS_OF_GELU + body)
    assert_same_function(model)
    assert FeedForward.from_onnx(model).activation == layers


@pytest.mark.parametrize(
    "body",
    [
        "y = Mul(x, x)",
        "p = Pow(x, three) y = Mul(p, half)",
        "p = Pow(x, half) y = Identity(p)",
        # Other constants are another function.
        "p = Pow(x, three) s = Mul(p, half) a = Add(x, s) y = Tanh(a)",
        "p = Pow(x, three) s = Mul(p, c) a = Add(x, s) b = Mul(a, half) y = Tanh(b)",
        "s = Softplus(x) t = Tanh(s) d = Mul(x, half) y = Mul(t, d)",
    ],
)
def test_powers_and_gates_of_their_own_are_refused(body):
    constants = CUBE + ENDS_OF_GELU + constant("three", 3.0)
    with pytest.raises(UnsupportedModelError, match="Mul|Pow"):
        FeedForward.from_onnx(model_of(constants + body))


def test_no_end_is_no_layer():
    body = constant("high", 3.4028234663852886e38) + "y = Clip(x, , high)"
    assert FeedForward.from_onnx(model_of(body)).activation == ()


def test_swish_of_newer_operator_sets():
    node = onnx.helper.make_node("Swish", ["x"], ["y"], alpha=0.5)
    model = model_of("y = Identity(x)")
    model.graph.node[0].CopyFrom(node)
    network = FeedForward.from_onnx(model)
    assert network.activation == ("silu",)
    x = np.linspace(-3.0, 3.0, 6)
    expected = x / (1.0 + np.exp(-0.5 * x))
    np.testing.assert_allclose(network.forward(x[None])[0], expected, 1e-12)


SIDES = vector("sides", [0, 3, 6], "int64")
AXIS, SIZES = vector("axis", [1], "int64"), vector("sizes", [2, 4], "int64")
ENDS = vector("start", [4], "int64") + vector("end", [-7], "int64")
STEP = vector("step", [-2], "int64")


@pytest.mark.parametrize(
    "body",
    [
        vector("places", [4, -1, 0], "int64") + "y = Gather<axis = 1>(x, places)",
        SIZES + "a, b = Split<axis = 1>(x, sizes) y = Concat<axis = 1>(b, a)",
        "a, y = Split<axis = 1, num_outputs = 2>(x)",
        EACH + "a = Unsqueeze(each, zero) y = Concat<axis = -1>(a, x)",
        AXIS + ENDS + STEP + "y = Slice(x, start, end, axis, step)",
        vector("start", [1], "int64") + vector("end", [99], "int64") + AXIS
        + "y = Slice(x, start, end, axis)",
        AXIS + "y = ReduceSum(x, axis)",
        AXIS + "y = ReduceMean<keepdims = 0>(x, axis)",
        "y = ReduceMean(x)",
        "y = ReduceSum<noop_with_empty_axes = 1>(x)",
        "s = Shape(x) y = Reshape(x, s)",
        vector("shape", [2, 1, 6], "int64") + "y = Expand(x, shape)",
        EACH + "y = Sum(x, each, x)",
        EACH + "y = Mean(x, each)",
        "y = CastLike(x, x)",
    ],
)  # fmt: skip
def test_what_moves_entries_or_adds_them_up(body):
    zero = vector("zero", [0], "int64")
    assert_same_function(model_of(zero + body))


@pytest.mark.parametrize("opset", range(13, 24))
def test_a_graph_as_tensorflow_writes_it(opset):
    shape = vector("shape", [-1, 6], "int64")
    weights = (
        "w = Constant<value = double[6, 2] {1, 2, 3, 4, 5, 6, 7, 8, 9, 8, 7, 6}>() "
    )
    body = "flat = Reshape(x, shape) z = MatMul(flat, w) s = Add(z, bias) a = Relu(s) "
    second = "v = Constant<value = double[2, 1] {1, -1}>() p = MatMul(a, v) "
    last = constant("c", 0.5) + "q = Add(p, c) y = Identity(q)"
    bias = vector("bias", [0.1, -0.2])
    model = model_of(shape + weights + bias + body + second + last, "1, 2, 3", opset)
    assert_same_function(model, "relu")


def test_linear_models_of_skl2onnx():
    model = model_of("y = Identity(x)")
    given = {"coefficients": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0] * 2, "targets": 2}
    node = onnx.helper.make_node(
        "LinearRegressor", ["x"], ["y"], domain="ai.onnx.ml", **given, intercepts=[1, 2]
    )
    model.graph.node[0].CopyFrom(node)
    network = FeedForward.from_onnx(model)
    assert np.array_equal(network.forward(np.ones((1, 6))), [[22.0, 23.0]])
    columns = "y = Identity(x)"
    model = model_of(vector("places", [2, 0], "int64") + columns)
    model.graph.node[1].CopyFrom(
        onnx.helper.make_node(
            "ArrayFeatureExtractor", ["x", "places"], ["y"], domain="ai.onnx.ml"
        )
    )
    chosen = FeedForward.from_onnx(model)
    assert np.array_equal(chosen.weights[0], np.eye(6)[[2, 0]])


@pytest.mark.parametrize(
    "body, said",
    [
        ("y = Softsign(x)", "Softsign"),
        ("y = LogSoftmax(x)", "LogSoftmax.*mixes"),
        ("p = Relu(x) y = ArgMax<axis = 1>(p)", "ArgMax.*labels.*output='p'"),
        ("y = ThresholdedRelu(x)", "ThresholdedRelu.*jumps"),
        ("a = Relu(x) y = Max(a, x)", "Max.*both depend"),
        ("a = Relu(x) y = Concat<axis = 1>(a, x)", "Concat.*torch module"),
        ("i = Cast<to = 7>(x) y = Gather(x, i)", "Cast.*no floating"),
        (HIGH + LOW + "y = Clip(x, high, low)", "Clip.*wrong order"),
        ("y = Conv(x, x)", "Conv.*torch module"),
        ("y = LayerNormalization(x, x)", "LayerNormalization"),
    ],
)
def test_other_operators_are_refused_by_name(body, said):
    with pytest.raises(UnsupportedModelError, match=said):
        FeedForward.from_onnx(model_of(body))
