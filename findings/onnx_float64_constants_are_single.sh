#!/usr/bin/env bash
# Constants of some ONNX operators are single precision even where all tensors are float64.
#
# Expected: Gelu(approximate="tanh") and HardSwish of float64 tensors are the stated
#   formulas in float64.
# Instead: the operators are functions whose bodies hold 0.044715 and 1/6 as float32
#   attributes (attributes have no double type). onnx.reference and onnxruntime agree with
#   each other, and are both off: Gelu by 5.8e-9 on [-3, 3]; HardSwish by 3.1e-8 in the
#   reference evaluator (onnxruntime has no float64 kernel for it).
# Seen with onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6, Python 3.11, on 2026-11-28.
# sklip: a network that is read from ONNX computes the stated formulas in float64; a
#   runtime's own constants and roundings are not part of it, which the docstring of
#   FeedForward.from_onnx says.
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

x = np.linspace(-3.0, 3.0, 13)
kind, shape = TensorProto.DOUBLE, [len(x)]


def model_of(op, **attributes):
    graph = helper.make_graph(
        [helper.make_node(op, ["x"], ["y"], **attributes)],
        "g",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", kind, shape)],
    )
    imports = [helper.make_opsetid("", 20)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


inner = np.sqrt(2.0 / np.pi) * (x + 0.044715 * x**3)
gelu, model = 0.5 * x * (1.0 + np.tanh(inner)), model_of("Gelu", approximate="tanh")
first = ReferenceEvaluator(model).run(None, {"x": x})[0]
session = onnxruntime.InferenceSession(model.SerializeToString())
second = session.run(None, {"x": x})[0]
swish = x * np.clip(x / 6.0 + 0.5, 0.0, 1.0)
third = ReferenceEvaluator(model_of("HardSwish")).run(None, {"x": x})[0]
for name, found, exact in (
    ("Gelu, onnx.reference", first, gelu),
    ("Gelu, onnxruntime", second, gelu),
    ("HardSwish, onnx.reference", third, swish),
):
    off = float(np.abs(found - exact).max())
    print(f"{name}: dtype {found.dtype}, largest error {off:.1e}")
    if found.dtype != np.float64 or not 1e-9 < off < 1e-7:
        sys.exit(1)
PY
