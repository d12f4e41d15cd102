# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What all estimators share: state, reproducibility, weights, errors.

Also tests of ``_threads.py``, ``estimators/_engine.py``, ``estimators/_held_net.py``,
``estimators/_samples.py`` and ``estimators/_targets.py``.
"""

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_info

from sklip import LipschitzRegularizedMLPClassifier, LipschitzRegularizedMLPRegressor
from sklip._threads import limit_threads

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
)


def _classifier(**parameters):
    small = {"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0}
    return LipschitzRegularizedMLPClassifier(
        **{**small, "batch_size": 32, **parameters}
    )


def _weights(model):
    return np.concatenate([a.ravel() for a in model.coefs_ + model.intercepts_])


def test_random_state_reproduces_and_global_generators_are_left_alone(classification):
    torch.manual_seed(7)
    np.random.seed(7)
    states = torch.get_rng_state(), np.random.get_state()[1].copy()
    first = _weights(_classifier().fit(*classification))
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])
    assert np.array_equal(first, _weights(_classifier().fit(*classification)))
    other = _weights(_classifier(random_state=1).fit(*classification))
    assert not np.array_equal(first, other)


def test_float32_is_trained_in_float32(classification):
    X, y = classification
    model = _classifier().fit(X.astype(np.float32), y)
    assert model.net_.module_.flat.dtype == torch.float32
    assert all(w.dtype == np.float64 for w in model.network_.weights)
    assert np.array_equal(_weights(model), _weights(model).astype(np.float32))
    assert _classifier().fit(X, y).net_.module_.flat.dtype == torch.float64
    assert _classifier().fit(X.astype(int), y).net_.module_.flat.dtype == torch.float64


def test_prediction_is_that_of_the_certified_network(classification):
    X, y = classification
    model = _classifier().fit(X, y)
    logits = model.network_.forward(X)
    assert np.array_equal(model.decision_function(X), logits)
    assert np.array_equal(model.predict(X), model.classes_[logits.argmax(axis=1)])
    log_proba = model.predict_log_proba(X)
    np.testing.assert_allclose(np.exp(log_proba), model.predict_proba(X))
    assert model.certificate_.network_hash == model.network_.hash
    assert model.lipschitz_bound_ == float(model.certificate_)
    torch_logits = model.to_torch()(torch.tensor(X)).detach().numpy()
    np.testing.assert_allclose(torch_logits, logits, rtol=1e-12, atol=1e-12)


def test_two_classes_have_one_decision_value(classification):
    X, y = classification
    names = np.where(y > 0, "sick", "well")
    model = _classifier().fit(X, names)
    assert model.classes_.tolist() == ["sick", "well"]
    decision = model.decision_function(X)
    assert decision.shape == (len(X),)
    assert np.array_equal(decision > 0, model.predict(X) == "well")


@pytest.mark.parametrize(
    "duplicate",
    [
        copy.deepcopy,
        lambda model: pickle.loads(pickle.dumps(model)),
    ],
)
def test_copies_predict_and_go_on_alike(classification, duplicate):
    X, y = classification
    model = _classifier(penalty="product", lipschitz_weight=0.1)
    model.partial_fit(X, y, classes=np.unique(y))
    other = duplicate(model)
    assert np.array_equal(model.predict_proba(X), other.predict_proba(X))
    assert other.certificate_.verify(other.network_)
    model.partial_fit(X, y)
    other.partial_fit(X, y)
    assert np.array_equal(_weights(model), _weights(other))
    assert len(other.history_) == 2


def test_pickles_hold_no_torch_objects(classification):
    model = _classifier().fit(*classification)
    assert b"torch" not in pickle.dumps(model)


def test_skops_round_trip(classification):
    io = pytest.importorskip("skops.io")
    X, y = classification
    model = _classifier().fit(X, y)
    data = io.dumps(model)
    unknown = io.get_untrusted_types(data=data)
    assert all(name.startswith(("sklip.", "skorch.")) for name in unknown)
    loaded = io.loads(data, trusted=unknown)
    assert np.array_equal(model.predict_proba(X), loaded.predict_proba(X))
    loaded.partial_fit(X, y)


def test_net_is_rebuilt_with_the_same_weights(classification):
    X, y = classification
    model = pickle.loads(pickle.dumps(_classifier().fit(X, y)))
    proba = model.net_.predict_proba(torch.tensor(X))
    np.testing.assert_allclose(proba, model.predict_proba(X), rtol=1e-10)


def test_warm_start_goes_on(classification):
    X, y = classification
    model = _classifier(warm_start=True).fit(X, y)
    first = model.loss_curve_[-1]
    model.fit(X, y)
    assert model.n_iter_ == 5
    assert len(model.loss_curve_) == len(model.history_) == 10
    assert model.loss_curve_[5] < model.loss_curve_[0]
    assert model.loss_curve_[-1] < first
    cold = model.set_params(warm_start=False).fit(X, y)
    assert len(cold.history_) == 5


def test_partial_fit_checks_classes(classification):
    X, y = classification
    with pytest.raises(ValueError, match="first call of partial_fit needs classes"):
        _classifier().partial_fit(X, y)
    model = _classifier().partial_fit(X[y < 2], y[y < 2], classes=[0, 1, 2])
    assert model.predict_proba(X).shape == (len(X), 3)
    with pytest.raises(ValueError, match=r"labels \[9\]"):
        model.partial_fit(X, np.full(len(X), 9))
    with pytest.raises(ValueError, match="differ"):
        model.partial_fit(X, y, classes=[0, 1])
    for parameters in (
        {"early_stopping": True},
        {"class_weight": "balanced"},
    ):
        with pytest.raises(ValueError, match="partial_fit"):
            _classifier(**parameters).partial_fit(X, y, classes=[0, 1, 2])
    assert not hasattr(_classifier(solver="lbfgs"), "partial_fit")


def test_weights_and_class_weights_are_the_same_thing(classification):
    X, y = classification
    by_class = _classifier(class_weight={0: 1, 1: 2, 2: 3}).fit(X, y)
    by_sample = _classifier().fit(X, y, sample_weight=y + 1)
    assert np.array_equal(_weights(by_class), _weights(by_sample))
    balanced = _classifier(class_weight="balanced").fit(X, y)
    counts = len(y) / (3 * np.bincount(y))
    explicit = _classifier(class_weight=dict(enumerate(counts))).fit(X, y)
    np.testing.assert_allclose(_weights(balanced), _weights(explicit))


def test_only_the_ratio_of_weights_counts_in_the_loss(classification):
    X, y = classification
    weight = np.random.default_rng(0).uniform(0, 1, len(y))
    one = _classifier(alpha=0).fit(X, y, sample_weight=weight)
    eight = _classifier(alpha=0).fit(X, y, sample_weight=8 * weight)
    np.testing.assert_allclose(_weights(one), _weights(eight), rtol=1e-9)


def test_early_stopping_keeps_the_best_weights(classification):
    X, y = classification
    model = _classifier(
        early_stopping=True, max_iter=100, n_iter_no_change=3, learning_rate_init=0.05
    ).fit(X, y)
    scores = [record["valid_score"] for record in model.history_]
    assert model.n_iter_ == len(scores) < 100
    # Cut off at the best epoch, the same run ends with the same weights.
    best = int(np.argmax(scores)) + 1
    again = clone(model).set_params(max_iter=best, tol=0).fit(X, y)
    assert np.array_equal(_weights(model), _weights(again))


@pytest.mark.parametrize("dtype", [object, str])
def test_labels_of_any_type(classification, dtype):
    X, y = classification
    names = np.array(["ant", "bee", "cat"], dtype=dtype)[y]
    model = _classifier(early_stopping=True).fit(X, names)
    assert set(model.predict(X)) <= set(names)


def test_n_jobs_gives_the_same_models(classification):
    grid = {"lipschitz_weight": [0.01, 0.1]}
    one = GridSearchCV(_classifier(), grid, cv=2).fit(*classification)
    two = GridSearchCV(_classifier(), grid, cv=2, n_jobs=2).fit(*classification)
    scores = [search.cv_results_["mean_test_score"] for search in (one, two)]
    assert np.array_equal(*scores)
    assert np.array_equal(_weights(one.best_estimator_), _weights(two.best_estimator_))


def test_threads_are_restored(classification):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    blas = threadpool_info()
    try:
        _classifier().fit(*classification)
        assert torch.get_num_threads() == 2
        assert threadpool_info() == blas
        with limit_threads(work=1.0):
            assert torch.get_num_threads() == 1
            pools = [p for p in threadpool_info() if p["user_api"] == "blas"]
            assert pools and all(pool["num_threads"] == 1 for pool in pools)
            with limit_threads(work=1.0):
                assert torch.get_num_threads() == 1
            assert torch.get_num_threads() == 1
        with limit_threads(work=1e12):
            assert torch.get_num_threads() == 2
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_fits_in_threads_agree_with_fits_in_turn(classification):
    model = _classifier()
    expected = _weights(clone(model).fit(*classification))
    jobs = [delayed(clone(model).fit)(*classification) for _ in range(4)]
    for fitted in Parallel(n_jobs=2, prefer="threads")(jobs):
        assert np.array_equal(_weights(fitted), expected)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"activation": "sine"}, "Unknown activation 'sine'"),
        ({"activation": ("relu", "relu")}, "names 2 layers"),
        ({"hidden_layer_sizes": (8, -1)}, "positive integers"),
        ({"hidden_layer_sizes": (8.5,)}, "positive integers"),
        ({"solver": torch.optim.LBFGS}, "use solver='lbfgs'"),
        ({"solver": int}, "subclass of torch.optim.Optimizer"),
        ({"penalty": "frobenius"}, "penalty"),
        ({"loss": "squared_error"}, "loss"),
        ({"certificate": "guess"}, "certificate"),
        ({"lipschitz_weight": -1}, "lipschitz_weight"),
    ],
)
def test_bad_parameters_are_named(classification, parameters, message):
    with pytest.raises(ValueError, match=message):
        _classifier(**parameters).fit(*classification)


def test_cuda_without_a_gpu_says_what_to_do(classification):
    if torch.cuda.is_available():
        assert _classifier(device="cuda").fit(*classification).predict(
            classification[0]
        ).shape == (150,)
    else:
        with pytest.raises(ValueError, match="device='cpu'"):
            _classifier(device="cuda").fit(*classification)
        _classifier(device="auto").fit(*classification)


def test_bad_data_is_refused(classification):
    X, y = classification
    with pytest.raises(ValueError, match="multilabel"):
        _classifier().fit(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match="at least 2 classes"):
        _classifier().fit(X, np.zeros(len(X)))
    with pytest.raises(ValueError, match="non-zero"):
        _classifier().fit(X, y, sample_weight=np.zeros(len(X)))
    with pytest.raises(ValueError, match="positive"):
        _classifier(class_weight={0: 0, 1: 0, 2: 0}).fit(X, y)
    with pytest.raises(ValueError, match="Negative"):
        _classifier().fit(X, y, sample_weight=-np.ones(len(X)))
    with pytest.raises(ValueError, match="validation"):
        _classifier(early_stopping=True, batch_size="auto").fit(X[:9], y[:9] > 0)


@pytest.mark.parametrize("name", ["coefs_", "intercepts_", "net_"])
def test_unfitted(name):
    with pytest.raises(NotFittedError):
        getattr(_classifier(), name)
    with pytest.raises(NotFittedError):
        _classifier().to_torch()


def test_batch_larger_than_the_data_is_clipped(classification):
    with pytest.warns(UserWarning, match="clipped to 150"):
        _classifier(batch_size=1000).fit(*classification)
    with warnings.catch_warnings(record=True) as caught:
        _classifier(batch_size="auto").fit(*classification)
    assert not any("clipped" in str(warning.message) for warning in caught)


def test_no_certificate_on_request(regression):
    model = LipschitzRegularizedMLPRegressor(certificate=None, max_iter=2)
    model.fit(*regression)
    assert model.certificate_ is None
    assert model.lipschitz_bound_ is None
