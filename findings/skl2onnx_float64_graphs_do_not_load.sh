#!/usr/bin/env bash
# What skl2onnx converts for float64 input need not load in onnxruntime.
#
# Expected: a model that is converted from a float64 sample, without an error, can be run.
# Instead: ZipMap, which is put behind every classifier unless zipmap=False is said, takes
#   float32 only, and the converter of KBinsDiscretizer and of PolynomialFeatures joins
#   tensors of both types. onnxruntime refuses these graphs when they are loaded.
# Seen with skl2onnx 1.20.0, onnx 1.23.2, onnxruntime 1.32.0, scikit-learn 1.9.1,
#   Python 3.11, on 2026-11-28.
# sklip: to_onnx writes probabilities as one array, without ZipMap, and uses operators only
#   that onnxruntime has in float64.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install skl2onnx==1.20.0 onnx==1.23.2 onnxruntime==1.32.0 \
  scikit-learn==1.9.1 scipy==1.17.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import KBinsDiscretizer, PolynomialFeatures, StandardScaler

X = np.random.default_rng(0).normal(size=(50, 3))
y = (X[:, 0] > 0).astype(int)
loads = {}
for model in (
    StandardScaler(),
    LogisticRegression(),
    KBinsDiscretizer(4, encode="ordinal"),
    PolynomialFeatures(2),
):
    name = type(model).__name__
    text = to_onnx(model.fit(X, y), X[:1]).SerializeToString()
    try:
        onnxruntime.InferenceSession(text)
        loads[name] = True
    except Exception as error:
        loads[name] = False
        print(f"{name}: {str(error)[:100]}")
print(loads)
sys.exit(list(loads.values()) != [True, False, False, False])
PY
