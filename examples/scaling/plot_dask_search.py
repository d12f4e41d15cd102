# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""
A grid search on a Dask cluster
===============================

joblib hands the fits of any scikit-learn search to Dask; estimators and scorers travel
as pickles, at most three times the size of the weights. Here the cluster is two threads
of this process, so that the page can be built anywhere; give ``Client`` the address of
a scheduler to use other machines. It needs the extra ``dask``::

    pip install dask distributed
    python examples/scaling/plot_dask_search.py
"""

import joblib
import matplotlib.pyplot as plt
from distributed import Client, LocalCluster
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from sklip import (
    LipschitzRegularizedMLPClassifier,
    make_certified_accuracy_scorer,
    make_lipschitz_scorer,
)

X, y = load_digits(return_X_y=True)
X = X / 16
weights = [0.01, 0.03, 0.1, 0.3, 1.0]
search = GridSearchCV(
    LipschitzRegularizedMLPClassifier((64,), tol=1e-3, random_state=0),
    {"lipschitz_weight": weights},
    scoring={
        "accuracy": "accuracy",
        "certified": make_certified_accuracy_scorer(radius=0.3, method="sequential"),
        "neg_lipschitz": make_lipschitz_scorer(),
    },
    refit="certified",
    cv=3,
)

# %%
# ``scatter`` sends the data to the workers once, and not with each fit.

cluster = LocalCluster(
    n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
)
with cluster, Client(cluster), joblib.parallel_backend("dask", scatter=[X, y]):
    search.fit(X, y)
print(search.best_params_)

# %%
# More weight makes the network less steep. Accuracy falls slowly with it; what is
# certified at a radius rises first, for there is something to gain.

found = search.cv_results_
fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
left.semilogx(weights, found["mean_test_accuracy"], "o--", label="accuracy")
left.semilogx(weights, found["mean_test_certified"], "s-", label="certified at 0.3")
left.set(xlabel="lipschitz_weight", ylabel="share of the images", ylim=(0, 1.02))
left.legend()
right.loglog(weights, -found["mean_test_neg_lipschitz"], "^-", color="tab:red")
right.set(xlabel="lipschitz_weight", ylabel="proven Lipschitz bound")
plt.show()
