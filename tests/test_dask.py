# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A grid search on two Dask workers gives what one process gives."""

import os

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklip import (
    LipschitzRegularizedMLPClassifier,
    certified_radius,
    make_certified_accuracy_scorer,
    make_lipschitz_scorer,
)

distributed = pytest.importorskip("distributed")

# What the cluster warns of (ports in use, slow start) is not ours.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def client():
    cluster = distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
    )
    with cluster, distributed.Client(cluster) as client:
        client.wait_for_workers(2)
        yield client


def _search():
    network = LipschitzRegularizedMLPClassifier(
        (8,), solver="lbfgs", max_iter=200, random_state=0
    )
    return GridSearchCV(
        make_pipeline(StandardScaler(), network),
        {"lipschitzregularizedmlpclassifier__lipschitz_weight": [0.001, 0.01, 0.1]},
        scoring={
            "accuracy": "accuracy",
            "certified": make_certified_accuracy_scorer(radius=0.1),
            "neg_lipschitz": make_lipschitz_scorer(),
        },
        refit="certified",
        cv=3,
    )


def test_the_same_results_as_in_one_process(client):
    X, y = load_iris(return_X_y=True)
    here = _search().fit(X, y)
    with joblib.parallel_backend("dask", scatter=[X, y]):
        there = _search().fit(X, y)
    for name in ("accuracy", "certified", "neg_lipschitz"):
        key = f"mean_test_{name}"
        np.testing.assert_allclose(there.cv_results_[key], here.cv_results_[key])
    assert there.best_params_ == here.best_params_
    np.testing.assert_allclose(
        there.best_estimator_[-1].coefs_[0], here.best_estimator_[-1].coefs_[0]
    )


def test_fitted_estimators_travel(client):
    X, y = load_iris(return_X_y=True)
    model = _search().estimator.fit(X, y)

    def elsewhere(model, X):
        return os.getpid(), model.predict_proba(X)

    pids = set()
    for worker in client.scheduler_info(n_workers=-1)["workers"]:
        future = client.submit(elsewhere, model, X, workers=[worker], pure=False)
        pid, proba = future.result(timeout=60)
        pids.add(pid)
        np.testing.assert_array_equal(proba, model.predict_proba(X))
    assert len(pids) == 2 and os.getpid() not in pids


# The workers take the effort that users get.
@pytest.mark.full_effort
def test_rows_are_certified_on_workers(client, monkeypatch):
    """Blocks of 30 rows; the radii are those of one process, bit by bit."""
    X, y = load_iris(return_X_y=True)
    model = _search().estimator.fit(X, y)
    monkeypatch.setattr("sklip._blocks._ENTRIES", 120)
    here = certified_radius(model, X, y, method="crown")
    with joblib.parallel_config(backend="dask"):
        there = certified_radius(model, X, y, method="crown")
    np.testing.assert_array_equal(there, here)
