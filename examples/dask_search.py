# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""
A grid search on a Dask cluster
===============================

joblib hands the fits of any scikit-learn search to Dask; estimators and scorers travel
as pickles, at most three times the size of the weights. Here the cluster is two
processes on this machine; give ``Client`` the address of a scheduler to use others.

It needs the extra ``dask`` and is not run when the documentation is built::

    pip install "sklip[dask]"
    python examples/dask_search.py
"""

import joblib
from distributed import Client, LocalCluster
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from sklip import (
    LipschitzRegularizedMLPClassifier,
    make_certified_accuracy_scorer,
    make_lipschitz_scorer,
)


def main():
    """Search on two workers."""
    X, y = load_digits(return_X_y=True)
    X = X / 16
    search = GridSearchCV(
        LipschitzRegularizedMLPClassifier((64,), tol=1e-3, random_state=0),
        {"lipschitz_weight": [0.0, 0.01, 0.03, 0.1]},
        scoring={
            "accuracy": "accuracy",
            "certified": make_certified_accuracy_scorer(radius=0.1),
            "neg_lipschitz": make_lipschitz_scorer(),
        },
        refit="certified",
        cv=3,
    )
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with cluster, Client(cluster), joblib.parallel_backend("dask", scatter=[X, y]):
        search.fit(X, y)
    for name in ("accuracy", "certified", "neg_lipschitz"):
        print(name, search.cv_results_[f"mean_test_{name}"].round(3))
    print(search.best_params_)


if __name__ == "__main__":
    main()
