# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""
A Pipeline as ONNX, and what is certified of it
===============================================

A Pipeline leaves Python as an ONNX model with all its steps, and an ONNX model comes
in wherever a network is taken. In float64 the model that runs elsewhere is the one that
was certified; in float32 it is another one, which is read back and certified itself.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklip import (
    FeedForward,
    LipschitzRegularizedMLPClassifier,
    certified_radius,
    lipschitz_bound,
    to_onnx,
)

X, y = load_wine(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
model = make_pipeline(
    StandardScaler(),
    LipschitzRegularizedMLPClassifier((16,), max_iter=500, tol=1e-3, random_state=0),
)
model.fit(X_train, y_train)

# %%
# The scaler is part of what is written. Every output was compared with the Pipeline's
# own methods before it was returned; here once more, in the runtime.
folder = Path(tempfile.mkdtemp())
to_onnx(model, folder / "model.onnx", X=X_train)
session = onnxruntime.InferenceSession(folder / "model.onnx")
labels, probabilities, decision = session.run(None, {"X": X_test})
print("labels equal:", np.array_equal(labels, model.predict(X_test)))
off = np.abs(probabilities - model.predict_proba(X_test)).max()
print("probabilities equal to 1e-12:", off < 1e-12)

# %%
# The logits of the file are a network of the columns of X. Its bound is that of the
# Pipeline, up to the rounding of what was folded into the first layer.
network = FeedForward.from_onnx(folder / "model.onnx", output="logits")
print(network)
bounds = [float(lipschitz_bound(f, output="all")) for f in (network, model)]
print("bounds equal to 1e-6:", abs(bounds[0] / bounds[1] - 1.0) < 1e-6)

# %%
# A network that is all there is of a model is taken as a file.
to_onnx(network, folder / "network.onnx")
radii = certified_radius(str(folder / "network.onnx"), X_test, method="lipsdp")
expected = certified_radius(network, X_test, method="lipsdp")
print("radii are those of the network:", np.array_equal(radii, expected))

# %%
# A float32 export has other weights, so its radii are asked of what was read back.
to_onnx(model, folder / "single.onnx", dtype="float32")
single = FeedForward.from_onnx(folder / "single.onnx", output="logits")
other = certified_radius(single, X_test, method="lipsdp")
print("the same function:", single.hash == network.hash)

_, ax = plt.subplots(figsize=(6, 4), layout="constrained")
proven = radii > 0
ax.scatter(radii[proven], np.abs(other - radii)[proven] / radii[proven], s=15)
ax.set(
    yscale="log",
    xlabel="certified radius of the float64 export",
    ylabel="relative difference in float32",
)
plt.show()
