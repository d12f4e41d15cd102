# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The barrier method: the primal-dual method's optimum, and a bracket at every step."""

import math

import pytest
import torch

from sklip.bounds import lipschitz_bound
from sklip.bounds._chain import chain_of
from sklip.bounds._lipsdp import barrier, bound
from sklip.bounds._lipsdp.problem import scaled_problem
from sklip.bounds._lipsdp.sequential import sequential_passes
from sklip.bounds._z import Z
from sklip.networks import random_network


def _problem(activation, sizes=(5, 8, 6, 7, 2)):
    network = random_network(sizes, activation=activation, gain=1.5, random_state=0)
    chain = chain_of(network)
    lipschitz, d = sequential_passes(chain)[0]
    start = Z.of(chain, lipschitz, d).inflated(1.2 ** (1 / len(chain)))
    return scaled_problem(chain, *start, False, "cpu")


@pytest.mark.parametrize("activation", ["relu", "gelu", "abs"])
def test_the_hessian_is_that_of_the_log_determinant(activation):
    problem = _problem(activation)
    x = problem.initial()
    hessian = torch.autograd.functional.hessian(
        lambda point: -torch.logdet(problem.slack(point)), x
    )
    inverse = torch.linalg.inv(problem.slack(x))
    torch.testing.assert_close(problem.curvature(inverse), hessian)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu(0.3)", "silu", "abs"])
@pytest.mark.parametrize("sizes", [(12, 9, 8, 3), (3, 40, 9), (4, *9 * [8], 2)])
def test_both_methods_close_the_same_gap(activation, sizes, monkeypatch):
    network = random_network(sizes, activation=activation, random_state=1)
    exact = lipschitz_bound(network, method="lipsdp", tol=1e-6)
    monkeypatch.setattr(bound, "swept", lambda *args, **options: None)
    monkeypatch.setattr(bound, "_PRIMAL_DUAL_UP_TO", 0)
    monkeypatch.setattr(bound, "interior_point", None)
    found = lipschitz_bound(network, method="lipsdp", tol=1e-6)
    assert found.verify(network)
    assert found.value <= found.lower * (1 + 2e-6)
    assert max(found.lower, exact.lower) <= min(found.value, exact.value)


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_every_dual_value_is_below_the_optimum(activation, monkeypatch):
    problem, lowers, uppers = _problem(activation), [], []
    plain = barrier.Newton.dual_value

    def spy(self, x, order):
        lowers.append(plain(self, x, order))
        uppers.append(float(x[0]))
        return lowers[-1]

    monkeypatch.setattr(barrier.Newton, "dual_value", spy)
    optimum = barrier.barrier_method(problem, 1e-8, math.inf)
    assert sum(value > 0.0 for value in lowers) >= 5
    assert max(lowers) <= min(uppers) == float(optimum.x[0])
    assert optimum.lower == max(lowers) >= (1.0 - 2e-8) * min(uppers)
    assert not torch.linalg.cholesky_ex(problem.slack(optimum.x))[1]


def test_a_time_that_is_up_leaves_the_start():
    problem = _problem("relu")
    optimum = barrier.barrier_method(problem, 1e-6, -math.inf)
    assert optimum.lower == 0.0
    assert torch.equal(optimum.x, problem.initial())
