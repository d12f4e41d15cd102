# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Networks out to ONNX and back: _export/activations.py, _onnx/functions.py.

Also tests of ``networks/_onnx/building.py`` and ``networks/_onnx/functions.py``.
"""

import numpy as np
import onnx
import pytest
from onnx import helper

from sklip import FeedForward, to_onnx
from sklip.exceptions import UnsupportedModelError
from sklip.networks import list_activations, random_network

NAMES = [*list_activations(), "elu(0.3)", "leaky_relu(0.2)", "leaky_relu(1.5)"]
# Far out, at zero and at kinks, where a formula may overflow or cancel.
EDGES = np.array([-1e300, -1e6, -700.0, -8.5, -6.0, -3.0, -1e-9, 0.0])


def network_of(name, n_inputs=5):
    sizes = [n_inputs, 7, 6, 3]
    network = random_network(sizes, activation="relu", random_state=0)
    biases = [np.linspace(-1.0, 1.0, len(b)) for b in network.biases]
    return FeedForward(network.weights, biases, name)


@pytest.mark.parametrize("name", NAMES)
def test_a_network_comes_back_as_it_was(name):
    network = network_of(name)
    text = to_onnx(network).SerializeToString()
    assert FeedForward.from_onnx(text).hash == network.hash


@pytest.mark.parametrize("name", NAMES)
def test_outputs_in_both_types(name, run):
    network = network_of(name)
    X = 4.0 * np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    for dtype, rtol in (("float64", 1e-12), ("float32", 1e-5)):
        found = run(to_onnx(network, dtype=dtype), X)["output"]
        assert found.dtype == dtype
        expected = network.forward(X)
        assert np.abs(found - expected).max() <= rtol * np.abs(expected).max()


@pytest.mark.parametrize("name", NAMES)
def test_each_activation_where_formulas_break(name, run):
    network = FeedForward([[[1.0]], [[1.0]]], None, name)
    X = np.concatenate([EDGES, -EDGES])[:, None]
    found = run(to_onnx(network), X)["output"]
    expected = network.forward(X)
    assert np.all(np.abs(found - expected) <= 1e-13 * np.maximum(np.abs(X), 1.0))


@pytest.mark.parametrize("name", ["gelu", "hardswish", "tanh"])
def test_every_node_has_a_name_of_its_own(name):
    # onnxruntime 1.20 and 1.21 refuse some graphs whose nodes have none.
    model = to_onnx(network_of(name))
    for part in (model.graph, *model.functions):
        names = [node.name for node in part.node]
        assert all(names)
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", ["gelu", "elu(0.5)", "tanh"])
def test_a_float32_export_is_another_network_and_can_be_read(name, run):
    network = network_of(name)
    made = to_onnx(network, dtype="float32")
    single = FeedForward.from_onnx(made)
    assert single.hash != network.hash
    for w, v in zip(single.weights, network.weights, strict=True):
        assert np.array_equal(w, v.astype(np.float32))
    X = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    np.testing.assert_allclose(run(made, X)["output"], single.forward(X), 1e-4, 1e-5)


def test_a_function_that_only_has_the_name_is_not_believed():
    made = to_onnx(network_of("softplus"))
    made.functions[0].node.append(
        helper.make_node("Mul", [made.functions[0].output[0]] * 2, ["other"])
    )
    made.functions[0].output[0] = "other"
    with pytest.raises(UnsupportedModelError, match="Exp|Abs|branch|Mul"):
        FeedForward.from_onnx(made)


def test_a_function_of_another_is_read_through():
    body = [helper.make_node("Relu", ["a"], ["b"])]
    imports = [helper.make_opsetid("", 20)]
    function = helper.make_function("org.me", "Mine", ["a"], ["b"], body, imports)
    kind = onnx.TensorProto.DOUBLE
    graph = helper.make_graph(
        [helper.make_node("Mine", ["x"], ["y"], domain="org.me")],
        "g",
        [helper.make_tensor_value_info("x", kind, [1, 3])],
        [helper.make_tensor_value_info("y", kind, [1, 3])],
    )
    imports = [*imports, helper.make_opsetid("org.me", 1)]
    model = helper.make_model(graph, opset_imports=imports, functions=[function])
    assert FeedForward.from_onnx(model).activation == ("relu",)


def test_to_a_file(tmp_path):
    network = network_of("relu")
    path = tmp_path / "net.onnx"
    to_onnx(network, path)
    assert FeedForward.from_onnx(path).hash == network.hash
