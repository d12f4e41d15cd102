# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""LipSDP of single pairs: the row that is proven contains the exact difference."""

from fractions import Fraction

import numpy as np
import pytest

from sklip.bounds import output_difference_bounds
from sklip.bounds._lipsdp import pairs
from sklip.networks import FeedForward, random_network


@pytest.mark.parametrize("merged", [False, True], ids=["stored", "merged"])
def test_the_chain_of_a_pair_holds_the_exact_difference(monkeypatch, merged):
    """Row and radius of the last matrix, against exact rational arithmetic."""
    rng = np.random.default_rng(0)
    first, last = rng.normal(size=(3, 2)), rng.normal(size=(3, 3))
    weights, names = [first, last], ["relu"]
    if merged:
        weights = [first, np.diag(rng.normal(size=3)), last]
        names = ["relu", "identity"]
    proven = []

    solved = pairs.low_rank_method

    def spy(chain, tol, **options):
        proven.append(chain)
        return solved(chain, tol, **options)

    monkeypatch.setattr(pairs, "low_rank_method", spy)
    found = pairs.LipSDPPairs(
        FeedForward(weights, None, names), lambda p: np.ones(len(p))
    )
    tight = 0
    for t, j in ((0, 1), (0, 2), (1, 2)):
        found(np.array([[t, j]]))
        row, radius = proven[-1].weights[-1][0], proven[-1].radii[-1][0]
        for i in range(3):
            scale = Fraction(weights[1][i, i]) if merged else 1
            exact = (Fraction(last[t, i]) - Fraction(last[j, i])) * scale
            miss = abs(exact - Fraction(row[i]))
            assert miss <= Fraction(radius[i])
            tight += miss > 0
            assert radius[i] <= 1e-14 * (abs(last[t, i]) + abs(last[j, i]))
    assert tight


def test_a_pair_alone_is_at_least_as_tight_as_all_of_them():
    network = random_network([4, 12, 3], random_state=0)
    every = [[0, 1], [0, 2], [1, 2], [1, 1]]
    alone = output_difference_bounds(network, every, method="lipsdp")
    together = output_difference_bounds(network, every, method="sequential")
    assert (alone <= together).all() and (alone[:3] < 0.999 * together[:3]).any()
    assert alone[3] == 0.0
    rows = np.random.default_rng(0).normal(size=(500, 2, 4))
    rows[:, 1] = rows[:, 0] + 0.1 * rows[:, 1]
    values = network.forward(rows.reshape(-1, 4)).reshape(500, 2, 3)
    change = values[:, 0] - values[:, 1]
    distance = np.linalg.norm(rows[:, 0] - rows[:, 1], axis=1)
    for (t, j), constant in zip(every[:3], alone, strict=False):
        assert (abs(change[:, t] - change[:, j]) <= constant * distance).all()
