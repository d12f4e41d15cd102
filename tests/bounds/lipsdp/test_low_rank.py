# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Sweeps over LipSDP's dual: dual points exactly, never falling, to the optimum.

Also tests of ``bounds/_lipsdp/sweeps.py``, of ``bounds/_lipsdp/refine.py`` and of
``bounds/_lipsdp/swept.py``.
"""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from sklip.bounds import lipsdp_bound, sequential_bound
from sklip.bounds._chain import chain_of
from sklip.bounds._lipsdp import low_rank, swept
from sklip.bounds._lipsdp.bound import solve_lipsdp
from sklip.bounds._lipsdp.low_rank import low_rank_method
from sklip.bounds._lipsdp.problem import LipSDPProblem
from sklip.bounds._lipsdp.refine import refined
from sklip.bounds._lipsdp.sequential import SequentialPasses
from sklip.bounds._lipsdp.sweeps import Sweeps
from sklip.bounds._lipsdp.swept import swept_bound
from sklip.bounds._proof import is_feasible
from sklip.networks import FeedForward, random_network

ACTIVATIONS = ["relu", "gelu", "logistic", "leaky_relu(0.3)", "leaky_relu(0.9)", "abs"]


def chain_and_sweeps(activation, sizes=(5, 9, 7, 3)):
    chain = chain_of(random_network(sizes, activation=activation, random_state=3))
    return chain, Sweeps(list(chain.weights), chain.sectors)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_point_meets_the_equations_of_the_dual_and_sweeps_never_fall(activation):
    chain, sweeps = chain_and_sweeps(activation)
    weights = [torch.tensor(w) for w in chain.weights]
    problem = LipSDPProblem(weights, chain.sectors)
    x, values = sweeps.random_point(4), []
    for _ in range(30):
        found = sweeps(x)
        F = torch.from_numpy(np.concatenate(found.rows))
        trace, *equations = problem.adjoint(F @ F.T)
        assert_allclose(trace, 1.0)
        assert_allclose(
            equations, np.zeros(len(equations)), atol=1e-13 * float(F.norm()) ** 2
        )
        assert_allclose(problem.dual_value(F @ F.T), found.squared)
        values.append(found.squared)
        x = found.image
    assert np.all(np.diff(values) >= -1e-14 * values[-1])
    # Where they stand still, S(x) F = 0: the multipliers are LipSDP's.
    for _ in range(1500):
        found = sweeps(found.image)
    t = np.concatenate(found.scales)
    slack = problem.slack(torch.from_numpy(np.append(found.squared, t))).numpy()
    rest = slack @ np.concatenate(found.rows)
    assert np.abs(rest).max() <= 1e-6 * np.abs(slack).max() * float(F.norm())


@pytest.mark.parametrize("activation", sorted({*ACTIVATIONS} - {"leaky_relu(0.9)"}))
def test_refined_multipliers_miss_definiteness_by_the_square(activation):
    chain, sweeps = chain_and_sweeps(activation, (6, 16, 16, 4))
    problem = LipSDPProblem([torch.tensor(w) for w in chain.weights], chain.sectors)

    def missing(squared, scales):
        """Of the whole condition, over its diagonal, by its eigenvalues."""
        x = torch.from_numpy(np.append(squared, np.concatenate(scales)))
        scale = sweeps.scale(squared, scales)
        return -np.linalg.eigvalsh(problem.slack(x).numpy() / scale / scale.T)[0]

    x, plain = sweeps.random_point(12), 1.0
    while plain > 1e-8:
        swept = sweeps(x)
        plain, x = missing(swept.squared, swept.scales), swept.image
    basis, _, strengths = sweeps.range_of(swept)
    found = list(refined(sweeps, swept, basis, strengths))
    squared, scales, factor = min(found, key=lambda p: np.sqrt(p[0]) * p[2] ** 3)
    excess = np.sqrt(squared / swept.squared) * factor**3 - 1.0
    assert -1e-12 <= excess <= 0.3 * 3 * plain
    assert missing(squared, scales) <= 1.2 * (factor - 1.0) + 1e-14
    # What it is made from, against the dense matrix.
    x = torch.from_numpy(np.append(squared, np.concatenate(scales)))
    dense = problem.slack(x).numpy()
    assert_allclose(sweeps.times(basis, squared, scales), dense @ basis, atol=1e-9)
    parts, given = sweeps.forms(basis, squared, scales)
    assert_allclose(parts.sum(0) - given, basis.T @ dense @ basis, atol=1e-9)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("sizes", [(3, 8, 2), (5, 4, 12, 6), (9, 3, 3, 3, 7)])
def test_closes_the_gap_at_the_other_methods_optimum(activation, sizes):
    network = random_network(sizes, activation=activation, random_state=1)
    chain = chain_of(network)
    found = low_rank_method(chain, 1e-8)
    assert found.is_closed and found.value * (1.0 - 1e-8) <= found.lower <= found.value
    assert is_feasible(chain, found.value, found.multipliers)
    exact = solve_lipsdp(SequentialPasses(chain), tol=1e-8)
    assert max(found.lower, exact.lower) <= min(found.value, exact.lipschitz) * (
        1 + 1e-12
    )
    assert_allclose(found.value, exact.lipschitz, rtol=3e-8)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("n_sweeps", [1, 5, 20])
def test_wherever_it_stops_the_ends_hold_the_optimum(activation, n_sweeps):
    network = random_network([5, 12, 9, 3], activation=activation, random_state=3)
    chain = chain_of(network)
    exact = low_rank_method(chain, 1e-9)
    found = low_rank_method(chain, 1e-9, n_sweeps=n_sweeps)
    bound = swept_bound(network, n_sweeps=n_sweeps)
    assert bound.value <= sequential_bound(network).value
    for end in (found, bound) if found else (bound,):
        assert 0.0 <= end.lower <= exact.value and exact.lower <= end.value
    if found:
        assert is_feasible(chain, found.value, found.multipliers)
    if n_sweeps == 20:
        assert found.lower >= 0.99 * exact.value and found.value <= 1.05 * exact.value


@pytest.mark.parametrize("scale", [2.0**-300, 2.0**300])
def test_the_scale_of_the_weights_does_not_matter(scale):
    """A power of two changes no digit."""
    network = random_network([4, 9, 7, 3], random_state=0)
    scaled = FeedForward([scale * network.weights[0], *network.weights[1:]])
    one, two = (low_rank_method(chain_of(n), 1e-7) for n in (network, scaled))
    assert (one.value, one.lower) == (two.value / scale, two.lower / scale)


def test_neurons_without_influence_and_layers_of_equal_singular_values():
    rng = np.random.default_rng(0)
    weights = [w.copy() for w in random_network([6, 9, 8, 3], random_state=1).weights]
    weights[0][2], weights[1][:, 5], weights[1][4] = 0.0, 0.0, 0.0
    weights[2][:, 6] *= 1e-14
    weights[0][7] *= 1e-200
    dead = low_rank_method(chain_of(FeedForward(weights)), 1e-6)
    assert dead.is_closed
    orthogonal = [np.linalg.qr(rng.normal(size=(9, 9)))[0] for _ in range(3)]
    found = low_rank_method(chain_of(FeedForward(orthogonal, None, "abs")), 1e-7)
    assert found.is_closed
    assert_allclose(found.value, 1.0, rtol=2e-7)


def test_what_definiteness_misses_outside_the_range_is_found(monkeypatch):
    """With one column the range of F does not tell; columns are added."""
    monkeypatch.setattr(low_rank, "_RANK", 1)
    monkeypatch.setattr(low_rank, "_SPARE", 0)
    network = random_network([8, 20, 20, 8], random_state=0)
    found = low_rank_method(chain_of(network), 1e-4)
    assert found.point.shape[1] > 1
    assert_allclose(found.value, lipsdp_bound(network).value, rtol=1e-3)


def test_where_a_proof_is_dear_none_is_tried_that_fails(monkeypatch):
    """What F's range does not tell is looked for around it, and F widened by it."""
    proofs, plain = [], low_rank._prove
    monkeypatch.setattr(low_rank, "_DEAR_PROOF", 0)
    monkeypatch.setattr(low_rank, "_ATTEMPTS", (1.0,))

    def noted(*arguments):
        proofs.append(plain(*arguments))
        return proofs[-1]

    monkeypatch.setattr(low_rank, "_prove", noted)
    network = random_network([8, 20, 20, 8], random_state=0)
    found = low_rank_method(chain_of(network), 1e-4, rank=2)
    assert found.is_closed and found.point.shape[1] > 2
    assert len(proofs) == 1 and proofs[0] is not None


