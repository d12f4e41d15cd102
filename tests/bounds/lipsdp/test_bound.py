# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""LipSDP: optimality, feasibility, order of bounds, and the structured products.

Also tests of ``bounds/_lipsdp/interior_point.py``, of ``bounds/_lipsdp/problem.py`` and
of ``bounds/_lipsdp/rescale.py``.
"""

import itertools
import math
import time

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from sklip.bounds import (
    lipschitz_bound,
    lipschitz_lower_bound,
    output_difference_bounds,
)
from sklip.bounds._chain import chain_of, transposed
from sklip.bounds._lipsdp import bound, interior_point, swept
from sklip.bounds._lipsdp.bound import solve_lipsdp
from sklip.bounds._lipsdp.interior_point import smallest_eigenvalue
from sklip.bounds._lipsdp.problem import scaled_problem
from sklip.bounds._lipsdp.sequential import SequentialPasses, sequential_passes
from sklip.bounds._proof import is_feasible, prove
from sklip.bounds._z import Z
from sklip.networks import FeedForward, list_activations, random_network


def sequential_bound(network):
    """Sealed, so that it can be verified."""
    return lipschitz_bound(network, method="sequential")


def lipsdp_bound(network, *, per_layer=False, **options):
    """Sealed, so that it can be verified."""
    method = "lipsdp-layer" if per_layer else "lipsdp"
    return lipschitz_bound(network, method=method, **options)


@pytest.fixture
def without_sweeps(monkeypatch):
    """Leave the program to the interior-point methods."""
    monkeypatch.setattr(bound, "swept", lambda *args, **options: None)


ACTIVATIONS = [a for a in list_activations() if a != "identity"]
ACTIVATIONS += ["leaky_relu(0.3)", "leaky_relu(-0.5)", "leaky_relu(1.5)", "elu(2.0)"]


def _problem(activation, *, per_layer=False, sizes=(5, 4, 6, 3, 2)):
    network = random_network(sizes, activation=activation, gain=1.5, random_state=0)
    chain = chain_of(network)
    lipschitz, d = sequential_passes(chain)[0]
    start = Z.of(chain, lipschitz, d).inflated(1.5 ** (1 / len(chain)))
    return scaled_problem(chain, *start, per_layer, "cpu")


def _coefficients(problem):
    """The matrices P and a_i b_i^T + b_i a_i^T, one by one."""
    unit = torch.eye(problem.n_variables, dtype=torch.float64)
    return [problem.combination(row) for row in unit]


@pytest.mark.parametrize("activation", ["relu", "logistic", "gelu", "leaky_relu(0.3)"])
@pytest.mark.parametrize("per_layer", [False, True])
def test_structured_products_agree_with_dense_ones(activation, per_layer):
    problem = _problem(activation, per_layer=per_layer)
    generator = torch.Generator().manual_seed(0)

    def random(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    x = random(problem.n_variables)
    X, Z = (b @ b.T for b in (random(problem.order, problem.order) for _ in range(2)))
    dense = _coefficients(problem)
    matrix = sum(v * g for v, g in zip(x, dense, strict=True))
    torch.testing.assert_close(problem.combination(x), matrix)
    torch.testing.assert_close(problem.times_combination(X, x), X @ matrix)
    inner = torch.stack([(g * X).sum() for g in dense])
    torch.testing.assert_close(problem.adjoint(X), inner)
    schur = [[(g @ X @ h @ Z).trace() for h in dense] for g in dense]
    schur = torch.tensor(schur, dtype=torch.float64)
    torch.testing.assert_close(problem.schur(X, Z), schur)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("sizes", [(5, 12, 3), (20, 10, 8, 6, 2)])
def test_bracket_is_closed_and_ordered(activation, sizes):
    network = random_network(sizes, activation=activation, gain=1.5, random_state=0)
    certificate = lipsdp_bound(network, tol=1e-7)
    layer = lipsdp_bound(network, per_layer=True)
    assert certificate.verify(network) and layer.verify(network)
    assert 0 <= certificate.value - certificate.lower <= 2e-7 * certificate.value
    assert lipschitz_lower_bound(network, random_state=0).value <= certificate.value
    assert certificate.lower <= layer.value <= sequential_bound(network).value
    assert certificate.value < layer.value


@pytest.mark.parametrize("activation", ["relu", "logistic", "gelu", "leaky_relu(0.3)"])
def test_agrees_with_a_general_solver(activation):
    network = random_network([4, 7, 6, 2], activation=activation, random_state=2)
    reference = lipschitz_bound(network, method="lipsdp-cvxpy")
    ours = lipschitz_bound(network, method="lipsdp", tol=1e-8)
    assert_allclose(ours.value, reference.value, rtol=1e-6)
    assert max(ours.lower, reference.lower) <= min(ours.value, reference.value)


@pytest.mark.parametrize("seed", range(5))
def test_no_other_multipliers_are_better(seed):
    """Weak duality: random feasible multipliers never beat the dual value."""
    network = random_network([3, 6, 5, 2], random_state=seed)
    chain = chain_of(network)
    solution = solve_lipsdp(SequentialPasses(chain), tol=1e-8)
    rng = np.random.default_rng(seed)
    for spread in (1e-3, 1e-2, 1e-1):
        d = [m * np.exp(spread * rng.normal(size=len(m))) for m in solution.multipliers]
        # The smallest L for fixed multipliers: eliminate backwards.
        s = np.diag(d[1] ** 2) - chain.weights[2].T @ chain.weights[2]
        t = d[1][:, None] ** 2 / 2 * chain.weights[1]
        s = np.diag(d[0] ** 2) - t.T @ np.linalg.inv(s) @ t
        if np.linalg.eigvalsh(s)[0] <= 0:
            continue
        t = d[0][:, None] ** 2 / 2 * chain.weights[0]
        bound = np.sqrt(np.linalg.norm(t.T @ np.linalg.inv(s) @ t, 2))
        assert bound >= solution.lower * (1 - 1e-9)


def test_one_hidden_neuron_is_exact():
    network = FeedForward([[[3.0, 4.0]], [[2.0], [0.0]]], None, "relu")
    assert_allclose(lipsdp_bound(network).value, 10.0, rtol=1e-6)


def test_disjoint_neurons_are_the_largest_of_them():
    """With orthogonal rows and columns the constant is max |u_i| |v_i|."""
    network = FeedForward([np.diag([1.0, 2.0, 3.0]), np.diag([5.0, 2.0, 1.0])])
    assert_allclose(lipsdp_bound(network).value, 5.0, rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_scaling_a_layer_scales_the_bound(scale):
    network = random_network([4, 10, 8, 2], random_state=3)
    scaled = FeedForward([network.weights[0] * scale, *network.weights[1:]])
    bounds = [lipsdp_bound(net, tol=1e-8).value for net in (network, scaled)]
    assert_allclose(bounds[1], scale * bounds[0], rtol=1e-7)


def test_wide_inputs_are_reduced_exactly():
    network = random_network([4, 10, 8, 2], random_state=3)
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(300, 4)))[0].T
    wide = FeedForward([network.weights[0] @ rotation, *network.weights[1:]])
    bounds = [lipsdp_bound(net, tol=1e-8).value for net in (network, wide)]
    assert_allclose(*bounds, rtol=1e-7)
    assert lipsdp_bound(wide).verify(wide)


def test_deep_networks_close_the_gap():
    network = random_network([4] + 12 * [16] + [1], random_state=0)
    certificate = lipsdp_bound(network, tol=1e-6)
    assert certificate.value <= certificate.lower * (1 + 2e-6)
    assert certificate.value < 0.5 * sequential_bound(network).value


@pytest.mark.parametrize("damping", [0.97, 0.995])
@pytest.mark.usefixtures("without_sweeps")
def test_stalled_steps_are_followed_by_safe_ones(damping, monkeypatch):
    """Steps this close to the boundary stall, unless the method centres again."""
    monkeypatch.setattr(interior_point, "_DAMPING", damping)
    for seed, activation in enumerate(["relu", "gelu", "leaky_relu(0.3)"]):
        network = random_network(
            [8, 30, 30, 30, 4], activation=activation, random_state=seed
        )
        certificate = lipsdp_bound(network, tol=1e-7)
        assert certificate.value <= certificate.lower * (1 + 2e-7)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_badly_scaled_networks_close_the_gap(activation, monkeypatch):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        sizes = rng.integers(2, 20, size=5)
        plain = random_network(
            sizes, activation=activation, gain=3.0, random_state=seed
        )
        rows = [np.exp(2.0 * rng.normal(size=(len(w), 1))) for w in plain.weights]
        weights = [w * r for w, r in zip(plain.weights, rows, strict=True)]
        network = FeedForward(weights, None, activation)
        certificate = lipsdp_bound(network, tol=1e-6)
        with monkeypatch.context() as patch:
            patch.setattr(bound, "swept", lambda *args, **options: None)
            other = lipsdp_bound(network, tol=1e-6)
        for found in (certificate, other):
            assert found.value <= found.lower * (1 + 1.1e-6)
        assert (
            max(certificate.lower, other.lower)
            <= min(certificate, other, key=float).value
        )


def test_large_networks_have_no_other_method_than_sweeps(monkeypatch):
    network = random_network([16, 40, 40, 40, 4], random_state=0)
    exact = lipsdp_bound(network)
    monkeypatch.setattr(bound, "_DENSE_UP_TO", 100)
    monkeypatch.setattr(bound, "interior_point", None)
    large = lipsdp_bound(network)
    assert large.verify(network)
    assert exact.lower <= large.value <= 1.01 * exact.value
    assert large.value < sequential_bound(network).value
    assert 0.95 * exact.lower <= large.lower <= exact.value
    hurried = lipsdp_bound(network, time_limit=1e-9)
    assert hurried.verify(network)
    assert large.value < hurried.value <= sequential_bound(network).value


def test_auto_sweeps_above_its_size(monkeypatch):
    network = random_network([16, 300, 300, 4], random_state=0)
    monkeypatch.setattr(swept, "_AUTO_WORK", 20 * 2 * 300**3)
    certificate = lipschitz_bound(network)
    assert certificate.verify(network)
    assert certificate.value < 0.95 * sequential_bound(network).value
    assert lipschitz_bound(network) == certificate
    monkeypatch.setattr(swept, "_AUTO_WORK", 0.0)
    assert lipschitz_bound(network) == sequential_bound(network)


def test_a_time_limit_returns_a_proven_bound_and_its_gap():
    network = random_network([16, 64, 64, 64, 4], random_state=0)
    start = time.monotonic()
    certificate = lipschitz_bound(network, method="lipsdp", time_limit=1e-3)
    assert time.monotonic() - start < 5.0
    best = lipschitz_bound(network, method="lipsdp")
    assert certificate.verify(network)
    assert certificate.lower <= best.value <= certificate.value
    assert certificate.value <= sequential_bound(network).value


def test_identity_layers_and_constant_networks():
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=s) for s in ((5, 3), (4, 5), (2, 4))]
    linear = FeedForward(weights, None, "identity")
    exact = np.linalg.norm(weights[2] @ weights[1] @ weights[0], 2)
    assert_allclose(lipsdp_bound(linear).value, exact, rtol=1e-9)
    mixed = FeedForward(weights, None, ["identity", "relu"])
    merged = FeedForward([weights[1] @ weights[0], weights[2]])
    assert_allclose(lipsdp_bound(mixed).value, lipsdp_bound(merged).value, rtol=1e-6)
    constant = FeedForward([weights[0], np.zeros((4, 5)), weights[2]])
    assert lipsdp_bound(constant).value == 0.0


def test_dead_neurons_change_nothing():
    network = random_network([4, 6, 5, 2], random_state=1)
    weights = [w.copy() for w in network.weights]
    weights[0] = np.vstack([weights[0], np.zeros((1, 4))])
    weights[1] = np.column_stack([weights[1], np.ones(5)])
    bounds = [
        lipsdp_bound(net, tol=1e-7).value for net in (network, FeedForward(weights))
    ]
    assert_allclose(*bounds, rtol=1e-6)


@pytest.mark.parametrize("n", [5, 30, 400])
def test_lanczos_finds_the_boundary_from_the_safe_side(n):
    generator = torch.Generator().manual_seed(n)
    root = torch.randn(n, n, generator=generator, dtype=torch.float64)
    direction = torch.randn(n, n, generator=generator, dtype=torch.float64)
    direction = direction + direction.T
    factor = torch.linalg.cholesky(root @ root.T + torch.eye(n, dtype=torch.float64))
    inverse = torch.linalg.inv(factor)
    exact = float(torch.linalg.eigvalsh(inverse @ direction @ inverse.T)[0])
    found = smallest_eigenvalue(factor, direction)
    assert 1.5 * exact <= found <= exact * (1 - 1e-6)


def test_pair_constants_are_tightest_by_lipsdp():
    network = random_network([6, 12, 10, 4], random_state=0)
    pairs = np.array(list(itertools.combinations(range(4), 2)))
    by_method = {
        method: output_difference_bounds(network, pairs, method=method)
        for method in ("pairwise", "sequential", "lipsdp")
    }
    assert np.all(by_method["lipsdp"] <= by_method["sequential"])
    assert np.all(by_method["sequential"] <= by_method["pairwise"])
    whole = lipsdp_bound(network).value
    assert np.all(by_method["lipsdp"] <= np.sqrt(2) * whole * (1 + 1e-4))
    for (t, j), constant in zip(pairs, by_method["lipsdp"], strict=True):
        difference = np.eye(4)[[t]] - np.eye(4)[[j]]
        alone = network.with_output_map(difference)
        assert constant >= lipschitz_lower_bound(alone, random_state=0).value
        assert_allclose(constant, lipsdp_bound(alone).value, rtol=2e-4)
    swapped = output_difference_bounds(network, pairs[:, ::-1], method="lipsdp")
    assert np.array_equal(swapped, by_method["lipsdp"])


@pytest.mark.parametrize("method", ["lipsdp", "lipsdp-layer"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_transposed_network_has_the_same_bound(activation, method):
    """The narrower end is the one that the program keeps."""
    network = random_network([9, 7, 8, 2], activation=activation, random_state=1)
    chain = chain_of(network)
    solutions = []
    for solved in (chain, transposed(chain)):
        solution = solve_lipsdp(
            SequentialPasses(solved), per_layer=method != "lipsdp", tol=1e-8
        )
        proven = prove(solved, solution.lipschitz, solution.multipliers)
        assert proven[0] <= solution.lipschitz * (1 + 1e-9)
        solutions.append(solution.lipschitz)
    assert_allclose(solutions[0], solutions[1], rtol=3e-8)
    certificate = lipschitz_bound(network, method=method, tol=1e-8)
    assert_allclose(certificate.value, solutions[0], rtol=3e-8)


@pytest.mark.parametrize("sizes", [[30, 12, 2], [2, 12, 30], [64, 12, 12, 1]])
@pytest.mark.usefixtures("without_sweeps")
def test_the_program_is_as_small_as_the_narrower_end(sizes, monkeypatch):
    orders = []

    def spy(*args):
        problem = scaled_problem(*args)
        orders.append(problem.order)
        return problem

    monkeypatch.setattr(bound, "scaled_problem", spy)
    lipsdp_bound(random_network(sizes, random_state=0))
    assert orders == [min(sizes[0], sizes[-1]) + sum(sizes[1:-1])]


def test_the_better_ends_are_kept_where_sweeps_do_not_end(monkeypatch):
    network = random_network((5, 12, 12, 3), gain=1.5, random_state=0)
    tight = lipsdp_bound(network, tol=1e-8)
    few = bound.swept(chain_of(network), 1e-8, math.inf, n_sweeps=12)
    monkeypatch.setattr(bound, "swept", lambda *args, **options: few)
    monkeypatch.setattr(bound, "_PRIMAL_DUAL_UP_TO", 4)
    found = lipsdp_bound(network, tol=1e-8)
    assert found.value < few.value and found.lower > few.lower
    assert found.lower <= tight.value and tight.lower <= found.value
    assert found.value <= found.lower * (1 + 1e-7)
    monkeypatch.setattr(bound, "barrier_method", lambda *args, **options: None)
    monkeypatch.setattr(bound, "interior_point", lambda *args, **options: None)
    found = lipsdp_bound(network, tol=1e-8)
    assert (found.value, found.lower) == (few.value, few.lower)
    assert is_feasible(chain_of(network), found.value, found.multipliers)
    late = lipsdp_bound(network, tol=1e-3, time_limit=1e-9)
    assert found.value <= late.value <= sequential_bound(network).value


def test_another_step_is_taken_only_where_its_time_is_left(monkeypatch):
    """By a clock on which a step takes a second."""
    now, step = [0.0], interior_point._step

    def slow(*args):
        now[0] += 1.0
        return step(*args)

    monkeypatch.setattr(interior_point, "_step", slow)
    monkeypatch.setattr(interior_point.time, "monotonic", lambda: now[0])
    problem = _problem("relu")
    interior_point.interior_point(problem, 1e-9, 4.5)
    assert now[0] == 4.0
