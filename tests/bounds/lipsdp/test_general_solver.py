# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""LipSDP through a general solver: closed forms, order, and answers that are wrong."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import ortho_group

from sklip.bounds import (
    NetworkSubject,
    lipschitz_bound,
    lipschitz_lower_bound,
    product_bound,
)
from sklip.bounds._certificate import sealed
from sklip.bounds._chain import chain_of
from sklip.bounds._lipsdp import general_solver
from sklip.bounds._lipsdp.general_solver import cvxpy_multipliers
from sklip.exceptions import CertificationWarning, InfeasibleCertificateError
from sklip.networks import FeedForward, get_activation, random_network


def cvxpy_bound(network, *, solver=None):
    """Sealed, so that it can be verified."""
    evidence = general_solver.cvxpy_bound(network, solver=solver)
    return sealed(NetworkSubject(network), evidence)


def sequential_bound(network):
    """Sealed, so that it can be verified."""
    return lipschitz_bound(network, method="sequential")


ACTIVATIONS = [
    "relu",
    "tanh",
    "sigmoid",
    "gelu",
    "hardswish",
    "leaky_relu",
    "leaky_relu(0.4)",
    "leaky_relu(-1.5)",
    "elu(1.7)",
]


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("sizes", [[3, 7, 2], [9, 6, 5, 4, 1]])
def test_between_the_lower_and_the_sequential_bound(sizes, activation):
    network = random_network(sizes, activation=activation, random_state=1)
    certificate = cvxpy_bound(network)
    reached = lipschitz_lower_bound(network, n_restarts=2, random_state=0).value
    assert reached <= certificate.value < 0.98 * sequential_bound(network).value
    assert certificate.value * (1 - 1e-5) < certificate.lower <= certificate.value
    assert certificate.slack < 1e-6
    assert certificate.verify(network)


def test_mixed_activations():
    activations = ["leaky_relu(0.3)", "sigmoid", "gelu", "identity"]
    network = random_network([4, 6, 5, 5, 4, 3], activation=activations, random_state=0)
    certificate = cvxpy_bound(network)
    reached = lipschitz_lower_bound(network, n_restarts=2, random_state=0).value
    assert reached <= certificate.value < 0.9 * sequential_bound(network).value
    assert certificate.lower > certificate.value * (1 - 1e-5)
    assert len(certificate.multipliers) == 3  # the identity layer is merged
    assert certificate.verify(network)


@pytest.mark.parametrize("n_hidden", [0, 1, 2])
def test_linear_networks_get_their_spectral_norm(n_hidden):
    rng = np.random.default_rng(0)
    sizes = [4, *[5] * n_hidden, 2]
    weights = [rng.normal(size=(m, n)) for n, m in zip(sizes, sizes[1:], strict=False)]
    network = FeedForward(weights, None, "identity")
    product = weights[0]
    for weight in weights[1:]:
        product = weight @ product
    certificate = cvxpy_bound(network)
    assert_allclose(certificate.value, np.linalg.norm(product, 2), rtol=1e-12)
    assert certificate.method == "lipsdp-cvxpy"
    assert certificate.verify(network)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_one_hidden_unit_has_a_closed_form(activation):
    """||w_1|| ||w_0|| times the steepest slope of the sector."""
    rng = np.random.default_rng(3)
    first, last = rng.normal(size=(1, 4)), rng.normal(size=(3, 1))
    network = FeedForward([first, last], None, activation)
    exact = np.linalg.norm(first) * np.linalg.norm(last)
    exact *= get_activation(activation).lipschitz
    certificate = cvxpy_bound(network)
    assert_allclose(certificate.value, exact, rtol=1e-6)
    assert certificate.value >= exact * (1 - 1e-14)
    assert_allclose(certificate.lower, exact, rtol=1e-6)


def test_independent_units_have_a_closed_form():
    """f_i = b_i relu(a_i x_i) in rotated axes: the largest |a_i b_i|."""
    a, b = np.array([1.0, -3.0, 0.5]), np.array([2.0, 0.4, -1.0])
    turn, back = ortho_group.rvs(3, size=2, random_state=0)
    network = FeedForward([np.diag(a) @ turn, back @ np.diag(b)])
    assert_allclose(cvxpy_bound(network).value, 2.0, rtol=1e-6)
    assert product_bound(network) > 5.9


def test_units_may_be_rescaled():
    """relu(s z) = s relu(z): the optimum does not change, the sequential bound does."""
    network = random_network([4, 6, 5, 2], random_state=0)
    s = np.geomspace(0.1, 10.0, 6)[:, None]
    first, second, last = network.weights
    moved = FeedForward([s * first, second / s.T, last])
    assert_allclose(cvxpy_bound(moved).value, cvxpy_bound(network).value, rtol=1e-6)
    assert sequential_bound(moved).value > 1.2 * sequential_bound(network).value


def test_a_wide_input_is_reduced_exactly(monkeypatch):
    network = random_network([4, 6, 2], activation="gelu", random_state=0)
    frame = ortho_group.rvs(30, random_state=0)[:4]
    wide = FeedForward([network.weights[0] @ frame, network.weights[1]], None, "gelu")
    solve, widths = general_solver._solve, []

    def spy(scaled, *arguments):
        widths.append(scaled[0].shape[1])
        return solve(scaled, *arguments)

    monkeypatch.setattr(general_solver, "_solve", spy)
    certificate = cvxpy_bound(wide)
    assert_allclose(certificate.value, cvxpy_bound(network).value, rtol=1e-6)
    assert certificate.verify(wide)
    assert widths[0] == 6


