# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""
Certified accuracy of three classifiers
=======================================

How many handwritten digits are classified correctly, and provably stay so, when every
pixel may change? The solid curves are proven, the dashed ones are what an attack (PGD)
leaves; the truth lies in the band between them. Pixels are in [0, 1].

Logistic regression is linear: for it the proof is exact, and what is left of its band
is the weakness of a short attack. The same network is trained twice, once plainly and
once with the spectral penalty.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sklip import LipschitzRegularizedMLPClassifier
from sklip.inspection import CertifiedAccuracyDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, test_size=0.3, stratify=y, random_state=0
)

# %%
# Any classifier that has a certificate can be compared: scikit-learn's own too, and
# Pipelines, in the units of the X that they take.
network = {"hidden_layer_sizes": (64,), "tol": 1e-3, "random_state": 0}
models = {
    "logistic regression": make_pipeline(
        MinMaxScaler(), LogisticRegression(max_iter=1000)
    ),
    "network, plain": LipschitzRegularizedMLPClassifier(penalty="none", **network),
    "network, spectral penalty": LipschitzRegularizedMLPClassifier(
        lipschitz_weight=0.1, **network
    ),
}
for model in models.values():
    model.fit(X_train, y_train)

# %%
# The display certifies, attacks and draws; ``n_restarts`` is the effort of the attack.
_, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
CertifiedAccuracyDisplay.from_estimator(
    models, X_test, y_test, n_steps=10, n_restarts=1, ax=ax
)
ax.set_xlabel("radius (ℓ2 norm over all pixels)")
plt.show()
