# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""``python -m sklip verify``: unsat, sat with the point, unknown, and its errors."""

import gzip
import re

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from sklip import Specification, to_onnx
from sklip.__main__ import main
from sklip.networks import random_network


@pytest.fixture
def network(tmp_path):
    """The absolute value of one input."""
    constants = {"w": np.array([[1.0, -1.0]]), "v": np.array([[1.0], [1.0]])}
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["z"]),
            helper.make_node("Relu", ["z"], ["a"]),
            helper.make_node("MatMul", ["a", "v"], ["y"]),
        ],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.DOUBLE, [1, 1])],
        [helper.make_tensor_value_info("y", TensorProto.DOUBLE, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    path = tmp_path / "net.onnx"
    onnx.save_model(helper.make_model(graph), path)
    return path


@pytest.fixture
def below(tmp_path):
    """A file that says: the output stays below a limit on [-1, 2]."""

    def write(limit):
        path = tmp_path / "p.vnnlib"
        Specification([-1.0], [2.0], [([[-1.0]], [-limit])]).to_vnnlib(path)
        return path

    return write


def run(capsys, *arguments):
    code = main(["verify", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out.splitlines(), err


def test_unsat(network, below, capsys):
    assert run(capsys, network, below(2.5)) == (0, ["unsat"], "")


def test_sat_with_the_point(network, below, capsys):
    code, out, _ = run(capsys, network, below(1.5))
    assert (code, out[0]) == (0, "sat")
    x, y = (float(re.fullmatch(r"\([XY]_0 (.+)\)", line)[1]) for line in out[1:])
    assert -1.0 <= x <= 2.0 and y == abs(x) >= 1.5


def test_a_graph_with_a_convolution(tmp_path, capsys):
    # Differences of neighbours, each cut at zero, and their sum.
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["z"]),
        helper.make_node("Relu", ["z"], ["a"]),
        helper.make_node("Flatten", ["a"], ["f"]),
        helper.make_node("MatMul", ["f", "ones"], ["y"]),
    ]
    kernel, ones = np.array([[[-1.0, 1.0]]], np.float32), np.ones((2, 1), np.float32)
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1])],
        [
            numpy_helper.from_array(kernel, "kernel"),
            numpy_helper.from_array(ones, "ones"),
        ],
    )
    onnx.save_model(helper.make_model(graph), tmp_path / "net.onnx")
    # The middle lies between the ends: the rises add up to 1.
    for limit, answer in ((1.001, "unsat"), (0.999, "sat")):
        case = Specification([0.0, 0.5, 1.0], [0.0, 1.0, 1.0], [([[-1.0]], [-limit])])
        case.to_vnnlib(tmp_path / "p.vnnlib")
        code, out, _ = run(capsys, tmp_path / "net.onnx", tmp_path / "p.vnnlib")
        assert (code, out[0]) == (0, answer)


def test_unknown_when_time_is_over(tmp_path, capsys):
    network = random_network((6, 20, 20, 20, 1), gain=2.0, random_state=0)
    highest = network.forward(np.random.default_rng(0).uniform(-1, 1, (1000, 6))).max()
    asked = Specification(-np.ones(6), np.ones(6), [([[-1.0]], [-1.5 * highest])])
    to_onnx(network, tmp_path / "net.onnx")
    asked.to_vnnlib(tmp_path / "p.vnnlib")
    files = tmp_path / "net.onnx", tmp_path / "p.vnnlib"
    code, out, _ = run(capsys, *files, "--time-limit", "1e-9")
    assert (code, out[0]) == (0, "unknown")
    assert "least margin" in out[1]


def test_packed_files(network, below, capsys):
    packed = []
    for path in (network, below(2.5)):
        packed.append(path.with_name(path.name + ".gz"))
        packed[-1].write_bytes(gzip.compress(path.read_bytes()))
    assert run(capsys, *packed)[1] == ["unsat"]


@pytest.mark.parametrize("name", ["net.onnx", "p.vnnlib"])
def test_a_file_that_is_not_there(network, below, capsys, name):
    below(1.0)
    (network.parent / name).unlink()
    code, out, err = run(capsys, network, network.parent / "p.vnnlib")
    assert (code, out) == (2, [])
    assert name in err and err.count("\n") == 1


def test_faults_are_one_sentence(network, below, capsys):
    path = below(1.0)
    path.write_text("(assert (<= X_0 1)")
    code, out, err = run(capsys, network, path)
    assert (code, out) == (2, []) and "line 1" in err
    code, _, err = run(capsys, path, path)
    assert code == 2 and "ONNX" in err
    code, _, err = run(capsys, network, below(1.0), "--output", "q")
    assert code == 2 and "'q'" in err
    code, _, err = run(capsys, network, path, "--time-limit", "0")
    assert code == 2 and "--time-limit" in err
