#!/usr/bin/env bash
# The reference evaluator's Mean takes its shape from the first input.
#
# Expected: the inputs of Mean are broadcast against each other, as the standard says, in
#   any order; onnxruntime does so.
# Instead: onnx.reference adds to a copy of the first input in place, so a first input of
#   shape (3,) with a second one of shape (1, 3) raises "non-broadcastable output operand".
#   Sum and Max broadcast.
# Seen with onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6, Python 3.11, on 2026-11-28.
# sklip: constants are broadcast by numpy's rules where a graph is read; its tests put the
#   larger input first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator


def model_of(op):
    kind = TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node(op, ["a", "b"], ["y"])],
        "g",
        [
            helper.make_tensor_value_info("a", kind, [3]),
            helper.make_tensor_value_info("b", kind, [1, 3]),
        ],
        [helper.make_tensor_value_info("y", kind, [1, 3])],
    )
    imports = [helper.make_opsetid("", 20)]
    return helper.make_model(graph, opset_imports=imports, ir_version=9)


feeds = {"a": np.arange(3, dtype=np.float32), "b": np.ones((1, 3), np.float32)}
ReferenceEvaluator(model_of("Sum")).run(None, feeds)
model = model_of("Mean").SerializeToString()
try:
    print("onnxruntime:", onnxruntime.InferenceSession(model).run(None, feeds)[0])
except Exception as error:
    print("onnxruntime:", error)
    sys.exit(1)
try:
    print("onnx.reference:", ReferenceEvaluator(model_of("Mean")).run(None, feeds)[0])
except ValueError as error:
    print("onnx.reference:", error)
    sys.exit(0)
sys.exit(1)
PY
