# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""The Lipschitz step by cvxpy: compiled once, failures said."""

import cvxpy
import numpy as np
import pytest

from sklip.exceptions import InfeasibleCertificateError
from sklip.training import CvxpyStep

TARGETS = [np.array([[3.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 1.0]])]
ARGUMENTS = {"multipliers": [np.ones(2)], "slopes": ["relu"]}


@pytest.mark.parametrize("kind", [{"bound": 2.0}, {"weight": 0.1}])
def test_compiled_once(monkeypatch, kind):
    step = CvxpyStep([2, 2, 1], "clarabel")
    first = step.solve(TARGETS, **ARGUMENTS, **kind)
    (program,) = step._programs.values()
    assert program.problem.is_dcp(dpp=True)
    compiled = program.problem._cache.param_prog
    moved = [1.5 * v for v in TARGETS]
    second = step.solve(moved, **ARGUMENTS, **kind)
    assert program.problem._cache.param_prog is compiled is not None
    fresh = CvxpyStep([2, 2, 1], "clarabel").solve(moved, **ARGUMENTS, **kind)
    for a, b, c in zip(first.weights, second.weights, fresh.weights, strict=True):
        np.testing.assert_allclose(b, c, atol=1e-6)
        assert np.max(np.abs(a - b)) > 1e-3


def test_unknown_or_missing_solver(monkeypatch):
    with pytest.raises(ValueError, match="'native' or one of"):
        CvxpyStep([2, 2, 1], "sdpt3")
    monkeypatch.setattr(cvxpy, "installed_solvers", lambda: ["SCS", "OSQP"])
    with pytest.raises(ValueError, match="'mosek' is not installed.*'native'") as error:
        CvxpyStep([2, 2, 1], "mosek")
    # Only what is there is offered.
    alternatives = str(error.value).split("installed.")[1]
    assert "'scs'" in alternatives
    assert "mosek" not in alternatives and "clarabel" not in alternatives
    monkeypatch.setattr(cvxpy, "installed_solvers", lambda: ["OSQP"])
    with pytest.raises(ValueError, match=r"needs no other solver\.$"):
        CvxpyStep([2, 2, 1], "scs")


@pytest.mark.parametrize("error", [cvxpy.error.SolverError("x"), RuntimeError("x")])
def test_failed_solve_says_what_to_use(monkeypatch, error):
    step = CvxpyStep([2, 2, 1], "clarabel")

    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(cvxpy.Problem, "solve", fail)
    with pytest.raises(InfeasibleCertificateError, match="sdp_solver='native'"):
        step.solve(TARGETS, **ARGUMENTS, bound=1.0)


def test_other_sizes_are_refused():
    with pytest.raises(ValueError, match="layer sizes"):
        CvxpyStep([3, 2, 1], "scs").solve(TARGETS, **ARGUMENTS, bound=1.0)