def test_columns_of_a_point_are_those_of_f():
    chain = chain_of(random_network([5, 9, 7, 3], activation="tanh", random_state=0))
    sweeps = Sweeps(chain.weights, chain.sectors)
    point = sweeps.random_point(4)
    swept = sweeps(point)
    more = 1e-7 * np.random.default_rng(1).normal(size=(len(point), 2))
    wider = np.hstack([point, sweeps.along(swept, more)])
    rows = np.concatenate(sweeps(sweeps.on_spheres(wider)).rows)
    assert_allclose(rows[:, :4], np.concatenate(swept.rows), rtol=1e-9, atol=1e-12)
    assert_allclose(rows[:, 4:], more, rtol=1e-9, atol=1e-16)
    # Directions in which definiteness is missed, of a subspace.
    basis = sweeps.range_of(swept)[0]
    told = swept.squared, swept.scales
    wide = sweeps.surroundings(basis, *told)
    missed = sweeps.missed(wide, *told, 3)
    quadratic = (missed * sweeps.times(missed, *told)).sum(axis=0)
    assert missed.shape[1] > 0 and np.all(quadratic < 0.0)
    assert sweeps.inflation(wide, *told) >= sweeps.inflation(basis, *told)


def test_it_stops_at_the_gap_the_sweeps_or_the_deadline():
    network = random_network([16, 40, 40, 40, 4], random_state=0)
    chain = chain_of(network)
    full = low_rank_method(chain, 1e-7)
    loose = low_rank_method(chain, 0.1)
    assert loose.is_closed and loose.value > (1 + 1e-4) * full.value
    late = low_rank_method(chain, 1e-7, time.monotonic() - 1.0)
    assert late is None or not late.is_closed and late.lower < loose.lower
    hurried = swept_bound(network, time_limit=1e-9)
    assert (
        replace(hurried, method="sequential").value == sequential_bound(network).value
    )


