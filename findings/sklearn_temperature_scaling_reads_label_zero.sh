#!/usr/bin/env bash
# scikit-learn's temperature scaling looks up the target by the label 0 of its index.
#
# Expected: CalibratedClassifierCV(method="temperature").fit(X, y) takes a Series y with any
#   index, as method="sigmoid" and every other estimator do.
# Instead: KeyError: 0 where the index has no label 0, as after a split of a DataFrame that
#   is indexed by names or from 1 on.
# Seen with scikit-learn 1.9.1, pandas 3.0.5, numpy 2.4.6, Python 3.11, on 2026-11-28.
# sklip: nothing to do; pass y.to_numpy().
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install scikit-learn==1.9.1 pandas==3.0.5 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import sys

import numpy as np
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression

X = np.random.default_rng(0).normal(size=(60, 3))
y = pd.Series((X[:, 0] > 0).astype(int), index=np.arange(1, 61))


def outcome(method, y):
    try:
        CalibratedClassifierCV(LogisticRegression(), method=method).fit(X, y)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "fitted"


seen = {
    "sigmoid, index from 1": outcome("sigmoid", y),
    "temperature, index from 0": outcome("temperature", y.reset_index(drop=True)),
    "temperature, index from 1": outcome("temperature", y),
}
for name, result in seen.items():
    print(f"{name}: {result}")
sys.exit(0 if list(seen.values()) == ["fitted", "fitted", "KeyError: 0"] else 1)
PY
