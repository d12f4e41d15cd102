# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""A fitted estimator ships small, and loses nothing that it needs on the way.

Also tests of ``training/_packing.py`` and ``training/_state.py``.
"""

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklip import (
    ADMMLipschitzMLPClassifier,
    ADMMLipschitzMLPRegressor,
    CertifiedIntervalRegressor,
    CertifiedRejectClassifier,
    LipschitzBoundedMLPClassifier,
    LipschitzBoundedMLPRegressor,
    LipschitzRegularizedMLPClassifier,
    LipschitzRegularizedMLPRegressor,
    NoiseLipschitzClassifier,
    NoiseLipschitzRegressor,
)
from sklip.training import pack_history, unpack_history

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
)

FAMILIES = [
    LipschitzRegularizedMLPClassifier(),
    LipschitzRegularizedMLPRegressor(early_stopping=True),
    NoiseLipschitzClassifier(),
    NoiseLipschitzRegressor(),
    ADMMLipschitzMLPClassifier(max_admm_iter=2),
    ADMMLipschitzMLPRegressor(max_admm_iter=2),
    LipschitzBoundedMLPClassifier(),
    LipschitzBoundedMLPRegressor(early_stopping=True),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("estimator", FAMILIES, ids=lambda e: type(e).__name__)
def test_pickles_take_at_most_three_times_the_weights(estimator, dtype):
    X, y = load_digits(return_X_y=True)
    model = estimator.set_params(
        hidden_layer_sizes=(64,), max_iter=40, random_state=0, tol=0.0
    )
    model.fit((X[:300] / 16).astype(dtype), y[:300])
    weights = sum(array.nbytes for array in model.coefs_ + model.intercepts_)
    data = pickle.dumps(model)
    assert len(data) <= 3 * weights
    again = pickle.loads(data)
    np.testing.assert_array_equal(again.predict(X / 16), model.predict(X / 16))
    assert list(again.history_) == list(model.history_)
    assert type(again.history_) is type(model.history_)
    assert again.loss_curve_ == model.loss_curve_
    # Unpickled twice it is still small: nothing grows on the way.
    assert len(pickle.dumps(again)) <= 3 * weights


@pytest.mark.parametrize(
    "meta",
    [
        CertifiedRejectClassifier(
            LipschitzRegularizedMLPClassifier((64,), max_iter=40), radius=0.1
        ),
        CertifiedRejectClassifier(
            make_pipeline(StandardScaler(), NoiseLipschitzClassifier(max_iter=2)),
            radius=0.1,
        ),
        CertifiedIntervalRegressor(
            ADMMLipschitzMLPRegressor((64,), max_iter=40, max_admm_iter=2),
            radius=0.1,
            conformal=True,
        ),
    ],
    ids=lambda meta: type(meta).__name__,
)
def test_meta_estimators_ship_as_small_as_what_they_hold(meta):
    X, y = load_digits(return_X_y=True)
    meta.fit(X[:300] / 16, y[:300])
    answer = meta.predict(X[300:320] / 16)  # whatever this caches stays here
    inner = meta.estimator_
    inner = inner[-1] if hasattr(inner, "steps") else inner
    weights = sum(array.nbytes for array in inner.coefs_ + inner.intercepts_)
    data = pickle.dumps(meta)
    assert len(data) <= 3 * weights
    again = pickle.loads(data)
    np.testing.assert_array_equal(again.predict(X[300:320] / 16), answer)


def test_modules_ship_as_small():
    X, y = load_digits(return_X_y=True)
    images = X[:300].reshape(-1, 1, 8, 8) / 16
    model = NoiseLipschitzClassifier(module="cnn", max_iter=3, random_state=0)
    model.fit(images, y[:300])
    weights = sum(p.nbytes for p in model.module_.state_dict().values())
    data = pickle.dumps(model)
    assert len(data) <= 3 * weights
    again = pickle.loads(data)
    np.testing.assert_array_equal(again.predict(images), model.predict(images))
    # The moments keep some eight bits: the next epoch is nearly that of the original.
    before = model.decision_function(images)
    model.partial_fit(images, y[:300])
    again.partial_fit(images, y[:300])
    moved = np.abs(model.decision_function(images) - before).max()
    apart = again.decision_function(images) - model.decision_function(images)
    assert np.abs(apart).max() < 0.05 * moved


def test_a_fit_goes_on_from_its_pickle_nearly_alike():
    X, y = load_digits(return_X_y=True)
    model = LipschitzRegularizedMLPClassifier((16,), max_iter=5, random_state=0)
    model.fit(X / 16, y)
    again = pickle.loads(pickle.dumps(model))
    before = again.coefs_[0].copy()
    model.partial_fit(X / 16, y)
    again.partial_fit(X / 16, y)
    # The moments of float64 weights are rounded to float32 and to nothing coarser.
    np.testing.assert_allclose(again.coefs_[0], model.coefs_[0], rtol=1e-3, atol=1e-6)
    assert np.abs(again.coefs_[0] - before).max() > 1e-3


@pytest.mark.parametrize(
    "records",
    [
        [],
        [{}],
        [{"a": 1.5, "b": True, "n": 3}, {"a": -0.0, "b": False, "n": 4}],
        [{"a": 1.5}, {"a": None}],
        [{"a": 1.5}, {"a": 2.5, "b": 1}],
        [{"n": 2**40, "batches": [{"x": 0.1}]}, {"n": 1, "batches": [{"x": 0.2}]}],
        [{"batches": [{}]}, {"batches": [{}]}],
        [{"batches": []}, {"batches": [{"x": 1.0}, {"x": 2.0}]}],
    ],
)
def test_packing_a_history_loses_nothing(records):
    again = list(unpack_history(pickle.loads(pickle.dumps(pack_history(records)))))
    assert repr(again) == repr(records)
