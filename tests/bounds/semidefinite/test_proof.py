# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What multipliers prove, whatever they are, and how near that is to what they say."""

import numpy as np
import pytest

from sklip.bounds import Propagation, hidden_bounds
from sklip.bounds._semidefinite.interior_point import MultiplierForm, multipliers_of
from sklip.bounds._semidefinite.proof import proven_lower
from sklip.bounds._semidefinite.relaxation import relaxation_over
from sklip.networks import FeedForward


@pytest.fixture(scope="module")
def case():
    """A relaxation without signs, and the least value on many points of its ball."""
    rng, x, row = np.random.default_rng(0), np.array([0.3, -0.2]), np.array([1.0, -1.0])
    network = FeedForward(
        [rng.normal(size=(6, 2)), rng.normal(size=(5, 6)), rng.normal(size=(2, 5))],
        [0.3 * rng.normal(size=n) for n in (6, 5, 2)],
    )
    propagation = Propagation(network, np.inf)
    ball = propagation.balls(x[None], [1.0])
    ends = hidden_bounds(propagation, ball, "crown").intervals
    ends = [(low[0].numpy(), high[0].numpy()) for low, high in ends]
    signs = [np.zeros(6), np.zeros(5)]
    relaxation = relaxation_over(propagation, ball, row, signs, ends)
    steps = np.stack(np.meshgrid(*2 * [np.linspace(-1.0, 1.0, 201)]), axis=-1)
    least = (network.forward(x + steps.reshape(-1, 2)) @ row).min()
    return MultiplierForm(relaxation), least


def test_the_best_multipliers_prove_nearly_what_they_say(case):
    form, least = case
    found = multipliers_of(form.relaxation, np.inf)
    proven = proven_lower(form, found.x)
    assert found.x[0] - 1e-8 < proven < found.x[0]
    assert proven <= least
    # Nothing more is proven by saying it.
    more = found.x.copy()
    more[0] += 1e-2 + found.gap
    assert proven_lower(form, more) == -np.inf
    assert found.gap < 1e-3


def test_no_multipliers_prove_more_than_is_true(case):
    form, least = case
    start, rng, n_proven = form.start()[0], np.random.default_rng(1), 0
    best = multipliers_of(form.relaxation, np.inf).x
    for base in (start, best):
        for size in (1e-3, 1e-2, 0.3):
            x = base * (1.0 + size * rng.normal(size=len(base)))
            # Those of the wrong sign count as zero.
            x[rng.integers(1, len(x), 5)] *= -1.0
            for g in np.linspace(least - 200.0, least + 1.0, 60):
                x[0] = g
                proven = proven_lower(form, x)
                assert proven <= min(least, g)
                n_proven += proven > -np.inf
    assert n_proven > 20


def test_the_hull_of_two_neurons_over_a_disc_is_exact():
    # relu(x + y) + relu(x - y) is at most 2 there; the hulls of each say 1 + sqrt(2).
    network = FeedForward([[[1.0, 1.0], [1.0, -1.0]], [[-1.0, -1.0]]])
    propagation = Propagation(network, 2)
    ball, root = propagation.balls(np.zeros((1, 2)), [1.0]), np.full(2, np.sqrt(2.0))
    told = propagation, ball, np.ones(1), [np.zeros(2)], [(-root, root)]
    form = MultiplierForm(relaxation_over(*told))
    found = multipliers_of(form.relaxation, np.inf)
    assert -2.001 < proven_lower(form, found.x) <= -2.0

    # With multipliers of the wrong sign the form says more than is true.
    x, is_value = found.x.copy(), np.isin(form.first, form.relaxation.hinges[:, 1])
    x[:-1][is_value & (form.second == 0)] = -0.1
    x[0] = -1.95
    assert np.linalg.eigvalsh(form.matrix(x))[0] > 0.0
    assert proven_lower(form, x) == -np.inf
