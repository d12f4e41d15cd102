# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Balls begun again with upper planes: the same answers, after fewer parts."""

import numpy as np
import pytest

from sklip.certification import verify_robustness
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
