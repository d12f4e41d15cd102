# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Ctrl-C, sent for real: a fit keeps its epochs, and what is around a fit ends."""

import os
import signal
import subprocess
import sys
import time

import pytest

from sklip.training._interrupts import was_raised

SCENARIOS = """
import warnings
import numpy as np
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback
from sklip import ADMMLipschitzMLPClassifier, LipschitzRegularizedMLPClassifier
from sklip.training import _interrupts
warnings.simplefilter("ignore")
X = np.random.default_rng(0).normal(size=(200, 5))
y = (X[:, 0] > 0).astype(int)

class Say(Callback):
    told = False
    def say(self, net, hook):
        if hook != Say.at:
            return
        if not Say.told and len(net.history) > 2:
            Say.told = True
            print("training", flush=True)
        for _ in range(Say.spins):
            pass
    def on_epoch_begin(self, net, **kwargs):
        self.say(net, "on_epoch_begin")
    def on_epoch_end(self, net, **kwargs):
        self.say(net, "on_epoch_end")

def begin(at="on_epoch_begin", spins=0):
    # As if a minute had passed: a second signal soon after means more.
    _interrupts._last = -float("inf")
    Say.told, Say.at, Say.spins = False, at, spins

long = dict(max_iter=10**6, tol=0, n_iter_no_change=10**6, callbacks=[Say])

def kept(model):
    model.fit(X, y)
    print("kept", len(model.history_) >= 2, model.predict(X).shape, flush=True)

def search():
    model = LipschitzRegularizedMLPClassifier(**long)
    try:
        GridSearchCV(model, {'alpha': [1, 2, 3]}, cv=2).fit(X, y)
        print("went on", flush=True)
    except KeyboardInterrupt:
        print("ended", flush=True)

def loop():
    for alpha in (1, 2, 3, 4):
        LipschitzRegularizedMLPClassifier(alpha=alpha, **long).fit(X, y)
    print("went on", flush=True)

for make in (
    lambda: LipschitzRegularizedMLPClassifier(**long),
    lambda: LipschitzRegularizedMLPClassifier(solver="lbfgs", alpha=0, **long),
    lambda: ADMMLipschitzMLPClassifier(**long),
):
    begin()
    kept(make())
begin()
search()
# There most of the time, callbacks raise it to stop: it is told apart.
begin("on_epoch_end", 10**6)
search()
begin()
loop()
"""


def test_fits_keep_their_epochs_and_what_is_around_them_ends():
    """Ctrl-C at each in turn, all in one process; the last needs it twice."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCENARIOS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )

    def interrupt():
        line = process.stdout.readline()
        assert line == "training\n", (line, process.stderr.read())
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)

    try:
        for expected in [*["kept True (200,)\n"] * 3, *["ended\n"] * 2]:
            interrupt()
            line = process.stdout.readline()
            assert line == expected, process.stderr.read()
        interrupt()
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode != 0 and out == "" and "KeyboardInterrupt" in err
    finally:
        process.kill()


def test_what_code_raises_is_told_from_a_signal():
    with pytest.raises(KeyboardInterrupt) as raised:
        raise KeyboardInterrupt
    assert was_raised(raised.value)
    with pytest.raises(KeyboardInterrupt) as signalled:
        signal.raise_signal(signal.SIGINT)
    assert not was_raised(signalled.value)
