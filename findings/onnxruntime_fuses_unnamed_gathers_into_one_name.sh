#!/usr/bin/env bash
# onnxruntime 1.20 and 1.21 give two fused nodes the same name and refuse the graph.
#
# Expected: names of nodes are optional, so a graph without them loads.
# Instead: where two tensors are each taken apart by Gather nodes along the last axis, both
#   groups are fused into a Split whose name is made from the (empty) names of the nodes,
#   and loading fails with "two nodes with same node name (/GatherSliceToSplitFusion/)".
#   With names, with one such tensor, or in 1.22.0, the same graph loads.
# Seen with onnxruntime 1.20.1, 1.21.0 and 1.22.0, onnx 1.17.0, numpy 2.2.6, Python 3.11, on
#   2026-11-28.
# sklip: every exported node is called like its first output (calibrated classifiers of
#   several folds take scores apart like this).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/load.py" <<'PY'
import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper


def model(is_named):
    def node(operator, inputs, output, **more):
        return helper.make_node(operator, inputs, [output], output if is_named else "", **more)

    nodes = [node("Sigmoid", ["x"], "u"), node("Tanh", ["x"], "v")]
    nodes += [node("Gather", [t, f"i{k}"], f"{t}{k}", axis=1) for t in "uv" for k in (0, 1)]
    nodes.append(node("Sum", ["u0", "u1", "v0", "v1"], "y"))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])],
        [numpy_helper.from_array(np.array([k], np.int64), f"i{k}") for k in (0, 1)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def outcome(is_named):
    try:
        session = onnxruntime.InferenceSession(model(is_named).SerializeToString())
    except Exception as error:
        return "same node name" if "two nodes with same node name" in str(error) else str(error)
    x = np.ones((2, 2), np.float32)
    expected = 2 / (1 + np.exp(-1)) + 2 * np.tanh(1)
    return "loads" if np.allclose(session.run(None, {"x": x})[0], expected) else "wrong"


version, seen = onnxruntime.__version__, (outcome(False), outcome(True))
print(version, "without names:", seen[0], "- with names:", seen[1])
first = "loads" if version.startswith("1.22") else "same node name"
sys.exit(0 if seen == (first, "loads") else 1)
PY
for version in 1.20.1 1.21.0 1.22.0; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" -q install "onnxruntime==$version" onnx==1.17.0 numpy==2.2.6
    "$folder/$version/bin/python" "$folder/load.py"
done
