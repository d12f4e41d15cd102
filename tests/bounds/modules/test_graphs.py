# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""ONNX graphs with convolutions and branches: graphs/, held against onnxruntime."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

import sklip
from sklip.bounds import module_from_onnx
from sklip.exceptions import UnsupportedModelError

SHAPE = (2, 7, 6)


def node(kind, given, output="y", **attributes):
    return helper.make_node(
        kind, given.split(), [output], name=f"{kind}_{output}", **attributes
    )


def graph_of(nodes, constants=None, shape=SHAPE, batch="n", outputs=("y",), opset=22):
    def declared(name, shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        nodes,
        "graph",
        [declared("x", [batch, *shape])],
        [declared(name, None) for name in outputs],
        [
            numpy_helper.from_array(np.asarray(value, np.float32), name)
            if np.asarray(value).dtype.kind == "f"
            else numpy_helper.from_array(np.asarray(value, np.int64), name)
            for name, value in (constants or {}).items()
        ],
    )
    imports = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


def flat(model, x):
    """Outputs of onnxruntime, a row for each sample."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return session.run(None, {"x": x.astype(np.float32)})[0].reshape(len(x), -1)


def assert_read(model, shape=SHAPE):
    """The module computes what the runtime does, for several samples at a time."""
    module = module_from_onnx(model)
    x = 2.0 * np.random.default_rng(1).normal(size=(3, *shape)).astype(np.float32)
    with torch.no_grad():
        found = module(torch.from_numpy(x).double()).numpy()
    np.testing.assert_allclose(found, flat(model, x), rtol=2e-5, atol=2e-5)
    return module


rng = np.random.default_rng(0)
KERNEL = rng.normal(size=(4, 2, 3, 2))
CONVOLUTIONS = {
    "plain": {},
    "strides": {"strides": [2, 1], "pads": [1, 1, 1, 1]},
    "unlike sides": {"strides": [2, 2], "pads": [0, 1, 2, 0]},
    "dilation": {"dilations": [2, 3], "pads": [1, 1, 1, 1]},
    "SAME_UPPER": {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
    "SAME_LOWER": {"auto_pad": "SAME_LOWER", "strides": [2, 1]},
    "VALID": {"auto_pad": "VALID"},
}


@pytest.mark.parametrize("attributes", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_convolutions(attributes):
    conv = node("Conv", "x w b", **attributes)
    assert_read(graph_of([conv], {"w": KERNEL, "b": rng.normal(size=4)}))


def test_groups_and_one_axis():
    conv = node("Conv", "x w", group=2, pads=[2, 0])
    kernel = rng.normal(size=(6, 1, 3))
    assert_read(graph_of([conv], {"w": kernel}, shape=(2, 9)), (2, 9))


POOLS = {
    "max": node("MaxPool", "x", kernel_shape=[3, 2], strides=[2, 2], pads=[1, 1] * 2),
    "ceil": node("MaxPool", "x", kernel_shape=[3, 4], strides=[2, 3], ceil_mode=1),
    "dilated": node("MaxPool", "x", kernel_shape=[2, 2], dilations=[2, 3]),
    "mean": node("AveragePool", "x", kernel_shape=[3, 2], pads=[1, 1] * 2),
    "counted": node(
        "AveragePool", "x", kernel_shape=[3, 2], pads=[1, 0] * 2, count_include_pad=1
    ),
    "global mean": node("GlobalAveragePool", "x"),
    "global max": node("GlobalMaxPool", "x"),
    "reduced": node("ReduceMean", "x axes", keepdims=0),
    "padded": node("Pad", "x pads"),
    "normed": node("BatchNormalization", "x scale shift mean variance"),
}


@pytest.mark.parametrize("pool", POOLS.values(), ids=POOLS)
def test_what_acts_on_each_channel(pool):
    constants = {
        "axes": [3, 2],
        "pads": [0, 0, 1, 0, 0, 0, 2, 1],
        "scale": rng.normal(size=2),
        "shift": rng.normal(size=2),
        "mean": rng.normal(size=2),
        "variance": rng.uniform(0.5, 2.0, size=2),
    }
    used = {name: constants[name] for name in pool.input if name != "x"}
    assert_read(graph_of([pool], used))


ACTIVATIONS = {
    "Abs": {},
    "Celu": {"alpha": 0.5},
    "Elu": {"alpha": 0.25},
    "Gelu": {"approximate": "tanh"},
    "HardSigmoid": {"alpha": 1.0 / 6.0},
    "HardSwish": {},
    "LeakyRelu": {"alpha": 0.25},
    "Mish": {},
    "Relu": {},
    "Selu": {},
    "Sigmoid": {},
    "Softplus": {},
    "Tanh": {},
}


@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_activations_behind_a_convolution(kind):
    nodes = [node("Conv", "x w", "z"), node(kind, "z", **ACTIVATIONS[kind])]
    module = assert_read(graph_of(nodes, {"w": KERNEL}))
    assert np.isfinite(sklip.lipschitz_bound(module, method="product").value)


WRITTEN_OUT = {
    "silu": [node("Sigmoid", "x", "s"), node("Mul", "s x")],
    "hardswish": [
        node("HardSigmoid", "x", "s", alpha=1.0 / 6.0),
        node("Mul", "x s"),
    ],
    "gelu": [
        node("Div", "x root", "z"),
        node("Erf", "z", "e"),
        node("Add", "e one", "g"),
        node("Mul", "x g", "two"),
        node("Mul", "two half"),
    ],
    "clip": [node("Clip", "x one high")],
    "relu": [node("Clip", "x zero")],
    "prelu": [node("PRelu", "x half")],
    "sums": [node("Sub", "one x", "a"), node("Neg", "x", "b"), node("Sum", "a b x")],
    "stacked": [node("Relu", "x", "a"), node("Concat", "a x", axis=-1)],
    "moved": [
        node("Unsqueeze", "x at", "a"),
        node("Transpose", "a", "b", perm=[0, 2, 1, 3, 4]),
        node("Squeeze", "b two_", "c"),
        node("Dropout", "c", "d"),
        node("Flatten", "d"),
    ],
    "channels last": [
        node("Transpose", "x", "a", perm=[0, 2, 3, 1]),
        node("Relu", "a", "b"),
        node("Flatten", "b"),
    ],
    "rows": [
        node("Shape", "x", "shape"),
        node("Gather", "shape place", "n"),
        node("Unsqueeze", "n place", "first"),
        node("Concat", "first rest", "to", axis=0),
        node("Reshape", "x to"),
    ],
}
NUMBERS = {
    "root": np.sqrt(2.0),
    "one": 1.0,
    "half": 0.5,
    "zero": 0.0,
    "high": 2.0,
    "at": [1],
    "two_": [2],
    "place": np.array(0),
    "rest": [2, -1],
}


@pytest.mark.parametrize("nodes", WRITTEN_OUT.values(), ids=WRITTEN_OUT)
def test_what_exporters_write_out(nodes):
    used = {name for n in nodes for name in n.input}
    constants = {name: v for name, v in NUMBERS.items() if name in used}
    if "place" in used:
        nodes = [*nodes[:2], node("Unsqueeze", "n axis", "first"), *nodes[3:]]
        constants["axis"] = [0]
    assert_read(graph_of(nodes, constants))


REFUSED = {
    "ConvTranspose": (node("ConvTranspose", "x w"), "ConvTranspose_y.* is not supp"),
    "Softmax": (node("Softmax", "x"), "its decision is that of its input"),
    "Transpose": (node("Transpose", "x", perm=[1, 0, 2, 3]), "leave the first axis"),
    "mixes": (node("Flatten", "x", axis=2), "Flatten_y.*mixes samples"),
    "batch": (node("Reshape", "x all"), "leave the first axis"),
    "squared": (node("Mul", "x x"), "Mul_y.*both depend on the input"),
    "erf": (node("Erf", "x"), "part of gelu"),
    "pads": (node("Pad", "x far"), "Pad_y.*channels"),
    "slopes": (node("PRelu", "x s"), "several channels"),
    "ceil": (
        node("AveragePool", "x", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
        "AveragePool_y.*ceil_mode",
    ),
    "larger": (node("Add", "x large"), "a larger shape"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name):
    given, match = REFUSED[name]
    constants = {
        "w": rng.normal(size=(2, 4, 3, 3)),
        "all": [-1],
        "far": [0, 1, 0, 0, 0, 0, 0, 0],
        "s": [[[0.1]], [[0.2]]],
        "large": np.ones((5, *SHAPE)),
    }
    used = {k: v for k, v in constants.items() if k in given.input}
    with pytest.raises(UnsupportedModelError, match=match):
        module_from_onnx(graph_of([given], used))


def test_the_batch_comes_first():
    conv = graph_of([node("Conv", "x w")], {"w": KERNEL}, batch=3)
    with pytest.raises(UnsupportedModelError, match="must be the batch"):
        module_from_onnx(conv)


@pytest.fixture(scope="module")
def residual():
    """Convolutions, a residual sum and pooling in front of logits and a softmax."""
    generator = np.random.default_rng(3)
    constants = {
        "v": 0.3 * generator.normal(size=(2, 2, 3, 3)),
        "w": 0.5 * generator.normal(size=(3, 24)),
        "c": generator.normal(size=3),
    }
    nodes = [
        node("Conv", "x v", "z", pads=[1, 1, 1, 1]),
        node("Relu", "z", "a"),
        node("Add", "a x", "sum"),
        node(
            "MaxPool", "sum", "m", kernel_shape=[2, 2], strides=[2, 2], pads=[1, 0] * 2
        ),
        node("Flatten", "m", "f"),
        node("Gemm", "f w c", "logits", transB=1),
        node("Softmax", "logits"),
    ]
    return graph_of(nodes, constants, outputs=("logits",))


def test_public_functions_take_the_graph_and_its_file(residual, tmp_path):
    path = tmp_path / "net.onnx"
    onnx.save_model(residual, path)
    X = np.random.default_rng(0).normal(size=(3, 84))
    images = X.reshape(3, *SHAPE)
    radius = sklip.certified_radius(residual, X)
    np.testing.assert_array_equal(radius, sklip.certified_radius(str(path), images))
    assert (radius >= sklip.certified_radius(residual, X, method="product")).all()
    rows, distance = sklip.minimum_norm_attack(residual, X, random_state=0)
    assert (distance >= radius).all() and np.isfinite(distance).all()
    # The runtime rounds to float32.
    beyond = X + 1.001 * (rows - X)
    before, after = (flat(residual, Z.reshape(-1, *SHAPE)) for Z in (X, beyond))
    assert (before.argmax(axis=1) != after.argmax(axis=1)).all()
    bound = sklip.lipschitz_bound(path).value
    assert (
        sklip.lipschitz_lower_bound(residual, X[:2], n_restarts=1, random_state=0).value
        <= bound
    )
    assert sklip.lipschitz_bound(residual).verify(path)


def test_logits_are_named(residual):
    both = onnx.ModelProto()
    both.CopyFrom(residual)
    both.graph.output.append(
        helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    )
    with pytest.raises(ValueError, match="'logits', 'y'.*module_from_onnx"):
        sklip.lipschitz_bound(both)
    named = module_from_onnx(both, output="logits")
    X = np.random.default_rng(0).normal(size=(2, 84))
    np.testing.assert_array_equal(sklip.margins(named, X), sklip.margins(residual, X))


def test_branches_without_convolutions():
    generator = np.random.default_rng(4)
    constants = {"w": generator.normal(size=(5, 5)), "v": generator.normal(size=(5, 2))}
    nodes = [
        node("MatMul", "x w", "z"),
        node("Tanh", "z", "a"),
        node("Add", "a x", "sum"),
        node("MatMul", "sum v"),
    ]
    model = graph_of(nodes, constants, shape=(5,))
    X = generator.normal(size=(3, 5))
    assert (sklip.certified_radius(model, X) > 0.0).all()
    # What no reading holds is said as for a network.
    nodes[1] = node("Sin", "z", "a")
    with pytest.raises(UnsupportedModelError, match="Sin_a"):
        sklip.lipschitz_bound(graph_of(nodes, constants, shape=(5,)))
