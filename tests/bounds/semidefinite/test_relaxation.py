# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Quadratic constraints over parts of balls: true at every point, in exact numbers."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from sklip.bounds import Propagation, hidden_bounds
from sklip.bounds._semidefinite.relaxation import _middles, relaxation_over
from sklip.networks import FeedForward

SLOPES = {"relu": (0, 1), "leaky_relu": (0.01, 1), "abs": (-1, 1)}


def _exact(values):
    return np.vectorize(Fraction, otypes=[object])(np.asarray(values, dtype=float))


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "abs"])
@pytest.mark.parametrize("norm", [2, np.inf])
@pytest.mark.parametrize("is_one_sided", [False, True])
def test_constraints_hold_in_exact_arithmetic(activation, norm, is_one_sided):
    rng, sizes = np.random.default_rng(3), (3, 4, 3, 2)
    shapes = [(n, m) for m, n in pairwise(sizes)]
    network = FeedForward(
        [rng.normal(size=s) / np.sqrt(3) for s in shapes],
        [0.2 * rng.normal(size=n) for n, _ in shapes],
        activation=activation,
    )
    x, radius, row = rng.normal(size=3), 1.3, np.array([1.0, -0.7])
    shares = (np.array([1.0, 0.3, 0.0]), np.ones(3)) if is_one_sided else None
    propagation = Propagation(network, norm, shares=shares)
    ball = propagation.balls(x[None], [radius])
    ends = hidden_bounds(propagation, ball, "crown").intervals
    ends = [(low[0].numpy(), high[0].numpy()) for low, high in ends]
    left, right = map(Fraction, SLOPES[activation])
    n_cut = 0
    for _ in range(12):
        u = rng.uniform(-1.0, 1.0, size=3) * (0.57 if norm == 2 else 1.0)
        if is_one_sided:
            u = np.where(u < 0.0, u * shares[0], u)
        u, signs, t = _exact(u), [], []
        h = _exact(x) + Fraction(radius) * u
        for k, (low, high) in enumerate(ends):
            z = _exact(network.weights[k]) @ h + _exact(network.biases[k])
            h = np.where(z > 0, right * z, left * z)
            # Some signs are those of the part.
            cut = np.where(rng.random(len(z)) < 0.3, np.where(z > 0, 1.0, -1.0), 0.0)
            signs.append(cut)
            some = (cut == 0.0) & (low < 0.0) & (high > 0.0)
            hinge = propagation.layers[k].shape.hinge
            middle, half = map(_exact, _middles(low[some], high[some], hinge))
            t += list((h[some] - middle) / half)
            n_cut += int(abs(cut).sum())
        found = relaxation_over(propagation, ball, row, signs, ends)
        y = np.array([Fraction(1), *u, *t])
        assert max(abs(y)) <= 1
        values, off = _exact(found.forms) @ y, _exact(found.errors)
        a, b = found.first, found.second
        room = off[a] * (abs(values[b]) + off[b]) + off[b] * abs(values[a])
        assert all(values[a] * values[b] >= -room)
        zero = found.is_zero
        assert all((abs(values[a] * values[b]) <= room)[zero])
        assert zero.sum() == len(t) == len(found.hinges)
        h = _exact(network.weights[-1]) @ h + _exact(network.biases[-1])
        assert abs(values[found.goal] - _exact(row) @ h) <= off[found.goal]
        assert max(found.errors) < 1e-13
    assert n_cut
