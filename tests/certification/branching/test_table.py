# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Samples of a table on all levels: hidden neurons' splits change no answer."""

import subprocess
import sys

import numpy as np
import pytest

from sklip.certification import verify_robustness
from sklip.certification._branching import exact, table
from sklip.certification._branching.queue import Effort
from sklip.certification._branching.table import LEVELS, Level
from sklip.networks import random_network


def level(n, n_hidden):
    return Level(Effort(n, rounds=np.inf), n_hidden)


def test_splits_of_hidden_neurons_change_no_answer(monkeypatch):
    network = random_network([4, 7, 7, 7, 2], random_state=2, gain=1.5)
    X = np.random.default_rng(0).normal(size=(8, 4))[[0, 3, 6, 7]]
    asked = {"radius": 0.5, "norm": np.inf, "time_limit": 60.0}
    plain = verify_robustness(network, X, **asked)
    calls, tightened = [], table.HiddenSplits.tightened

    def counted(*arguments):
        calls.append(arguments)
        return tightened(*arguments)

    monkeypatch.setattr(table.HiddenSplits, "tightened", counted)
    monkeypatch.setattr(exact, "LEVELS", (level(4, 1), level(8, 3), level(np.inf, 6)))
    deep = verify_robustness(network, X, **asked)
    assert 2 <= len(calls) <= 4
    statuses = [[r.status for r in results] for results in (plain, deep)]
    assert statuses[0] == statuses[1] == ["falsified", *["verified"] * 3]
    assert deep[2].n_parts < 0.5 * plain[2].n_parts
    rng = np.random.default_rng(1)
    for x, result in zip(X, deep, strict=True):
        logits = network.forward(x + rng.uniform(-0.5, 0.5, size=(5000, 4)))
        top = network.forward(x[None]).argmax()
        margins = logits[:, top] - logits[:, 1 - top]
        assert result.lower <= margins.min() + 1e-9


@pytest.mark.parametrize("kind", ["network", "module"])
def test_nothing_else_needs_to_be_imported(kind):
    code = """
import torch
from sklip.certification import verify_robustness
from sklip.networks import random_network

torch.manual_seed(0)
layers = torch.nn.Conv1d(1, 2, 3), torch.nn.ReLU(), torch.nn.Flatten()
module = torch.nn.Sequential(torch.nn.Unflatten(1, (1, 4)), *layers).double()
model = {"network": random_network([4, 3, 2], random_state=0), "module": module}
found = verify_robustness(model["KIND"], [[1.0, -2.0, 3.0, 0.5]], radius=1e-3)
print(found[0].status)
"""
    command = [sys.executable, "-c", code.replace("KIND", kind)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.stdout.strip() == "verified", run.stderr


def test_levels_end_without_a_limit():
    efforts = [one.effort.of_one for one in LEVELS]
    assert efforts == sorted(efforts) and np.isinf(efforts[-1])
    assert LEVELS[0].n_hidden == 1
