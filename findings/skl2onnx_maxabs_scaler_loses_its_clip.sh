#!/usr/bin/env bash
# skl2onnx converts MaxAbsScaler(clip=True) without the clip.
#
# Expected: values beyond those of fit come out as -1 or 1, as transform gives them, and as
#   the converted MinMaxScaler(clip=True) clips its own.
# Instead: they come out unclipped, without a word.
# Seen with skl2onnx 1.20.0, onnx 1.23.2, onnxruntime 1.32.0, scikit-learn 1.9.1,
#   Python 3.11, on 2026-11-28.
# sklip: to_onnx writes the clip, and compares each step with its transform on rows that
#   reach beyond the range of fit.
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
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler


def run(model, X, **options):
    onnx_model = to_onnx(model, X[:1], options={id(model): options} if options else None)
    session = onnxruntime.InferenceSession(onnx_model.SerializeToString())
    return session.run(None, {"X": X})


X = np.random.default_rng(0).normal(size=(50, 3))
off = {}
for scaler in (MinMaxScaler(clip=True), MaxAbsScaler(clip=True)):
    scaler.fit(X)
    found = run(scaler, 3.0 * X)[0]
    name = type(scaler).__name__
    off[name] = float(np.abs(found - scaler.transform(3.0 * X)).max())
    print(f"{name}: off by {off[name]:.1e}")
sys.exit(not (off["MinMaxScaler"] < 1e-12 and off["MaxAbsScaler"] > 1.0))
PY
