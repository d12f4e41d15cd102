# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Tables I and II of paper 001 (items P22 to P24), from the stored L2 networks.

The samples and the trained networks come from ``load_paper_toy``: no file is needed.

Also tests of ``datasets/_pauli.py`` and ``datasets/_pauli_networks.py``.
"""

import time

import numpy as np
import pytest

from sklip import ADMMLipschitzMLPRegressor, FeedForward, lipschitz_bound
from sklip.datasets import load_paper_toy

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


def _network(toy, kind):
    coefs, intercepts = toy.trained[kind]
    return FeedForward([c.T for c in coefs], intercepts, "tanh")


def _error(network, X, y):
    return float(np.mean((network.forward(X)[:, 0] - y) ** 2))


def _fit(toy, **parameters):
    """100 iterations as in the paper; rho and mu halved, as the loss is MSE / 2."""
    settings = dict(
        solver="lbfgs",
        rho=1.0,
        max_admm_iter=100,
        epochs_per_iter=25,
        admm_tol=0.0,
        tol=1e-7,
        step_tol=1e-8,
        alpha=0.0,
    )
    model = ADMMLipschitzMLPRegressor((10,), "tanh", **(settings | parameters))
    coefs, intercepts = toy.trained["l2"]
    start = time.process_time()
    model.fit(toy.data, toy.target, coef_init=coefs, intercept_init=intercepts)
    assert time.process_time() - start < 60.0
    return model


@pytest.mark.parametrize(
    "name, kind, error, bound",
    [
        ("step", "nominal", 0.0161, 17.66),
        ("step", "l2", 0.0457, 7.816),
        ("sine", "nominal", 0.0597, 5.885),
        ("sine", "l2", 0.1174, 2.414),
    ],
)
def test_rows_of_the_stored_networks(name, kind, error, bound):
    toy = load_paper_toy(name)
    network = _network(toy, kind)
    assert _error(network, toy.data, toy.target) == pytest.approx(error, abs=1e-4)
    certificate = lipschitz_bound(network, method="lipsdp")
    assert float(certificate) == pytest.approx(bound, abs=1e-2)


def test_table_one_lipschitz_row():
    toy = load_paper_toy("step")
    model = _fit(toy, lipschitz_weight=4e-4)
    error = _error(model.network_, toy.data, toy.target)
    assert error == pytest.approx(0.0437, abs=5e-4)
    assert model.lipschitz_bound_ == pytest.approx(6.373, abs=0.02)
    assert model.lmi_bound_ == pytest.approx(6.805, abs=0.02)
    assert model.certificate_.verify(model.network_)


def test_table_one_descent_and_exact_loss_steps_reach_the_same_objective():
    """Mean squared error + 8e-4 L^2 of the paper's gradient steps is 0.08079."""
    toy = load_paper_toy("step")
    for n in (25, 100):
        model = _fit(toy, lipschitz_weight=4e-4, epochs_per_iter=n)
        error = _error(model.network_, toy.data, toy.target)
        objective = error + 8e-4 * model.lmi_bound_**2
        assert objective == pytest.approx(0.08079, rel=2e-3)


def test_table_two_lipschitz_row():
    toy = load_paper_toy("sine")
    l2 = _network(toy, "l2")
    enforced = float(lipschitz_bound(l2, method="lipsdp"))
    model = _fit(toy, lipschitz_bound=enforced)
    assert model.lipschitz_bound_ <= enforced
    assert _error(model.network_, toy.data, toy.target) <= 0.072
    assert _error(model.network_, toy.data, toy.target_clean) <= 0.0155
    assert _error(model.network_, toy.data, toy.target_test) <= 0.1032
    assert _error(model.network_, toy.data, toy.target) < _error(
        l2, toy.data, toy.target
    )


def test_the_published_iteration_stops_short_of_its_own_optimum():
    """With a smaller rho two runs agree on a stationary point that is much lower."""
    toy = load_paper_toy("step")
    objectives = []
    for rho in (0.005, 0.01):
        model = _fit(
            toy, lipschitz_weight=4e-4, rho=rho, max_admm_iter=600, admm_tol=1e-4
        )
        error = _error(model.network_, toy.data, toy.target)
        objectives.append(error + 8e-4 * model.lmi_bound_**2)
    assert objectives[0] == pytest.approx(objectives[1], rel=1e-3)
    assert objectives[0] < 0.87 * 0.08079
