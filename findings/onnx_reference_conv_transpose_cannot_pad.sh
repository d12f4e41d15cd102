#!/usr/bin/env bash
# onnx's reference evaluator refuses a valid ConvTranspose with an output_shape.
#
# Expected: ConvTranspose with `output_shape` pads as the operator's formula says (ONNX
#   operator 11): 3 x 3, kernel 3, stride 2 and output_shape 6 x 6 or 5 x 5 take a padding
#   of 1 or 2 in all. The checker passes the model and onnxruntime computes it.
# Instead: ReferenceEvaluator raises "Given n_input_plane=9 ...", a message of Col2Im, which
#   the model does not contain, wherever the padding is positive; with output_shape 7 x 7,
#   no padding, it agrees with onnxruntime.
# Seen with onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6, Python 3.11, on 2026-11-29.
# sklip: refuses ConvTranspose by name; its own readings of files are compared with
#   onnxruntime's outputs, not with the reference alone.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
from onnx import TensorProto, checker, helper
from onnx.reference import ReferenceEvaluator
from onnxruntime import InferenceSession

x = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
weight = helper.make_tensor("w", TensorProto.FLOAT, [1, 1, 3, 3], np.ones(9).tolist())
sides = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 3, 3])]
ends = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, None, None])]
seen = []
for side in (7, 6, 5):
    node = helper.make_node(
        "ConvTranspose", ["x", "w"], ["y"], strides=[2, 2], output_shape=[side, side]
    )
    model = helper.make_model(
        helper.make_graph([node], "one node", sides, ends, [weight]),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    checker.check_model(model, full_check=True)
    run = InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    try:
        reference = ReferenceEvaluator(model).run(None, {"x": x})[0]
        told = "equal" if np.array_equal(run, reference) else "different"
    except ValueError as error:
        told = str(error)[:24]
    print(side, "onnxruntime", run.shape[2:], "onnx reference:", told)
    seen.append((run.shape[2:], told))
refused = "Given n_input_plane=9, X"
sys.exit(0 if seen == [((7, 7), "equal"), ((6, 6), refused), ((5, 5), refused)] else 1)
PY
