#!/usr/bin/env bash
# onnx2torch sums from the end where a CumSum node leaves out its attribute.
#
# Expected: CumSum's attribute `reverse` is 0 where it is absent (ONNX operator 11 and 14),
#   so that 1 2 3 4 5 becomes 1 3 6 10 15, in onnx's reference and in onnxruntime.
# Instead: the converted module gives 15 14 12 9 5, the sums from the end, without a word;
#   with `exclusive` likewise. Only an explicit reverse=0 is read as 0. Exporters leave out
#   attributes at their default.
# Seen with onnx2torch 1.5.15, onnx 1.23.2, torch 2.14.1, numpy 2.4.6, Python 3.11, on
#   2026-11-29.
# sklip: reads ONNX files itself and refuses CumSum by name; a module made by a converter is
#   certified as the module it is, so compare it with the file's outputs before.
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


x = np.arange(1, 6, dtype=np.float32)
axis = helper.make_tensor("axis", TensorProto.INT64, [], [0])
seen = []
for options in ({}, {"exclusive": 1}, {"reverse": 0}, {"reverse": 1}):
    node = helper.make_node("CumSum", ["x", "axis"], ["y"], **options)
    model = graph(node, [5], [5], TensorProto.FLOAT, [axis])
    right = ReferenceEvaluator(model).run(None, {"x": x})[0]
    converted = convert(model).eval()(torch.from_numpy(x)).numpy()
    print(options, "onnx", right, "onnx2torch", converted)
    seen.append(np.array_equal(right, converted))
sys.exit(0 if seen == [False, False, True, True] else 1)
PY
