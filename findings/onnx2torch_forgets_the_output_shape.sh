#!/usr/bin/env bash
# onnx2torch ignores the output_shape of a ConvTranspose node.
#
# Expected: ConvTranspose with `output_shape` computes the padding that gives this shape
#   (ONNX operator 11): a 3 x 3 image, kernel 3, stride 2 and output_shape 5 x 5 give 5 x 5,
#   as in onnxruntime.
# Instead: the converted module returns 7 x 7, as if the attribute were absent, without a
#   word. (auto_pad, the other way to leave padding open, is refused by name.)
# Seen with onnx2torch 1.5.15, onnx 1.23.2, onnxruntime 1.32.0, torch 2.14.1, numpy 2.4.6,
#   Python 3.11, on 2026-11-29.
# sklip: reads ONNX files itself and refuses ConvTranspose by name.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install onnx2torch==1.5.15 onnx==1.23.2 onnxruntime==1.32.0 \
    torch==2.14.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
import torch
from onnx import TensorProto, checker, helper
from onnx2torch import convert
from onnxruntime import InferenceSession

def graph(node, shape, out_shape, kind, constants):
    sides = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    ends = [helper.make_tensor_value_info("y", kind, out_shape)]
    model = helper.make_model(
        helper.make_graph([node], "one node", sides, ends, constants),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    checker.check_model(model, full_check=True)
    return model


x = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
weight = helper.make_tensor("w", TensorProto.FLOAT, [1, 1, 3, 3], np.ones(9).tolist())
seen = []
for options in ({}, {"output_shape": [6, 6]}, {"output_shape": [5, 5]}):
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2], **options)
    model = graph(node, [1, 1, 3, 3], [1, 1, None, None], TensorProto.FLOAT, [weight])
    right = InferenceSession(model.SerializeToString()).run(None, {"x": x})[0].shape[2:]
    converted = tuple(convert(model).eval()(torch.from_numpy(x)).shape[2:])
    print(options, "onnxruntime", right, "onnx2torch", converted)
    seen.append((right, converted))
sys.exit(0 if seen == [((7, 7), (7, 7)), ((6, 6), (7, 7)), ((5, 5), (7, 7))] else 1)
PY