def test_a_network_nearby_takes_a_third_of_the_sweeps(monkeypatch):
    taken, plain = [], Sweeps.__call__
    monkeypatch.setattr(
        Sweeps, "__call__", lambda self, x: taken.append(1) or plain(self, x)
    )
    rng = np.random.default_rng(0)
    network = random_network([16, 40, 40, 40, 4], random_state=0)
    found = lipsdp_bound(network, tol=1e-5)
    cold = len(taken)
    for _ in range(3):
        weights = [
            w + 1e-4 * w.std() * rng.normal(size=w.shape) for w in network.weights
        ]
        network = FeedForward(weights)
        taken.clear()
        found = lipsdp_bound(network, tol=1e-5, start=found.start)
        assert 0 < len(taken) <= cold / 3
        assert found.lower >= found.value * (1.0 - 1e-5)
        assert is_feasible(chain_of(network), found.value, found.multipliers)
    constant = FeedForward([*network.weights[:-1], 0.0 * network.weights[-1]])
    assert lipsdp_bound(constant, start=found.start).value == 0.0


def test_linear_networks_are_settled_and_wide_ones_get_fewer_sweeps():
    found = swept_bound(FeedForward([np.diag([1.0, 2.0])]))
    assert found.multipliers == () and 2.0 <= found.value < 2.0 + 1e-12
    sizes = [random_network([4, n, n, 3], random_state=0) for n in (200, 400)]
    few, many = (swept.granted_sweeps(n) for n in sizes[::-1])
    assert few < many / 3
