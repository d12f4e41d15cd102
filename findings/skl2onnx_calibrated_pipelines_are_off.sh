#!/usr/bin/env bash
# skl2onnx converts a CalibratedClassifierCV around a Pipeline to other probabilities.
#
# Expected: the probabilities of the converted model are those of predict_proba, as they
#   are (to 1e-15) for a CalibratedClassifierCV around a LogisticRegression.
# Instead: around a Pipeline that ends in the same LogisticRegression they are off by up to
#   .55, without a word.
# Seen with skl2onnx 1.20.0, onnx 1.23.2, onnxruntime 1.32.0, scikit-learn 1.9.1,
#   Python 3.11, on 2026-11-28.
# sklip: to_onnx writes the sigmoid behind the scores of whatever is inside by itself, and
#   compares every output with the model's own method; isotonic calibration is refused.
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
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def run(model, X, **options):
    onnx_model = to_onnx(model, X[:1], options={id(model): options} if options else None)
    session = onnxruntime.InferenceSession(onnx_model.SerializeToString())
    return session.run(None, {"X": X})


X, y = load_breast_cancer(return_X_y=True)
X = StandardScaler().fit_transform(X)
off = []
for inner in (LogisticRegression(), make_pipeline(StandardScaler(), LogisticRegression())):
    model = CalibratedClassifierCV(inner, cv=3).fit(X, y)
    found = run(model, X, zipmap=False)[1]
    off.append(float(np.abs(found - model.predict_proba(X)).max()))
    print(f"around {type(inner).__name__}: off by {off[-1]:.1e}")
sys.exit(not (off[0] < 1e-12 and off[1] > 0.1))
PY
