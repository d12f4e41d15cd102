# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""One hidden layer: the reduced program is LipSDP itself, and ends where it does."""

import math

import numpy as np
import pytest
import torch

from sklip.bounds import lipsdp_bound
from sklip.bounds._lipsdp import bound, one_layer
from sklip.bounds._lipsdp.interior_point import interior_point
from sklip.bounds._lipsdp.one_layer import _OneLayerPath, one_layer_method
from sklip.bounds._lipsdp.problem import LipSDPProblem
from sklip.networks import FeedForward, random_network

RNG = np.random.default_rng(0)


def _problem(sizes=(4, 9, 3), slope=1.0, spread=0.3):
    n, hidden, m = sizes
    first, last = RNG.normal(size=(hidden, n)), RNG.normal(size=(m, hidden))
    first *= spread / np.linalg.norm(first, 2)
    last *= spread / np.linalg.norm(last, 2)
    weights = [torch.from_numpy(first), torch.from_numpy(last)]
    return LipSDPProblem(weights, [(0.0, slope)])


@pytest.mark.parametrize("slope", [1.0, 0.25])
def test_barrier_and_derivatives_are_those_of_the_whole_matrix(slope):
    problem = _problem(slope=slope)
    t = torch.from_numpy(RNG.uniform(0.4, 0.8, size=9))
    x = torch.cat([torch.tensor([1.1], dtype=torch.float64), t])
    S = problem.slack(x)
    inverse = torch.linalg.inv(S)
    first, last = (w.numpy() for w in problem.weights)
    path = _OneLayerPath(slope * first, last)
    own = np.append(1.1, 2.0 * t.numpy())
    assert path.begin(own)
    det_f = 2.0 * np.log(np.diagonal(path._factor)).sum()
    np.testing.assert_allclose(
        det_f + np.log(own[1:]).sum(), float(torch.logdet(S)), rtol=1e-12
    )
    newton = path.newton(own, 1.0)
    # s = 2 t: a derivative in s is half of the one in t.
    units = np.append(1.0, np.full(9, 2.0))
    slopes = problem.adjoint(inverse).numpy()
    np.testing.assert_allclose(newton.slope * units, slopes, rtol=1e-10)
    hessian = problem.curvature(inverse).numpy()
    np.testing.assert_allclose(
        newton.direction(math.inf) / units, np.linalg.solve(hessian, slopes), rtol=1e-8
    )


@pytest.mark.parametrize("sizes", [(4, 9, 3), (12, 7, 2), (1, 20, 1), (3, 8, 12)])
@pytest.mark.parametrize("tol", [1e-3, 1e-8])
def test_both_ends_meet_at_the_optimum(sizes, tol):
    problem = _problem(sizes)
    found = one_layer_method(problem, tol, math.inf)
    reference = interior_point(problem, 1e-9, math.inf)
    optimum = float(reference.x[0])
    assert torch.linalg.eigvalsh(problem.slack(found.x))[0] > 0.0
    assert reference.lower * (1.0 - 1e-7) <= float(found.x[0])
    assert float(found.x[0]) <= optimum * (1.0 + 2.1 * tol)
    assert found.lower <= optimum * (1.0 + 1e-9)
    assert found.lower >= optimum * (1.0 - 2.1 * tol)


def test_an_infeasible_start_is_said_to_be():
    problem = _problem(spread=3.0)
    assert one_layer_method(problem, 1e-6, math.inf) is None


def test_time_is_kept_and_what_there_is_is_feasible():
    problem = _problem()
    found = one_layer_method(problem, 1e-6, -math.inf)
    assert torch.linalg.eigvalsh(problem.slack(found.x))[0] > 0.0
    assert found.lower == 0.0


@pytest.mark.parametrize("dead", ["input", "output", "both"])
def test_neurons_that_do_nothing_are_no_trouble(dead, monkeypatch):
    monkeypatch.setattr(bound, "swept", lambda *args, **options: None)
    first, last = RNG.normal(size=(12, 4)), RNG.normal(size=(2, 12))
    kept = np.delete(first, 3, 0), np.delete(last, 3, 1)
    if dead in ("input", "both"):
        first[3] = 0.0
    if dead in ("output", "both"):
        last[:, 3] = 0.0
    whole = lipsdp_bound(FeedForward([first, last], None, "relu"))
    rest = lipsdp_bound(FeedForward(kept, None, "relu"))
    assert whole.value == pytest.approx(rest.value, rel=3e-6)


def test_neurons_that_do_almost_nothing_cost_no_steps(monkeypatch):
    steps, newton = [], _OneLayerPath.newton

    def counted(path, *point):
        steps.append(len(point[0]))
        return newton(path, *point)

    monkeypatch.setattr(_OneLayerPath, "newton", counted)
    monkeypatch.setattr(bound, "swept", lambda *args, **options: None)
    first, last = RNG.normal(size=(20, 4)), RNG.normal(size=(2, 20))
    rest = lipsdp_bound(FeedForward([first[8:], last[:, 8:]], None, "relu"))
    n_rest = len(steps)
    sizes = np.logspace(-4, -16, 8)
    first[:8] *= sizes[:, None]
    last[:, :8] *= sizes
    whole = lipsdp_bound(FeedForward([first, last], None, "relu"))
    assert len(steps) - n_rest <= 1.5 * n_rest
    assert whole.value == pytest.approx(rest.value, rel=1e-5)
    assert whole.lower <= whole.value <= whole.lower * (1.0 + 2e-6)


def test_where_it_stalls_the_primal_dual_method_goes_on(monkeypatch):
    network = random_network([4, 10, 3], random_state=0)
    expected = lipsdp_bound(network)
    calls = []

    def stalled(problem, tol, deadline):
        calls.append(problem)
        return one_layer_method(problem, 0.3, deadline)

    assert one_layer.is_one_layer(LipSDPProblem([torch.eye(3)] * 2, [(0.0, 1.0)]))
    monkeypatch.setattr(bound, "swept", lambda *args, **options: None)
    monkeypatch.setattr(bound, "one_layer_method", stalled)
    found = lipsdp_bound(network)
    assert calls and found.value == pytest.approx(expected.value, rel=2e-6)
    assert found.lower >= found.value * (1.0 - 2e-6)
