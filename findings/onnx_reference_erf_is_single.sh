#!/usr/bin/env bash
# onnx.reference computes Erf of float64 tensors in single precision.
#
# Expected: the reference evaluator of a float64 graph is right to about 1e-16, so that an
#   exporter can be tested against it.
# Instead: the result has dtype float64, but only single precision: off by 2.8e-8 on
#   [-3, 3]. Gelu(approximate="none"), which is made of Erf, inherits it (1.5e-8).
# Seen with onnx 1.23.2, numpy 2.4.6, Python 3.11, on 2026-11-28.
# sklip: gelu read from ONNX is computed with SciPy's erf in float64; its tests hold it to
#   the evaluator at 1e-6 only.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install onnx==1.23.2 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import math
import sys

import numpy as np
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

x = np.linspace(-3.0, 3.0, 13)
kind, shape = TensorProto.DOUBLE, [len(x)]
exact = {
    "Erf": np.array([math.erf(v) for v in x]),
    "Gelu": np.array([0.5 * v * (1.0 + math.erf(v / math.sqrt(2.0))) for v in x]),
}
for op, values in exact.items():
    graph = helper.make_graph(
        [helper.make_node(op, ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", kind, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    found = ReferenceEvaluator(model).run(None, {"x": x})[0]
    off = float(np.abs(found - values).max())
    print(f"{op}: dtype {found.dtype}, largest error {off:.1e}")
    if found.dtype != np.float64 or not 1e-9 < off < 1e-6:
        sys.exit(1)
PY
