# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Forms of multipliers against their definition, and steps that close the gap."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklip.bounds import Propagation, hidden_bounds
from sklip.bounds._semidefinite.interior_point import Solution, multipliers_of
from sklip.bounds._semidefinite.relaxation import relaxation_over
from sklip.networks import FeedForward


@pytest.fixture(scope="module", params=[2, np.inf])
def solution(request):
    """The first iterate for a network of two hidden layers."""
    rng = np.random.default_rng(2)
    network = FeedForward([rng.normal(size=s) for s in [(4, 3), (3, 4), (1, 3)]])
    propagation = Propagation(network, request.param)
    ball = propagation.balls(np.zeros((1, 3)), [1.0])
    ends = hidden_bounds(propagation, ball, "crown").intervals
    ends = [(low[0].numpy(), high[0].numpy()) for low, high in ends]
    signs = [np.zeros(4), np.array([1.0, 0.0, 0.0])]
    told = propagation, ball, np.ones(1), signs, ends
    return Solution.of(relaxation_over(*told))


def test_forms_are_what_they_are_said_to_be(solution):
    form, rng = solution.form, np.random.default_rng(0)
    relaxation, x = form.relaxation, rng.normal(size=len(form.is_free))
    for _ in range(5):
        y = np.append(1.0, rng.uniform(-1.0, 1.0, size=form.n - 1))
        values = relaxation.forms @ y
        products = values[form.first] * values[form.second]
        said = values[relaxation.goal] - form.multipliers(x) @ products
        if relaxation.is_round:
            said -= x[-1] * (1.0 - (y[1 : 1 + relaxation.n_inputs] ** 2).sum())
        assert_allclose(y @ form.matrix(x) @ y, said, rtol=1e-10)
    # The adjoint, and the Schur complement made of it.
    X, Z = (a @ a.T for a in rng.normal(size=(2, form.n, form.n)))
    change = form.matrix(x, 0.0)
    assert_allclose(-form.adjoint(X) @ x, (X * change).sum(), rtol=1e-10)
    product = X @ change @ Z
    expected = -form.adjoint(0.5 * (product + product.T))
    assert_allclose(form.schur(X, Z) @ x, expected, rtol=1e-9, atol=1e-9)


def test_the_gap_closes_and_the_search_ends_at_the_target(solution):
    relaxation = solution.form.relaxation
    best = multipliers_of(relaxation, np.inf)
    assert 0.0 <= best.gap < 1e-4
    assert not best.falls_short(best.x[0] - 0.01)
    assert best.falls_short(best.x[0] + 0.01)
    low = multipliers_of(relaxation, best.x[0] - 0.5)
    assert low.x[0] > best.x[0] - 0.5
    assert low.gap > 10.0 * best.gap
    # Out of reach: it ends before the gap is closed.
    assert multipliers_of(relaxation, best.x[0] + 2.0).gap > 10.0 * best.gap
    assert multipliers_of(relaxation, np.inf, deadline=0.0).gap > best.gap
