# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""Ten Pipelines: no change of raw X inside the certified tolerances flips predict."""

import runpy

import numpy as np
import pytest

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:.*epochs allowed"),
]
N_PIPELINES = 10


@pytest.fixture(scope="module")
def zoo(repository):
    # The cases and the attack are those of benchmarks/pipelines.py.
    return runpy.run_path(str(repository / "benchmarks" / "_pipelines.py"))


def one_case(zoo, number):
    assert len(zoo["PIPELINES"]) == N_PIPELINES
    return list(zoo["PIPELINES"].values())[number]()


@pytest.mark.parametrize("number", range(N_PIPELINES))
def test_no_flips(number, zoo):
    case = one_case(zoo, number)
    hunt = zoo["hunt"]
    inside = hunt(case, np.random.default_rng(1), n_random=1000, n_rows=20, n_steps=4)
    assert inside["rows"] == 20
    assert inside["random flips"] == inside["ascent flips"] == 0
    # The same hunt does find flips a little farther out.
    rng = np.random.default_rng(1)
    beyond = hunt(case, rng, n_random=40, n_rows=20, n_steps=4, scale=3.0)
    assert beyond["ascent flips"] > 0.3 * beyond["rows"]


@pytest.mark.slow
@pytest.mark.parametrize("number", range(N_PIPELINES))
def test_no_flips_among_many(number, zoo):
    case = one_case(zoo, number)
    inside = zoo["hunt"](case, np.random.default_rng(2), n_random=100_000, n_steps=20)
    assert inside["random points"] >= 100_000
    assert inside["random flips"] == inside["ascent flips"] == 0
