#!/usr/bin/env bash
# onnx2torch's NonZero has one row an element, ONNX's one row a dimension.
#
# Expected: NonZero of an array with r dimensions and n nonzero elements is r x n (ONNX
#   operator 9 and 13), as numpy.nonzero stacked.
# Instead: the converted module returns n x r, torch's own order, without a word. Where n
#   equals r, as for two nonzero elements of a matrix, even the shape is the same.
# Seen with onnx2torch 1.5.15, onnx 1.23.2, torch 2.14.1, numpy 2.4.6, Python 3.11, on
#   2026-11-29.
# sklip: reads ONNX files itself and refuses NonZero by name (its output's shape depends on
#   the values).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install onnx2torch==1.5.15 onnx==1.23.2 torch==2.14.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
import torch
from onnx import TensorProto, checker, helper
from onnx.reference import ReferenceEvaluator
from onnx2torch import convert

def graph(node, shape, out_shape, kind, constants):
    sides = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    ends = [helper.make_tensor_value_info("y", kind, out_shape)]
    model = helper.make_model(
        helper.make_graph([node], "one node", sides, ends, constants),
        opset_imports=[helper.make_opsetid("", 17)],
    )
    checker.check_model(model, full_check=True)
    return model


x = np.array([[0.0, 0.0], [3.0, 4.0]], dtype=np.float32)
node = helper.make_node("NonZero", ["x"], ["y"])
model = graph(node, [2, 2], [2, None], TensorProto.INT64, [])
seen = []
for array in (x, np.array([[1.0, 0.0], [1.0, 1.0]], dtype=np.float32)):
    right = ReferenceEvaluator(model).run(None, {"x": array})[0]
    converted = convert(model).eval()(torch.from_numpy(array)).numpy()
    print("onnx", right.tolist(), "onnx2torch", converted.tolist())
    seen.append(not np.array_equal(right, converted) and np.array_equal(right.T, converted))
sys.exit(0 if seen == [True, True] else 1)
PY
