# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What must hold on a GPU as on the CPU: one function each, run by ``test_gpu.py``.

Each takes a torch device and raises where something is wrong. Nothing here needs
pytest, so that ``benchmarks/cuda.py`` can run the same functions on a machine that has
a GPU and little else. With "cpu" they check themselves.
"""

import copy
import functools
import pickle
import warnings

import numpy as np
from numpy.testing import assert_allclose
from sklearn.datasets import make_classification, make_regression
from sklearn.exceptions import ConvergenceWarning

from sklip import (
    ADMMLipschitzMLPClassifier,
    ADMMLipschitzMLPRegressor,
    LipschitzRegularizedMLPClassifier,
    LipschitzRegularizedMLPRegressor,
    NoiseLipschitzClassifier,
    NoiseLipschitzRegressor,
    adversarial_accuracy_score,
    certified_accuracy_score,
    certified_interval,
    certified_radius,
    lipschitz_bound,
    lipschitz_lower_bound,
    local_lipschitz_bound,
    minimum_norm_attack,
    verify_robustness,
)
from sklip.networks import random_network

__all__ = ["CHECKS"]

CHECKS = {}
# Trained in another order of additions: alike, not equal.
ALIKE = {"rtol": 1e-3, "atol": 1e-3}


def check(*cases):
    """Register a function for these values of its second argument, or for none."""

    def register(function):
        for case in cases or (None,):
            arguments = () if case is None else (case,)
            name = "-".join([function.__name__, *map(str, arguments)])
            CHECKS[name] = functools.partial(_quiet, function, arguments)
        return function

    return register


def _quiet(function, arguments, device):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        function(device, *arguments)


def _classes():
    X, y = make_classification(
        150, 6, n_informative=5, n_redundant=0, n_classes=3, random_state=0
    )
    return X, y


def _images():
    rng = np.random.default_rng(0)
    X = rng.normal(scale=0.1, size=(60, 3, 8, 8)).astype(np.float32)
    y = np.arange(60) % 3
    X[np.arange(60), y] += 1.0
    return X.reshape(60, -1), y, (3, 8, 8)


def _both(make, X, y, device):
    """The same estimator fitted on the CPU and on the device."""
    return make(device="cpu").fit(X, y), make(device=device).fit(X, y)


def _valid_losses(model):
    return [record["valid_loss"] for record in model.history_]


def _dense(kind, **parameters):
    small = {"max_iter": 10, "random_state": 0, "tol": 0, "n_iter_no_change": 1000}
    return functools.partial(kind, (12, 8), **{**small, **parameters})


# Fits


@check("adam", "sgd", "lbfgs")
def solver_finds_the_same_network(device, solver):
    X, y = _classes()
    make = _dense(LipschitzRegularizedMLPClassifier, solver=solver)
    here, there = _both(make, X, y, device)
    assert_allclose(there.decision_function(X), here.decision_function(X), **ALIKE)
    assert lipschitz_bound(there).verify(there)


@check("spectral", "product", "jacobian", "lipsdp")
def penalty_finds_the_same_network(device, penalty):
    X, y = make_regression(120, 5, random_state=0)
    make = _dense(LipschitzRegularizedMLPRegressor, penalty=penalty, max_iter=3)
    here, there = _both(make, X, y / 100, device)
    assert_allclose(there.predict(X), here.predict(X), **ALIKE)


@check("float32", "float64")
def early_stopping_weights_and_partial_fit(device, dtype):
    X, y = _classes()
    X, weight = X.astype(dtype), np.linspace(0.5, 1.5, len(X))
    make = _dense(LipschitzRegularizedMLPClassifier, early_stopping=True)
    here, there = (make(device=d).fit(X, y, weight) for d in ("cpu", device))
    assert_allclose(_valid_losses(there), _valid_losses(here), rtol=0.01)
    make = _dense(LipschitzRegularizedMLPClassifier)
    here, there = _both(make, X, y, device)
    for model in (here, there):
        model.partial_fit(X, y)
    assert_allclose(there.decision_function(X), here.decision_function(X), **ALIKE)


@check("adam", "lbfgs")
def admm_keeps_its_bound(device, solver):
    X, y = _classes()
    make = _dense(
        ADMMLipschitzMLPClassifier,
        solver=solver,
        lipschitz_bound=0.5,
        max_admm_iter=4,
    )
    for X_typed in (X, X.astype(np.float32)):
        model = make(device=device).fit(X_typed, y)
        assert model.lipschitz_bound_ <= 0.5
        assert lipschitz_bound(model).verify(model)


@check()
def admm_regressor_finds_the_same(device):
    X, y = make_regression(120, 5, random_state=0)
    make = _dense(ADMMLipschitzMLPRegressor, lipschitz_bound=1.0, max_admm_iter=3)
    here, there = _both(make, X, y / 100, device)
    assert_allclose(there.predict(X), here.predict(X), rtol=0.05, atol=0.05)


@check("gaussian", "power")
def noise_is_trained_against(device, probe):
    X, y = _classes()
    make = _dense(NoiseLipschitzClassifier, probe=probe, lipschitz_weight=0.1)
    model = make(device=device, max_iter=100).fit(X, y)
    assert model.score(X, y) > 0.6
    assert lipschitz_bound(model).verify(model)
    X, y = make_regression(120, 5, random_state=0)
    make = _dense(NoiseLipschitzRegressor, probe=probe, ratio_space="logits")
    assert np.isfinite(make(device=device).fit(X, y / 100).predict(X)).all()


@check("cnn", "resnet20")
def module_learns_and_predicts_alike(device, module):
    X, y, shape = _images()
    model = NoiseLipschitzClassifier(
        (8,) if module == "cnn" else (100,),
        module=module,
        input_shape=shape,
        max_iter=12 if module == "cnn" else 2,
        lipschitz_weight=0.1,
        device=device,
        random_state=0,
    ).fit(X, y)
    assert next(model.module_.parameters()).device.type == device
    if module == "cnn":
        assert model.score(X, y) > 0.8
    here = copy.deepcopy(model).set_params(device="cpu")
    assert_allclose(here.decision_function(X), model.decision_function(X), **ALIKE)
    assert lipschitz_bound(model).verify(model)
    radius = certified_radius(model, X[:5])
    assert_allclose(certified_radius(here, X[:5]), radius, rtol=0.01, atol=1e-9)


@check(True, "float16", "bfloat16")
def mixed_precision_learns(device, amp):
    X, y, shape = _images()
    model = NoiseLipschitzClassifier(
        (8,), module="cnn", input_shape=shape, max_iter=30, amp=amp, device=device
    )
    model.set_params(lipschitz_weight=0.1, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.8


@check()
def loads_where_no_gpu_is(device):
    X, y = _classes()
    rows, labels, shape = _images()
    dense = _dense(LipschitzRegularizedMLPClassifier)(device=device).fit(X, y)
    module = NoiseLipschitzClassifier(
        (8,), module="cnn", input_shape=shape, max_iter=2, device=device
    ).fit(rows, labels)
    for model, data in ((dense, X), (module, rows)):
        text = pickle.dumps(model)
        assert b"cuda:0" not in text
        again = pickle.loads(text)
        assert_allclose(again.predict_proba(data), model.predict_proba(data), **ALIKE)


@check()
def same_seed_same_network(device):
    X, y, shape = _images()
    make = functools.partial(
        NoiseLipschitzClassifier, (8,), max_iter=3, random_state=0, device=device
    )
    for parameters in ({}, {"module": "cnn", "input_shape": shape}):
        first, second = (make(**parameters).fit(X, y) for _ in range(2))
        assert_allclose(
            second.decision_function(X), first.decision_function(X), rtol=1e-4
        )


# Bounds and certificates


@check("lipsdp", "lipsdp-layer")
def lipsdp_finds_the_same_bound(device, method):
    network = random_network((6, 20, 20, 4), gain=2.0, random_state=0)
    here = lipschitz_bound(network, method=method)
    there = lipschitz_bound(network, method=method, device=device)
    assert_allclose(there.value, here.value, rtol=1e-4)
    assert there.verify(network)
    assert lipschitz_lower_bound(network, n_restarts=2).value <= there.value


@check("ibp", "crown", "local", "best")
def radius_is_the_same(device, method):
    sizes = (4, 6, 6, 2) if method == "best" else (6, 12, 12, 3)
    network = random_network(sizes, gain=2.0, random_state=0)
    X = np.random.default_rng(0).normal(size=(4, sizes[0]))
    for norm in (2,) if method in ("best", "crown") else (1, 2, np.inf):
        here = certified_radius(network, X, norm=norm, method=method)
        there = certified_radius(network, X, norm=norm, method=method, device=device)
        assert_allclose(there, here, rtol=0.01)


@check("relu", "gelu", "tanh")
def accuracy_interval_and_slopes_are_the_same(device, activation):
    network = random_network((6, 16, 16, 3), activation=activation, random_state=0)
    X = np.random.default_rng(0).normal(size=(30, 6))
    y = network.forward(X).argmax(axis=1)
    for norm in (1, 2, np.inf):
        local = [
            local_lipschitz_bound(network, X, radius=0.1, norm=norm, device=d)
            for d in ("cpu", device)
        ]
        assert_allclose(local[1], local[0], rtol=1e-6)
    shares = [
        certified_accuracy_score(network, X, y, radius=0.05, device=d)
        for d in ("cpu", device)
    ]
    assert shares[0] == shares[1]


@check()
def attacks_take_models_from_the_gpu(device):
    X, y = _classes()
    model = _dense(LipschitzRegularizedMLPClassifier)(device=device).fit(X, y)
    share = certified_accuracy_score(model, X, y, radius=0.1)
    assert share <= adversarial_accuracy_score(model, X, y, radius=0.1)
    assert np.all(minimum_norm_attack(model, X[:5])[1] >= 0)
    assert len(verify_robustness(model, X[:5], radius=0.05)) == 5
    X, y = make_regression(60, 5, random_state=0)
    model = _dense(LipschitzRegularizedMLPRegressor)(device=device).fit(X, y / 100)
    lower, upper = certified_interval(model, X, radius=0.1)
    assert np.all((lower <= model.predict(X)) & (model.predict(X) <= upper))
