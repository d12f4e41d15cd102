#!/usr/bin/env bash
# A batch normalisation converted by onnx2torch predicts by the batch at hand.
#
# Expected: BatchNormalization without training_mode, whose default is 0, uses the mean and
#   variance in the file (ONNX operator 14 and 15); convert() of such a graph computes it.
# Instead: the module comes back in torch's training mode: it normalises by the batch it is
#   given, so that a row's output depends on its neighbours, and its stored mean moves at
#   every call, also under torch.no_grad(). After .eval() it is right.
# Seen with onnx2torch 1.5.15, onnx 1.23.2, torch 2.14.1, numpy 2.4.6, Python 3.11, on
#   2026-11-29.
# sklip: refuses modules in training mode and says to call .eval().
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


x = np.array([[1.0, 2.0], [3.0, 4.0]], dtype=np.float32)
values = {"scale": [1.0, 1.0], "bias": [0.0, 0.0], "mean": [5.0, 5.0], "var": [1.0, 1.0]}
constants = [helper.make_tensor(n, TensorProto.FLOAT, [2], v) for n, v in values.items()]
node = helper.make_node("BatchNormalization", ["x", *values], ["y"])
model = graph(node, [None, 2], [None, 2], TensorProto.FLOAT, constants)
right = ReferenceEvaluator(model).run(None, {"x": x})[0]
module, evaluated = convert(model), convert(model).eval()
with torch.no_grad():
    fresh = module(torch.from_numpy(x)).numpy()
    after = evaluated(torch.from_numpy(x)).numpy()
moved = [b.tolist() for n, b in module.named_buffers() if n.endswith("running_mean")]
print("onnx", right.tolist(), "onnx2torch", fresh.tolist(), "after .eval()", after.tolist())
print("stored mean", moved)
same = np.allclose(right, after, atol=1e-3) and not np.allclose(right, fresh, atol=1.0)
sys.exit(0 if same and moved != [[5.0, 5.0]] else 1)
PY
