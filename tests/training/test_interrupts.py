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

HEAD = """
import sys, warnings
import numpy as np
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback
from sklip import ADMMLipschitzMLPClassifier, LipschitzRegularizedMLPClassifier
warnings.simplefilter("ignore")
X = np.random.default_rng(0).normal(size=(200, 5))
y = (X[:, 0] > 0).astype(int)

class Say(Callback):
    told = False
    def {hook}(self, net, **kwargs):
        if not Say.told and len(net.history) > 2:
            Say.told = True
            print("training", flush=True)
        for _ in range({spins}):
            pass

long = dict(max_iter=10**6, tol=0, n_iter_no_change=10**6, callbacks=[Say])
"""


def _run(code, *, hook="on_epoch_begin", spins=0, more_signals=0):
    """Run code, send Ctrl-C once it trains, and as often again as is allowed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HEAD.format(hook=hook, spins=spins) + code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        line = process.stdout.readline()
        assert line == "training\n", process.stderr.read()
        for k in range(1 + more_signals):
            time.sleep(0.5 if k else 0.1)
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        return *process.communicate(timeout=60), process.returncode
    finally:
        process.kill()


KEPT = """
model.fit(X, y)
print("kept", len(model.history_) >= 2, model.predict(X).shape)
"""


@pytest.mark.parametrize(
    "make",
    [
        "LipschitzRegularizedMLPClassifier(**long)",
        "LipschitzRegularizedMLPClassifier(solver='lbfgs', alpha=0, **long)",
        "ADMMLipschitzMLPClassifier(**long)",
    ],
)
def test_a_fit_keeps_the_epochs_done(make):
    out, err, code = _run(f"model = {make}\n{KEPT}")
    assert (code, out) == (0, "kept True (200,)\n"), err


# In on_epoch_end, most of the time there, callbacks raise it to stop: it is told apart.
@pytest.mark.parametrize(
    ("hook", "spins"), [("on_epoch_begin", 0), ("on_epoch_end", 10**6)]
)
def test_a_search_ends(hook, spins):
    make = "model = LipschitzRegularizedMLPClassifier(**long)\n"
    search = "GridSearchCV(model, {'alpha': [1, 2, 3]}, cv=2).fit(X, y)\nprint('on')"
    out, err, code = _run(make + search, hook=hook, spins=spins)
    assert code != 0 and out == "" and "KeyboardInterrupt" in err


def test_the_second_ends_a_loop_of_fits():
    loop = """
for alpha in (1, 2, 3, 4):
    LipschitzRegularizedMLPClassifier(alpha=alpha, **long).fit(X, y)
print("went on")
"""
    out, err, code = _run(loop, more_signals=1)
    assert code != 0 and out == "" and "KeyboardInterrupt" in err


def test_what_code_raises_is_told_from_a_signal():
    with pytest.raises(KeyboardInterrupt) as raised:
        raise KeyboardInterrupt
    assert was_raised(raised.value)
    with pytest.raises(KeyboardInterrupt) as signalled:
        signal.raise_signal(signal.SIGINT)
    assert not was_raised(signalled.value)
