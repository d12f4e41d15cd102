# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""ONNX graphs as networks, held against ONNX's own reference evaluator.

Also tests of ``networks/_onnx/values.py``.
"""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from sklip.exceptions import UnsupportedModelError
from sklip.networks import FeedForward

OPSETS = range(13, 24)


def graph_of(nodes, constants, shape, *, opset=17, outputs=("y",), dtype="double"):
    """ONNX model with the input x of a shape, and its tensors by name."""
    kind = {"double": TensorProto.DOUBLE, "float": TensorProto.FLOAT}[dtype]
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info(name, kind, None) for name in outputs],
        [
            numpy_helper.from_array(np.asarray(value), name)
            for name, value in constants.items()
        ],
    )
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=imports)


def assert_same_function(model, shape, rtol=1e-12):
    """The network computes what the reference evaluator does."""
    network = FeedForward.from_onnx(model)
    shape = [d if isinstance(d, int) else 1 for d in shape]
    evaluator = ReferenceEvaluator(model)
    for seed in range(3):
        x = np.random.default_rng(seed).normal(size=shape)
        expected = evaluator.run(None, {"x": x})[0]
        found = network.forward(x.reshape(1, -1))
        np.testing.assert_allclose(found, expected.reshape(1, -1), rtol, 1e-12)
    return network


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def node(kind, inputs, output, **attributes):
    return helper.make_node(
        kind, inputs, [output], name=f"{kind}_{output}", **attributes
    )


@pytest.mark.parametrize("opset", OPSETS)
def test_a_perceptron_in_every_opset(opset, rng):
    constants = {
        "mean": rng.normal(size=4),
        "std": rng.uniform(0.5, 2.0, size=4),
        "w": rng.normal(size=(5, 4)),
        "b": rng.normal(size=5),
        "v": rng.normal(size=(5, 3)),
        "c": rng.normal(size=3),
    }
    nodes = [
        node("Sub", ["x", "mean"], "centered"),
        node("Div", ["centered", "std"], "scaled"),
        node("Flatten", ["scaled"], "flat"),
        node("Gemm", ["flat", "w", "b"], "z", transB=1),
        node("Relu", ["z"], "a"),
        node("MatMul", ["a", "v"], "product"),
        node("Add", ["c", "product"], "y"),
    ]
    model = graph_of(nodes, constants, ["batch", 4], opset=opset)
    network = assert_same_function(model, ["batch", 4])
    assert network.layer_sizes == (4, 5, 3)
    assert network.activation == ("relu",)


@pytest.mark.parametrize(
    "kind, attributes, name",
    [
        ("Relu", {}, "relu"),
        ("LeakyRelu", {"alpha": 0.25}, "leaky_relu(0.25)"),
        ("Elu", {"alpha": 0.5}, "elu(0.5)"),
        ("Sigmoid", {}, "logistic"),
        ("Tanh", {}, "tanh"),
        ("Softplus", {}, "softplus"),
        ("Abs", {}, "abs"),
        ("HardSwish", {}, "hardswish"),
        ("Mish", {}, "mish"),
        ("Gelu", {}, "gelu"),
        ("Gelu", {"approximate": "tanh"}, "gelu_tanh"),
    ],
)
def test_activations(kind, attributes, name, rng):
    constants = {"w": rng.normal(size=(3, 4)), "v": rng.normal(size=(4, 2))}
    nodes = [
        node("MatMul", ["x", "w"], "z"),
        node(kind, ["z"], "a", **attributes),
        node("MatMul", ["a", "v"], "y"),
    ]
    model = graph_of(nodes, constants, [1, 3], opset=20)
    # The standard writes some constants (as sqrt(2 / pi)) with few digits.
    network = assert_same_function(model, [1, 3], rtol=1e-6)
    assert network.activation == (name,)


def gelu_nodes(form):
    half, one, root = "half", "one", "root"
    if form == "last":
        return [
            node("Div", ["z", root], "t"),
            node("Erf", ["t"], "e"),
            node("Add", ["e", one], "g"),
            node("Mul", ["z", "g"], "p"),
            node("Mul", ["p", half], "a"),
        ]
    if form == "gate":
        return [
            node("Div", ["z", root], "t"),
            node("Erf", ["t"], "e"),
            node("Add", ["e", one], "g"),
            node("Mul", ["g", half], "h"),
            node("Mul", ["h", "z"], "a"),
        ]
    return [
        node("Mul", ["z", half], "first"),
        node("Mul", ["z", "inverse"], "t"),
        node("Erf", ["t"], "e"),
        node("Add", [one, "e"], "g"),
        node("Mul", ["first", "g"], "a"),
    ]


@pytest.mark.parametrize("form", ["last", "gate", "first"])
def test_gelu_written_with_erf(form, rng):
    constants = {
        "w": rng.normal(size=(3, 4)),
        "v": rng.normal(size=(4, 2)),
        "half": np.array(0.5),
        "one": np.array(1.0),
        "root": np.sqrt(np.float64(2.0)),
        "inverse": np.array(np.sqrt(0.5)),
    }
    nodes = [
        node("MatMul", ["x", "w"], "z"),
        *gelu_nodes(form),
        node("MatMul", ["a", "v"], "y"),
    ]
    # The reference evaluator's Erf is one of single precision.
    network = assert_same_function(graph_of(nodes, constants, [1, 3]), [1, 3], 1e-6)
    assert network.activation == ("gelu",)


@pytest.mark.parametrize(
    "kind, name", [("Sigmoid", "silu"), ("HardSigmoid", "hardswish")]
)
def test_gates_of_the_tensor_itself(kind, name, rng):
    attributes = {"alpha": 1.0 / 6.0} if kind == "HardSigmoid" else {}
    constants = {"w": rng.normal(size=(3, 4)), "v": rng.normal(size=(4, 2))}
    nodes = [
        node("MatMul", ["x", "w"], "z"),
        node(kind, ["z"], "g", **attributes),
        node("Mul", ["g", "z"], "a"),
        node("MatMul", ["a", "v"], "y"),
    ]
    network = assert_same_function(graph_of(nodes, constants, [1, 3]), [1, 3], 1e-6)
    assert network.activation == (name,)


def test_a_gate_of_another_tensor_is_refused(rng):
    constants = {"w": rng.normal(size=(3, 3)), "two": np.array(2.0)}
    nodes = [
        node("MatMul", ["x", "w"], "z"),
        node("Mul", ["z", "two"], "other"),
        node("Sigmoid", ["other"], "g"),
        node("Mul", ["g", "z"], "y"),
    ]
    with pytest.raises(UnsupportedModelError, match="Mul .*both depend"):
        FeedForward.from_onnx(graph_of(nodes, constants, [1, 3]))


def test_a_sigmoid_used_twice_is_one_layer(rng):
    constants = {"w": rng.normal(size=(3, 4)), "two": np.array(2.0)}
    nodes = [
        node("MatMul", ["x", "w"], "z"),
        node("Sigmoid", ["z"], "g"),
        node("Mul", ["g", "two"], "double"),
        node("Add", ["g", "double"], "y"),
    ]
    network = assert_same_function(graph_of(nodes, constants, [1, 3]), [1, 3])
    assert network.activation == ("logistic",)


@pytest.mark.parametrize("form", ["negated", "one less", "half less one"])
def test_arithmetic_of_a_gate(form, rng):
    constants = {"w": rng.normal(size=(3, 4)), "one": np.array(1.0)}
    constants["two"] = np.array(2.0)
    after = {
        "negated": [node("Neg", ["g"], "y")],
        "one less": [node("Sub", ["one", "g"], "y")],
        "half less one": [
            node("Div", ["g", "two"], "half"),
            node("Sub", ["half", "one"], "y"),
        ],
    }
    nodes = [node("MatMul", ["x", "w"], "z"), node("Sigmoid", ["z"], "g"), *after[form]]
    assert_same_function(graph_of(nodes, constants, [1, 3]), [1, 3])


@pytest.mark.parametrize("axis", [1, -3, 2, -1])
def test_flattening_from_any_axis(axis, rng):
    constants = {"w": rng.normal(size=({1: 12, -3: 12, 2: 6, -1: 3}[axis], 2))}
    nodes = [
        node("Flatten", ["x"], "flat", axis=axis),
        node("MatMul", ["flat", "w"], "y"),
    ]
    model = graph_of(nodes, constants, [1, 2, 2, 3])
    network = FeedForward.from_onnx(model)
    x = rng.normal(size=(1, 2, 2, 3))
    expected = ReferenceEvaluator(model).run(None, {"x": x})[0]
    found = network.forward(x.reshape(1, -1))
    np.testing.assert_allclose(found, expected.reshape(1, -1), 1e-12)


def test_casts_to_floating_point_alone():
    for to, refused in ((TensorProto.DOUBLE, False), (TensorProto.INT64, True)):
        model = graph_of([node("Cast", ["x"], "y", to=to)], {}, [1, 3])
        if refused:
            with pytest.raises(UnsupportedModelError, match="floating point"):
                FeedForward.from_onnx(model)
        else:
            assert FeedForward.from_onnx(model).n_outputs == 3


@pytest.mark.parametrize("training", [None, False, True])
def test_dropout_is_nothing_but_in_training(training, rng):
    inputs = ["x"] if training is None else ["x", "ratio", "training"]
    constants = {"ratio": np.array(0.5), "training": np.array(bool(training))}
    model = graph_of([node("Dropout", inputs, "y")], constants, [1, 3])
    if training:
        with pytest.raises(UnsupportedModelError, match="random"):
            FeedForward.from_onnx(model)
    else:
        assert_same_function(model, [1, 3])


def test_two_inputs_are_refused(rng):
    model = graph_of([node("Add", ["x", "b"], "y")], {}, [1, 3])
    model.graph.input.append(
        helper.make_tensor_value_info("b", TensorProto.DOUBLE, [1, 3])
    )
    with pytest.raises(UnsupportedModelError, match=r"2 inputs \(x, b\)"):
        FeedForward.from_onnx(model)


def test_shapes_move_entries_and_nothing_else(rng):
    constants = {
        "order": np.array([0, 6, -1]),
        "axis": np.array([2]),
        "w": rng.normal(size=(5, 6)),
        "first": np.array([1]),
    }
    nodes = [
        node("Transpose", ["x"], "t", perm=[0, 2, 1]),
        node("Reshape", ["t", "order"], "r"),
        node("Unsqueeze", ["r", "first"], "u"),
        node("Squeeze", ["u", "first"], "s"),
        node("MatMul", ["w", "s"], "z"),
        node("Tanh", ["z"], "a"),
        node("Squeeze", ["a", "axis"], "y"),
    ]
    model = graph_of(nodes, constants, [1, 2, 3])
    assert_same_function(model, [1, 2, 3])


def test_batch_normalization_and_scaler(rng):
    n = 4
    constants = {
        name: rng.uniform(0.5, 2.0, size=n)
        for name in ("scale", "shift", "mean", "var")
    }
    nodes = [
        helper.make_node(
            "Scaler",
            ["x"],
            ["s"],
            domain="ai.onnx.ml",
            offset=[1.0] * n,
            scale=[0.5] * n,
        ),
        node("BatchNormalization", ["s", "scale", "shift", "mean", "var"], "y"),
    ]
    network = FeedForward.from_onnx(graph_of(nodes, constants, [1, n]))
    x = rng.normal(size=(1, n))
    scaled = (x - 1.0) * 0.5
    expected = (scaled - constants["mean"]) / np.sqrt(constants["var"] + 1e-5)
    expected = expected * constants["scale"] + constants["shift"]
    np.testing.assert_allclose(network.forward(x), expected, 1e-7)


def test_constants_are_computed_by_any_operator(rng):
    constants = {"w": rng.normal(size=(2, 3)), "v": rng.normal(size=(3, 4))}
    nodes = [
        node("MatMul", ["w", "v"], "wv"),
        node("Sin", ["wv"], "s"),
        node("MatMul", ["x", "s"], "y"),
    ]
    network = FeedForward.from_onnx(graph_of(nodes, constants, [1, 2]))
    expected = np.sin(constants["w"] @ constants["v"])
    np.testing.assert_allclose(network.weights[0].T, expected, 1e-14)


def test_single_precision_weights_are_read_exactly(rng):
    w = rng.normal(size=(3, 2)).astype(np.float32)
    model = graph_of([node("MatMul", ["x", "w"], "y")], {"w": w}, [1, 3], dtype="float")
    network = FeedForward.from_onnx(model)
    assert np.array_equal(network.weights[0], w.T.astype(np.float64))


@pytest.mark.parametrize(
    "nodes, said",
    [
        ([node("Softmax", ["x"], "y")], r"Softmax \(node 'Softmax_y'\).*mixes"),
        ([node("Sin", ["x"], "y")], "Sin"),
        ([node("Mul", ["x", "x"], "y")], "Mul.*both depend"),
        ([node("Relu", ["x"], "a"), node("Add", ["a", "x"], "y")], "Add.*residual"),
        ([node("Relu", ["x"], "a"), node("Tanh", ["x"], "y")], None),
        (
            [
                node("Relu", ["x"], "a"),
                node("Tanh", ["x"], "b"),
                node("Add", ["a", "b"], "y"),
            ],
            "branch",
        ),
        ([node("Erf", ["x"], "y")], "Erf"),
        ([helper.make_node("Mine", ["x"], ["y"], domain="org.me")], "org.me.Mine"),
    ],
)
def test_what_is_no_chain_is_refused_by_name(nodes, said):
    model = graph_of(nodes, {}, [1, 3])
    if said is None:  # what the output does not depend on does not matter
        assert FeedForward.from_onnx(model).activation == ("tanh",)
        return
    with pytest.raises(UnsupportedModelError, match=said):
        FeedForward.from_onnx(model)


def test_the_logits_in_front_of_a_softmax(rng):
    constants = {"w": rng.normal(size=(3, 2))}
    nodes = [node("MatMul", ["x", "w"], "z"), node("Softmax", ["z"], "y")]
    model = graph_of(nodes, constants, [1, 3])
    with pytest.raises(UnsupportedModelError, match="output='z'"):
        FeedForward.from_onnx(model)
    logits = FeedForward.from_onnx(model, output="z")
    assert np.array_equal(logits.weights[0], constants["w"].T)


def test_several_outputs_need_a_name(rng):
    nodes = [node("Relu", ["x"], "a"), node("Identity", ["a"], "b")]
    model = graph_of(nodes, {}, [1, 3], outputs=("a", "b"))
    with pytest.raises(ValueError, match="'a', 'b'"):
        FeedForward.from_onnx(model)
    assert FeedForward.from_onnx(model, output="b").activation == ("relu",)


def test_a_graph_out_of_order_is_refused():
    nodes = [node("Relu", ["a"], "y"), node("Relu", ["x"], "a")]
    with pytest.raises(ValueError, match="'a' before"):
        FeedForward.from_onnx(graph_of(nodes, {}, [1, 3]))


@pytest.mark.parametrize("shape, said", [([1, "n"], "unknown"), ([1, 30_000], "20000")])
def test_inputs_that_have_no_size(shape, said):
    model = graph_of([node("Relu", ["x"], "y")], {}, shape)
    with pytest.raises((ValueError, UnsupportedModelError), match=said):
        FeedForward.from_onnx(model)


def test_from_a_file_with_external_data(tmp_path, rng):
    w = rng.normal(size=(30, 20))
    model = graph_of([node("MatMul", ["x", "w"], "y")], {"w": w}, [1, 30])
    path, text = tmp_path / "model.onnx", model.SerializeToString()
    onnx.save_model(
        model, path, save_as_external_data=True, location="data.bin", size_threshold=0
    )
    assert np.array_equal(FeedForward.from_onnx(path).weights[0], w.T)
    plain = FeedForward.from_onnx(text)
    assert plain.hash == FeedForward.from_onnx(str(path)).hash


@pytest.mark.parametrize("model, error", [(b"no model", ValueError), (3, TypeError)])
def test_what_is_no_onnx(model, error):
    with pytest.raises(error, match="ONNX|model"):
        FeedForward.from_onnx(model)
    with pytest.raises(FileNotFoundError):
        FeedForward.from_onnx("not there.onnx")


def test_a_hard_sigmoid_has_the_slope_of_the_standard():
    """One fifth, where nothing is said."""
    model = graph_of([node("HardSigmoid", ["x"], "y")], {}, [1, 3])
    network = FeedForward.from_onnx(model)
    X = np.array([[-9.0, -1.0, 0.0], [1.0, 2.4, 2.6]])
    expected = np.clip(0.2 * X + 0.5, 0.0, 1.0)
    np.testing.assert_allclose(network.forward(X), expected, atol=1e-15)


def test_reshape_keeps_and_works_out_sizes(rng):
    """0 keeps an axis, -1 is what is left; a size may be neither."""
    for target, rows in (([0, -1], (1, 6)), ([2, -1], (2, 3)), ([3, 2], (3, 2))):
        constants = {"s": np.array(target), "w": rng.normal(size=(rows[1], 4))}
        nodes = [node("Reshape", ["x", "s"], "r"), node("MatMul", ["r", "w"], "m")]
        nodes.append(node("Flatten", ["m"], "y", axis=0))
        model = graph_of(nodes, constants, [1, 6])
        assert_same_function(model, [1, 6])