def test_dead_neurons_cost_nothing():
    network = random_network([3, 5, 2], random_state=0)
    first = np.vstack([network.weights[0], [[7.0, 1.0, 1.0], [0.0, 0.0, 0.0]]])
    last = np.hstack([network.weights[1], [[0.0, 9.0], [0.0, 9.0]]])
    padded = FeedForward([first, last])
    certificate = cvxpy_bound(padded)
    assert_allclose(certificate.value, cvxpy_bound(network).value, rtol=1e-6)
    assert certificate.verify(padded)


def test_a_constant_network_needs_no_solver(monkeypatch):
    monkeypatch.setattr(general_solver, "_solve", None)
    network = FeedForward([np.ones((3, 2)), np.zeros((2, 3)), np.ones((1, 2))])
    certificate = cvxpy_bound(network)
    assert certificate.value == 0.0
    assert certificate.verify(network)


@pytest.mark.parametrize("activation", ["relu", "gelu", "leaky_relu(0.4)"])
def test_any_matrix_gives_a_valid_lower_bound(activation, monkeypatch):
    """The dual is made feasible, however wrong the solver's was."""
    network = random_network([3, 5, 4, 2], activation=activation, random_state=2)
    optimum = cvxpy_bound(network).value
    solve, rng = general_solver._solve, np.random.default_rng(0)
    for size in [0.0, 1e-6, 1e-3, 0.1, 10.0]:

        def perturbed(*arguments, size=size):
            x, t, dual = solve(*arguments)
            return x, t, dual + size * rng.normal(size=dual.shape)

        monkeypatch.setattr(general_solver, "_solve", perturbed)
        lower = cvxpy_multipliers(chain_of(network))[2]
        assert lower <= optimum
        assert lower > optimum * (1 - 1e-5) or size


def test_a_dual_in_other_units_is_made_feasible(monkeypatch):
    """D X D, D one scale a neuron, is the same dual after the repair."""
    network = random_network([3, 5, 4, 2], random_state=2)
    optimum = cvxpy_bound(network)
    solve = general_solver._solve
    scale = np.random.default_rng(0).uniform(0.5, 2.0, 12)
    scale[:3] = 1.7

    def rescaled(*arguments):
        x, t, dual = solve(*arguments)
        return x, t, scale[:, None] * dual * scale

    monkeypatch.setattr(general_solver, "_solve", rescaled)
    lower = cvxpy_multipliers(chain_of(network))[2]
    assert_allclose(lower, optimum.lower, rtol=1e-6)
    assert lower <= optimum.value


def test_scs_is_proven_too():
    network = random_network([4, 8, 3], random_state=0)
    certificate = cvxpy_bound(network, solver="scs")
    assert_allclose(certificate.value, cvxpy_bound(network).value, rtol=1e-3)
    assert certificate.verify(network)


@pytest.mark.parametrize("factor", [0.999, 1.001])
def test_a_solver_that_is_a_little_off_is_repaired(factor, monkeypatch):
    network = random_network([4, 6, 5, 2], random_state=0)
    optimum = cvxpy_bound(network).value
    solve = general_solver._solve

    def off(*arguments):
        x, t, dual = solve(*arguments)
        return 0.9 * x, factor * t, dual

    monkeypatch.setattr(general_solver, "_solve", off)
    certificate = cvxpy_bound(network)
    assert optimum * (1 - 1e-6) < certificate.value < 1.01 * optimum
    assert certificate.verify(network)
    assert certificate.slack > 0.05  # the solver's own L was no bound at all


def test_useless_multipliers_are_not_returned(monkeypatch):
    network = random_network([4, 6, 5, 2], random_state=0)

    def useless(scaled, sectors, name):
        return 0.01, np.full(11, 1e-3), np.zeros((15, 15))

    monkeypatch.setattr(general_solver, "_solve", useless)
    with pytest.warns(CertificationWarning, match="sequential"):
        certificate = cvxpy_bound(network)
    assert certificate == sequential_bound(network)


@pytest.mark.parametrize("raises", [True, False])
def test_a_failing_solver_is_an_error(raises, monkeypatch):
    import cvxpy

    def fail(self, **options):
        if raises:
            raise cvxpy.error.SolverError("out of luck")

    monkeypatch.setattr(cvxpy.Problem, "solve", fail)
    with pytest.raises(InfeasibleCertificateError, match="'lipsdp'"):
        cvxpy_bound(random_network([2, 3, 1], random_state=0))


def test_extreme_weights_are_an_error():
    network = random_network([2, 3, 1], random_state=0)
    extreme = FeedForward([w * 1e-300 for w in network.weights])
    with pytest.raises(InfeasibleCertificateError, match="extreme"):
        cvxpy_bound(extreme)


def test_large_networks_are_referred_to_lipsdp():
    with pytest.raises(ValueError, match="at most 200 .* 201: use method='lipsdp'"):
        cvxpy_bound(random_network([2, 100, 101, 1], random_state=0))


@pytest.mark.parametrize("solver", ["highs", "no such", 3])
def test_other_solvers_are_refused(solver):
    network = random_network([2, 3, 1], random_state=0)
    with pytest.raises(ValueError, match="solver must be None or one of 'clarabel'"):
        cvxpy_bound(network, solver=solver)


def test_a_first_layer_of_zeros_leaves_nothing_to_solve():
    scaled = [np.zeros((3, 2)), np.ones((1, 3))]
    with pytest.raises(np.linalg.LinAlgError, match="not positive"):
        general_solver._smallest_lipschitz(scaled, [(0.0, 1.0)], [4.0])
