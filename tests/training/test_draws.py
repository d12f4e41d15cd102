# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Noise, dropout and order: fresh in each step, the same in each repetition."""

import pickle
import threading

import numpy as np
import pytest
import torch
from torch import nn

from sklip import LipschitzRegularizedMLPClassifier, NoiseLipschitzClassifier
from sklip.training._draws import Stream, borrowed_generators

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = (X[:, 0] > 0).astype(int)


def _dropout():
    return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 2))


KINDS = {
    "noise": {"batch_size": 20, "shuffle": False},
    "noise, shuffled": {"batch_size": 20},
    "noise and dropout": {"module": _dropout(), "certificate": None},
    "dropout alone": {
        "module": _dropout(),
        "certificate": None,
        "lipschitz_weight": 0,
        "batch_size": 25,
    },
}


def _model(kind, **parameters):
    small = {"random_state": 0, "tol": 0, "max_iter": 4}
    if "module" not in KINDS[kind]:
        small["hidden_layer_sizes"] = (6,)
    return NoiseLipschitzClassifier(**{**small, **KINDS[kind], **parameters})


def _state(model):
    if model.module is None:
        return [*model.network_.weights, *model.network_.biases]
    return [t.numpy() for t in model.module_.state_dict().values()]


@pytest.mark.parametrize("pickled", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_of_batches_draws_what_one_fit_draws(kind, pickled):
    whole = _model(kind).fit(X, Y)
    stream = _model(kind)
    for _ in range(4):
        stream.partial_fit(X, Y, classes=[0, 1])
        if pickled:
            stream = pickle.loads(pickle.dumps(stream))
    for a, b in zip(_state(whole), _state(stream), strict=True):
        np.testing.assert_array_equal(a, b)
    assert whole.loss_curve_ == stream.loss_curve_


@pytest.mark.parametrize("kind", KINDS)
def test_short_warm_fits_do_not_repeat_their_draws(kind):
    still = {"learning_rate_init": 1e-12, "warm_start": True, "max_iter": 1}
    model = _model(kind, **still)
    losses = [model.fit(X, Y).loss_curve_[-1] for _ in range(4)]
    assert min(np.abs(np.diff(losses))) > 1e-6
    model.set_params(random_state=1).fit(X, Y)
    again = _model(kind, **still)
    repeated = [again.fit(X, Y).loss_curve_[-1] for _ in range(4)]
    assert repeated == losses


def test_lbfgs_sees_one_function():
    model = _model("dropout alone", solver="lbfgs", max_iter=30).fit(X, Y)
    assert np.all(np.diff(model.loss_curve_) < 0)


def test_the_order_of_warm_fits_goes_on():
    parameters = {"solver": "sgd", "batch_size": 20, "penalty": "none", "tol": 0}
    make = LipschitzRegularizedMLPClassifier
    whole = make((6,), max_iter=3, random_state=0, momentum=0, **parameters).fit(X, Y)
    parts = make((6,), max_iter=1, random_state=0, momentum=0, **parameters)
    parts.set_params(warm_start=True)
    for _ in range(3):
        parts.fit(X, Y)
    np.testing.assert_array_equal(whole.coefs_[0], parts.coefs_[0])


def test_threads_draw_what_a_serial_fit_draws():
    serial = [_model("noise and dropout", random_state=k).fit(X, Y) for k in range(3)]
    models = [_model("noise and dropout", random_state=k) for k in range(3)]
    threads = [threading.Thread(target=m.fit, args=(X, Y)) for m in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for a, b in zip(serial, models, strict=True):
        for left, right in zip(_state(a), _state(b), strict=True):
            np.testing.assert_array_equal(left, right)


def test_global_generators_stay_as_they_were():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    _model("noise and dropout").fit(X, Y)
    assert torch.equal(before, torch.get_rng_state())


def test_borrowed_draws_come_from_the_own_generator():
    own, alone = (torch.Generator().manual_seed(3) for _ in range(2))
    with borrowed_generators(own):
        borrowed = torch.rand(4)
    assert torch.equal(borrowed, torch.rand(4, generator=alone))
    assert torch.equal(own.get_state(), alone.get_state())


def test_streams_of_another_salt_differ_and_seeds_do_not_advance():
    source = torch.Generator().manual_seed(0)
    before = source.get_state()
    streams = [Stream(torch.device("cpu"), salt) for salt in (0, 1)]
    for stream in streams:
        stream.restart(source)
    a, b = (torch.rand(3, generator=stream.generator) for stream in streams)
    assert not torch.equal(a, b)
    assert torch.equal(before, source.get_state())
