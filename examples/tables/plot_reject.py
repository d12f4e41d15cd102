# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""
Answer only what is proven
==========================

:class:`~sklip.CertifiedRejectClassifier` answers where no perturbation up to a radius
changes the answer, and rejects the rest. Then whatever an adversary within the radius
does to a sample, the classifier gives the answer of the clean sample or none.

The data are breast cancer, with one tolerance for each column: a tenth of its standard
deviation.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklip import CertifiedRejectClassifier, LipschitzRegularizedMLPClassifier
from sklip.inspection import RiskCoverageDisplay

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
y = np.where(y == 1, "benign", "malignant")
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.4, stratify=y, random_state=0
)
tolerance = (X_train.std() / 10).to_dict()

# %%
# A radius of 3 counts tolerances: all columns together may move by 3 of them (in the
# Euclidean sense). ``score`` counts what is answered and right.
model = CertifiedRejectClassifier(
    make_pipeline(
        StandardScaler(),
        LipschitzRegularizedMLPClassifier(
            (16,), lipschitz_weight=0.05, max_iter=300, tol=1e-3, random_state=0
        ),
    ),
    radius=3.0,
    feature_eps=tolerance,
    reject_label="not certain",
)
model.fit(X_train, y_train)
labels, counts = np.unique(model.predict(X_test), return_counts=True)
print(dict(zip(labels.tolist(), counts.tolist(), strict=True)))
print(f"answered and right: {model.score(X_test, y_test):.3f}")

# %%
# Errors among the answers against the share that is answered, over all radii; the dot
# is the radius chosen above.
_, ax = plt.subplots(figsize=(6, 4), layout="constrained")
RiskCoverageDisplay.from_estimator(model, X_test, y_test, name="MLP", ax=ax)
plt.show()
