#!/usr/bin/env bash
# skl2onnx converts TunedThresholdClassifierCV as if its threshold were one half.
#
# Expected: the labels of the converted model are those of predict, which compares the
#   probability with best_threshold_; or the conversion is refused, as that of
#   FixedThresholdClassifier is.
# Instead: the labels are those of the classifier inside, without a word. With a threshold
#   of .02, tuned for recall, 161 of 569 labels differ.
# Seen with skl2onnx 1.20.0, onnx 1.23.2, onnxruntime 1.32.0, scikit-learn 1.9.1,
#   Python 3.11, on 2026-11-28.
# sklip: to_onnx writes the comparison with the threshold itself, and compares the labels
#   with predict before it returns the model.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install skl2onnx==1.20.0 onnx==1.23.2 onnxruntime==1.32.0 \
  scikit-learn==1.9.1 scipy==1.17.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import sys

import onnxruntime
from skl2onnx import to_onnx
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def run(model, X, **options):
    onnx_model = to_onnx(model, X[:1], options={id(model): options} if options else None)
    session = onnxruntime.InferenceSession(onnx_model.SerializeToString())
    return session.run(None, {"X": X})


X, y = load_breast_cancer(return_X_y=True)
inner = make_pipeline(StandardScaler(), LogisticRegression(C=1e-3))
model = TunedThresholdClassifierCV(inner, scoring="recall", cv=3).fit(X, y)
labels = run(model, X, zipmap=False)[0]
other = int((labels != model.predict(X)).sum())
halves = int((labels != model.estimator_.predict(X)).sum())
print(f"threshold {model.best_threshold_:.3f}: {other} of {len(y)} labels differ")
print(f"from those at one half: {halves}")
sys.exit(not (other > 100 and halves == 0))
PY
