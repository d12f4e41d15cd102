# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What parts cost, and balls begun again with upper planes: the same answers sooner."""

import numpy as np
import pytest

from sklip.bounds._propagation import linear
from sklip.certification import is_certified, verify_robustness
from sklip.certification._branching import branches
from sklip.networks import FeedForward


@pytest.mark.parametrize(
    ("norm", "radius", "share"), [(1, 6.5, 0.6), (2, 3.4, 0.6), (np.inf, 1.3, 0.5)]
)
def test_planes_settle_the_same_after_fewer_parts(norm, radius, share, monkeypatch):
    rng, sizes = np.random.default_rng(5), (8, 20, 20, 3)
    shapes = [*zip(sizes[1:], sizes[:-1], strict=True)]
    network = FeedForward([1.5 * rng.normal(size=s) / np.sqrt(s[1]) for s in shapes])
    X = 3.0 * rng.normal(size=(8, 8))[[3, 5, 7]]
    told = {"radius": radius, "norm": norm, "time_limit": 60.0}
    plain = verify_robustness(network, X, **told)
    monkeypatch.setattr(branches, "_PLAIN_PARTS", 6)
    monkeypatch.setattr(branches, "_SLOPES_PER_PART", 10**9)
    bent = verify_robustness(network, X, **told)
    assert {r.status for r in plain} == {"verified", "falsified"}
    assert [r.status for r in bent] == [r.status for r in plain]
    assert sum(r.n_parts for r in bent) < share * sum(r.n_parts for r in plain)
    # Each by itself: what is found does not depend on the samples beside it.
    alone = verify_robustness(network, X[1:2], **told)[0]
    assert (alone.status, alone.n_parts) == (bent[1].status, bent[1].n_parts)


@pytest.mark.parametrize("n_plain", [10**9, 20])
@pytest.mark.parametrize("sizes", [(8, 20, 20, 3), (8, 40, 2)])
@pytest.mark.parametrize("activation, times", [("relu", 5), ("tanh", 15)])
def test_a_part_costs_at_most_so_many_times_crown(
    activation, times, sizes, n_plain, monkeypatch
):
    rng, work = np.random.default_rng(5), [0]
    shapes = [*zip(sizes[1:], sizes[:-1], strict=True)]
    weights = [1.5 * rng.normal(size=s) / np.sqrt(s[1]) for s in shapes]
    network = FeedForward(weights, activation=activation)
    X, told = 3.0 * rng.normal(size=(8, 8)), {"radius": 1.3, "norm": np.inf}
    original = linear._over_the_ball

    def counted(propagation, balls, rows, *args):
        # Linear functions, the same ones of all balls for each of them.
        work[0] += max(len(balls), len(rows)) * rows.shape[1]
        return original(propagation, balls, rows, *args)

    monkeypatch.setattr(branches, "_PLAIN_PARTS", n_plain)
    monkeypatch.setattr(branches, "_SLOPES_PER_PART", 10**9)
    monkeypatch.setattr(linear, "_over_the_ball", counted)
    is_certified(network, X, method="crown", **told)
    crown, n_long = work[0] / len(X), 0
    for x in X:
        work[0] = 0
        (found,) = verify_robustness(network, x[None], effort=200, **told)
        assert found.n_parts <= 200
        assert work[0] <= (times * found.n_parts + 40) * crown
        n_long += found.n_parts > 10
    assert n_long
