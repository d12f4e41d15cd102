# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""
Which columns can move the prediction, and how far
==================================================

:func:`~sklip.feature_slopes` bounds how steep a fitted model can be in each column of
the table, wherever the other columns stand: an importance that is proven, in the units
of the raw columns and through the whole Pipeline.

The data are breast cancer. Columns in different units become comparable once each is
measured by a tolerance of its own: here by five percent of its standard deviation, as
if that were the error of the measurement.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklip import LipschitzRegularizedMLPClassifier, feature_slopes
from sklip.inspection import FeatureSlopesDisplay

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
tolerance = (0.05 * X_train.std()).to_dict()

models = {
    "plain network": MLPClassifier((32, 16), max_iter=500, random_state=0),
    "spectral penalty": LipschitzRegularizedMLPClassifier(
        (32, 16), lipschitz_weight=0.1, tol=1e-3, random_state=0
    ),
}
models = {
    name: make_pipeline(StandardScaler(), model).fit(X_train, y_train)
    for name, model in models.items()
}

# %%
# Per unit of the column, the steepest columns are simply those with the largest units:
# a smoothness of 1 or a fractal dimension of 1 is far beyond any sample.
slopes = feature_slopes(models["plain network"])
for j in slopes.argsort()[:-4:-1]:
    print(f"{X.columns[j]:25s} {slopes[j]:8.0f} per unit, std {X.iloc[:, j].std():.4f}")

# %%
# Per tolerance they can be compared. Bars are proven for every input there is, the
# points are the steepest test samples. Both models are right about as often; the
# regularised one can be moved far less by an error in any column.
figure, axes = plt.subplots(1, 2, figsize=(11, 4.8), layout="constrained", sharex=True)
for ax, (name, model) in zip(axes, models.items(), strict=True):
    FeatureSlopesDisplay.from_estimator(
        model, X_test, feature_eps=tolerance, n_features=12, name=name, ax=ax
    )
    ax.set_title(f"test accuracy {model.score(X_test, y_test):.3f}")
plt.show()
