#!/usr/bin/env bash
# Marabou's call for local robustness asks a later class only where every earlier one wins.
#
# Expected: evaluateLocalRobustness(input, epsilon, originalClass) returns an assignment
#   when some class beats originalClass (or ties with it) within epsilon of the input.
# Instead: the constraint "class k beats the original class" of the first rival stays in
#   the network while the next rival is asked. If rival 1 cannot win, nothing after it can
#   be found: the answer is empty, as it is for a robust input, although class 2 wins on
#   half of the ball. With the two rivals swapped the same network is found not robust.
# Seen with maraboupy 2.0.0, onnx 1.17.0, onnxruntime 1.20.1, numpy 2.4.6, Python 3.11, on
#   2026-11-28.
# sklip: its comparisons put one rival at a time to a freshly read network
#   (benchmarks/verifiers.py).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install maraboupy==2.0.0 onnx==1.17.0 onnxruntime==1.20.1 numpy==2.4.6
cd "$folder"
PYTHONWARNINGS=ignore "$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
import onnx
from maraboupy import Marabou
from onnx import TensorProto, helper, numpy_helper


def write(name, scores):
    """Three logits of one input x: rows of `scores` are (slope, intercept)."""
    weight = np.array([[s for s, _ in scores]], np.float32)
    bias = np.array([b for _, b in scores], np.float32)
    one = np.ones((1, 1), np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "one"], ["h"]),
            helper.make_node("Add", ["h", "three"], ["shifted"]),
            helper.make_node("Relu", ["shifted"], ["r"]),
            helper.make_node("MatMul", ["r", "weight"], ["m"]),
            helper.make_node("Add", ["m", "bias"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])],
        [
            numpy_helper.from_array(one, "one"),
            numpy_helper.from_array(np.array([3.0], np.float32), "three"),
            numpy_helper.from_array(weight, "weight"),
            numpy_helper.from_array(bias, "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, name)


def is_flipped(name):
    network = Marabou.read_onnx(name)
    options = Marabou.createOptions(verbosity=0)
    values, _, rival = network.evaluateLocalRobustness(
        np.zeros(1), 1.0, 0, verbose=False, options=options
    )
    return len(values) > 0, rival


# x in [-1, 1], so r = x + 3 is in [2, 4]. Class 0 scores 0, one rival scores -5 and never
# wins, the other scores r - 3 = x and wins where x > 0.
never, wins = (0.0, -5.0), (1.0, -3.0)
write("first.onnx", [(0.0, 0.0), wins, never])
write("second.onnx", [(0.0, 0.0), never, wins])
first, second = is_flipped("first.onnx"), is_flipped("second.onnx")
print("the winning rival is class 1:", first)
print("the winning rival is class 2:", second)
sys.exit(0 if first == (True, 1) and second == (False, None) else 1)
PY
