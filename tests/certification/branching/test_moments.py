# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Hard balls by semidefinite bounds of few parts: the same answers."""

import numpy as np
import pytest

from sklip.certification import verify_robustness
from sklip.certification._branching import moments
from sklip.networks import FeedForward


def _drawn(activation):
    rng, sizes = np.random.default_rng(5), (8, 20, 20, 3)
    shapes = [*zip(sizes[1:], sizes[:-1], strict=True)]
    network = FeedForward(
        [1.5 * rng.normal(size=s) / np.sqrt(s[1]) for s in shapes],
        activation=activation,
    )
    return network, 3.0 * rng.normal(size=(8, 8))[[0, 2, 3, 5, 7]]


@pytest.mark.parametrize(
    ("norm", "radius", "activation"),
    [(2, 4.6, "relu"), (np.inf, 1.3, "leaky_relu"), (2, 2.5, "abs")],
)
def test_semidefinite_bounds_settle_the_same(norm, radius, activation, monkeypatch):
    network, X = _drawn(activation)
    told = {"radius": radius, "norm": norm, "time_limit": 60.0}
    asked, original = [], moments.moment_bound

    def counted(*args):
        found = original(*args)
        asked.append(found.lower > args[5])
        return found

    monkeypatch.setattr(moments, "moment_bound", counted)
    plain = verify_robustness(network, X, **told)
    assert not asked
    monkeypatch.setattr(moments, "_BEFORE", 0)
    found = verify_robustness(network, X, **told)
    assert [r.status for r in found] == [r.status for r in plain]
    assert {r.status for r in plain} >= {"verified"}
    assert sum(asked) > 0
    if norm == np.inf:  # Some balls take further parts.
        assert sum(asked) < len(asked)
    assert sum(r.n_parts for r in found) < sum(r.n_parts for r in plain)
    rng = np.random.default_rng(0)
    for x, r in zip(X, found, strict=True):
        if r.status == "verified":
            steps = rng.uniform(-1.0, 1.0, size=(2000, 8))
            length = np.linalg.norm(steps, norm, axis=1)[:, None]
            outputs = network.forward(x + radius * steps / length)
            target = network.forward(x[None])[0].argmax()
            gaps = np.delete(outputs[:, [target]] - outputs, target, axis=1)
            assert 0.0 < r.lower <= gaps.min()


def test_they_count_as_many_parts_of_the_effort(monkeypatch):
    network, X = _drawn("relu")
    asked, original = [], moments.moment_bound

    def counted(*args):
        asked.append(args)
        return original(*args)

    monkeypatch.setattr(moments, "_BEFORE", 0)
    monkeypatch.setattr(moments, "moment_bound", counted)
    for effort, most in ((moments._WORTH, 0), (3 * moments._WORTH, 3)):
        asked.clear()
        told = {"radius": 1.3, "norm": np.inf, "effort": effort, "time_limit": 60.0}
        verify_robustness(network, X[:3], **told)
        assert len(asked) <= 3 * most
        assert bool(asked) == bool(most)
