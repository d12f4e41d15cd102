# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""
A report of single predictions
==============================

Which of these diagnoses would stand if the measurements were a little off? A score
answers for all samples at once; a report answers for each:
:func:`~sklip.certification_report` puts the prediction, what is proven of it and what
an attack found into one line.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklip import (
    CertifiedConfusionMatrixDisplay,
    CertifiedRadiusDisplay,
    LipschitzRegularizedMLPClassifier,
    certification_report,
)

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X = X.filter(like="mean")
y = y.map({0: "malignant", 1: "benign"})
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=100, stratify=y, random_state=0
)
model = make_pipeline(
    StandardScaler(),
    LipschitzRegularizedMLPClassifier((16,), tol=1e-3, random_state=0),
).fit(X_train, y_train)

# %%
# Tolerances say what counts as a little: here 2 % of each column's mean. Radii are
# multiples of them, and the box (``norm="linf"``) lets all columns be off at once.

tolerances = 0.02 * X_train.mean()
report = certification_report(
    model, X_test, y_test, norm="linf", feature_eps=tolerances, method="crown"
)
print(report.head(8).round(3).to_string())

# %%
# The flips that come first are worth a second look. ``moves_most`` names the column
# that the attack used most of its tolerance in; in a box that are often several.

doubtful = report[report["correct"]].nsmallest(5, "certified_radius")
print(doubtful.round(3).to_string())

# %%
# All radii together, class by class, and what is left of the confusion matrix when each
# column may be off by its tolerance.

figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.6), layout="constrained")
asked = {"norm": "linf", "feature_eps": tolerances, "method": "crown"}
CertifiedRadiusDisplay.from_estimator(
    model, X_test, y_test, groups="class", ax=axes[0], **asked
)
CertifiedConfusionMatrixDisplay.from_estimator(
    model, X_test, y_test, radius=1.0, ax=axes[1], name="tolerances used up", **asked
)
plt.show()
