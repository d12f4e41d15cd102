# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""LipSDP-Network, with multipliers that couple neurons, certifies false bounds.

The two counterexamples of section II-C of paper 001 (P8, P9).
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklip.bounds import (
    NetworkSubject,
    lipschitz_bound,
    lipschitz_lower_bound,
    product_bound,
)
from sklip.bounds._certificate import sealed
from sklip.bounds._lipsdp import general_solver
from sklip.networks import FeedForward


def cvxpy_bound(network, *, solver=None):
    """Sealed, so that it can be verified."""
    evidence = general_solver.cvxpy_bound(network, solver=solver)
    return sealed(NetworkSubject(network), evidence)


def sequential_bound(network):
    """Sealed, so that it can be verified."""
    return lipschitz_bound(network, method="sequential")


FIRST = np.array([[-1.0], [-1.0]])
LAST = np.array([[-1.0, 1.0]])
COUPLED = np.array([[1.0, -1.0], [-1.0, 1.0]])  # (e_1 - e_2)(e_1 - e_2)^T


@pytest.fixture
def cosine():
    """P8: a tanh network of two units that looks like a cosine."""
    return FeedForward([FIRST, LAST], [np.array([-1.0, 1.0]), np.array([-0.5])], "tanh")


def largest_eigenvalue_of_lmi(lipschitz, multiplier):
    """(5) of paper 001 for alpha = 0, beta = 1; it claims a bound if this is <= 0."""
    lmi = np.block(
        [
            [-(lipschitz**2) * np.eye(1), FIRST.T @ multiplier],
            [multiplier @ FIRST, -2.0 * multiplier + LAST.T @ LAST],
        ]
    )
    return np.linalg.eigvalsh(lmi)[-1]


def coupled_bound(weights):
    """LipSDP-Network for one hidden layer of two units, sector [0, 1]."""
    import cvxpy

    first, last = weights
    square, t = cvxpy.Variable((1, 1)), cvxpy.Variable(3, nonneg=True)
    diagonal = t[0] * np.diag([1.0, 0.0]) + t[1] * np.diag([0.0, 1.0])
    multiplier = diagonal + t[2] * COUPLED
    lmi = cvxpy.bmat(
        [
            [square, -first.T @ multiplier],
            [-multiplier @ first, 2.0 * multiplier - last.T @ last],
        ]
    )
    problem = cvxpy.Problem(cvxpy.Minimize(square[0, 0]), [lmi >> 0])
    problem.solve(solver="CLARABEL")
    return np.sqrt(max(problem.value, 0.0))


def test_the_network_fits_the_cosine(cosine):
    x = np.linspace(-np.pi / 2, np.pi / 2, 2001)[:, None]
    assert_allclose(np.max(np.abs(cosine.forward(x) - np.cos(x))), 0.0843, atol=5e-5)


@pytest.mark.parametrize("lipschitz", [1.0, 1e-1, 1e-3])
def test_coupled_multipliers_claim_any_bound(lipschitz, cosine):
    reached = lipschitz_lower_bound(cosine, random_state=0).value
    assert_allclose(reached, 0.9335, atol=1e-3)
    assert largest_eigenvalue_of_lmi(lipschitz, COUPLED) <= 1e-12


def test_the_coupled_program_certifies_a_false_bound(cosine):
    x, y = np.array([[1.3]]), np.array([[1.4]])
    slope = abs(cosine.forward(x) - cosine.forward(y)).item() / 0.1
    assert coupled_bound(cosine.weights) < 0.01 < 0.8 < slope


def test_diagonal_multipliers_give_a_bound(cosine):
    certificate = cvxpy_bound(cosine)
    assert_allclose(certificate.value, 1.0, rtol=1e-6)
    assert certificate.lower > 1.0 - 1e-5
    assert certificate.verify(cosine)
    assert certificate.value <= sequential_bound(cosine).value
    assert_allclose(product_bound(cosine), 2.0, rtol=1e-12)
    reached = lipschitz_lower_bound(cosine, random_state=0).value
    assert 0.93 < reached <= certificate.value


def quadratic_constraint(x, y, multiplier):
    """Left side of (4) of paper 001 for ReLU; Lemma 1 of LipSDP says it is >= 0."""
    z = x - y
    phi = np.maximum(x, 0.0) - np.maximum(y, 0.0)
    return 2.0 * z @ multiplier @ phi - 2.0 * phi @ multiplier @ phi


def test_coupled_multipliers_break_the_quadratic_constraint():
    """P9: the value is -3; the paper prints -2. Sign and conclusion stand."""
    x, y = np.array([0.0, 1.0]), np.array([-1.5, 0.0])
    assert quadratic_constraint(x, y, COUPLED) == -3.0


def test_diagonal_multipliers_keep_the_quadratic_constraint():
    rng = np.random.default_rng(0)
    for x, y, t in rng.normal(size=(2000, 3, 4)):
        assert quadratic_constraint(x, y, np.diag(np.abs(t))) >= -1e-12
